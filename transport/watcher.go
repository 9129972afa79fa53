package transport

import (
	"sync"
	"time"
)

// A Watcher watches the bodies of responses while their callers read them, and closes those that are left unread for too
// long: see [Watcher.Watch]. The zero Watcher is ready. It serves any number of responses, and is safe for concurrent use.
//
// It has one timer for all bodies, and only while there are any. Most bodies are read within moments, and a timer for each
// would cost more than reading them.
type Watcher struct {
	mu    sync.Mutex
	first *watched // of the bodies with an idle time
	timer *time.Timer
	due   time.Time // when the timer fires; zero while it is not set
}

func (w *Watcher) add(b *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b.next = w.first
	if b.next != nil {
		b.next.prev = b
	}
	w.first = b
	w.wake(b.last.Add(b.options.IdleTime))
}

func (w *Watcher) remove(b *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b.prev != nil {
		b.prev.next = b.next
	} else if w.first == b {
		w.first = b.next
	}
	if b.next != nil {
		b.next.prev = b.prev
	}
	b.prev, b.next = nil, nil
}

// wake makes sure that sweep runs no later than at the given time.
func (w *Watcher) wake(at time.Time) {
	switch {
	case !w.due.IsZero() && !at.Before(w.due):
		return
	case w.timer == nil:
		w.timer = time.AfterFunc(time.Until(at), w.sweep)
	default:
		w.timer.Reset(time.Until(at))
	}
	w.due = at
}

// sweep checks every body, and sets the timer for the earliest time at which the next one can have been unread for too long.
func (w *Watcher) sweep() {
	now := time.Now()
	next := time.Duration(-1)
	for _, b := range w.all() {
		if left := b.idleFor(now); left > 0 && (next < 0 || left < next) {
			next = left
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if next >= 0 && w.first != nil {
		w.wake(now.Add(next))
	}
}

// all returns the bodies, and notes that the timer has fired. A body's own lock must be taken before the list's, so sweep
// checks the bodies after the list is unlocked.
func (w *Watcher) all() (bodies []*watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = time.Time{}
	for b := w.first; b != nil; b = b.next {
		bodies = append(bodies, b)
	}
	return bodies
}
