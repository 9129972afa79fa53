package middleware

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	recentTime = time.Hour
	recentMost = 16384
)

// recent remembers up to 16384 things for an hour, and forgets the oldest first. The zero recent is ready, and costs a
// call nothing while it is empty.
type recent[K comparable] struct {
	any     atomic.Bool
	mu      sync.Mutex
	when    map[K]time.Time // when it was last added; zero: it was forgotten
	queue   []queued[K]     // one for each of when, the oldest first
	spilled time.Time       // when a thing was last forgotten before its hour was over
}

type queued[K comparable] struct {
	thing K
	at    time.Time // when it was added; it may have been again since
}

// empty reports that nothing was ever remembered.
func (m *recent[K]) empty() bool { return !m.any.Load() }

// has reports whether the thing is remembered, or was and had to make room: it then may have been.
func (m *recent[K]) has(k K) (is, maybe bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	is = now.Sub(m.when[k]) < recentTime
	return is, is || now.Sub(m.spilled) < recentTime
}

func (m *recent[K]) add(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if _, listed := m.when[k]; !listed {
		m.makeRoom(now)
		m.queue = append(m.queue, queued[K]{k, now})
	}
	m.when[k] = now
}

// makeRoom forgets what is over, and what there is no room for.
func (m *recent[K]) makeRoom(now time.Time) {
	if m.when == nil {
		m.when = make(map[K]time.Time)
		m.any.Store(true)
	}
	for len(m.queue) > 0 {
		first := m.queue[0]
		over := now.Sub(first.at) >= recentTime
		if !over && len(m.when) < recentMost {
			return
		}
		m.queue = m.queue[1:]
		if at := m.when[first.thing]; at.After(first.at) {
			m.queue = append(m.queue, queued[K]{first.thing, at})
			continue
		} else if !over && !at.IsZero() {
			m.spilled = now
		}
		delete(m.when, first.thing)
	}
}

func (m *recent[K]) forget(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, listed := m.when[k]; listed {
		m.when[k] = time.Time{}
	}
}
