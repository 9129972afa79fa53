package transport

import (
	"sync"
	"time"
)

// An Idle finds bodies that nobody reads any more, for all of a program's [Watcher]s. It has one timer, and that only
// while there are bodies: most are read within moments, and a timer for each would cost more than reading them. The zero
// Idle is ready. It is safe for concurrent use.
type Idle struct {
	mu    sync.Mutex
	first *watched
	timer *time.Timer
	due   time.Time // when the timer fires; zero while it is not set
}

func (l *Idle) add(b *watched) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b.next = l.first
	if b.next != nil {
		b.next.prev = b
	}
	l.first = b
	l.wake(b.last.Add(b.w.IdleTime))
}

func (l *Idle) remove(b *watched) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b.prev != nil {
		b.prev.next = b.next
	} else if l.first == b {
		l.first = b.next
	}
	if b.next != nil {
		b.next.prev = b.prev
	}
	b.prev, b.next = nil, nil
}

// wake has the bodies looked at no later than at the given time.
func (l *Idle) wake(at time.Time) {
	switch {
	case !l.due.IsZero() && !at.Before(l.due):
		return
	case l.timer == nil:
		l.timer = time.AfterFunc(time.Until(at), l.sweep)
	default:
		l.timer.Reset(time.Until(at))
	}
	l.due = at
}

// sweep looks at every body, and sets the timer for when the next may have been unread for too long.
func (l *Idle) sweep() {
	now := time.Now()
	next := time.Duration(-1)
	for _, b := range l.all() {
		if left := b.idleFor(now); left > 0 && (next < 0 || left < next) {
			next = left
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if next >= 0 && l.first != nil {
		l.wake(now.Add(next))
	}
}

// all returns the bodies, and notes that the timer has fired. A body's own lock comes before the list's.
func (l *Idle) all() (bodies []*watched) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due = time.Time{}
	for b := l.first; b != nil; b = b.next {
		bodies = append(bodies, b)
	}
	return bodies
}
