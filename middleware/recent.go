package middleware

import (
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of a recent: how long something is remembered, and how many things.
const (
	recentTime = time.Hour
	recentMost = 16384
)

// A recent remembers up to 16384 things for an hour. If there are more, it forgets the oldest. The zero recent is ready, and
// costs a call nothing while it is empty.
type recent[K comparable] struct {
	any     atomic.Bool
	mu      sync.Mutex
	when    map[K]time.Time // when a thing was last added; zero: it was forgotten
	ring    []queued[K]     // the things in when, the oldest first,
	first   int             // from this index on
	spilled time.Time       // when a thing was last forgotten before its hour was over
}

type queued[K comparable] struct {
	thing K
	at    time.Time // when it was added; it may have been again since
}

// empty reports that nothing was ever remembered.
func (m *recent[K]) empty() bool { return !m.any.Load() }

// has reports whether the thing is remembered, and whether it may have been added at all: it may have been forgotten early,
// to make room.
func (m *recent[K]) has(k K) (is, maybe bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	is = now.Sub(m.when[k]) < recentTime
	return is, is || now.Sub(m.spilled) < recentTime
}

// age returns how long ago the thing was last added; false if it is not remembered.
func (m *recent[K]) age(k K) (time.Duration, bool) {
	if m.empty() {
		return 0, false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	ago := time.Since(m.when[k])
	return ago, ago < recentTime
}

func (m *recent[K]) add(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(k, time.Now())
}

// addNew adds the thing unless it is remembered, and reports whether it did.
func (m *recent[K]) addNew(k K) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if now.Sub(m.when[k]) < recentTime {
		return false
	}
	m.put(k, now)
	return true
}

func (m *recent[K]) put(k K, now time.Time) {
	if _, listed := m.when[k]; !listed {
		m.makeRoom(now)
		m.push(queued[K]{k, now})
	}
	m.when[k] = now
}

// makeRoom forgets the things whose hour is over and, if there is no room for another, the oldest.
func (m *recent[K]) makeRoom(now time.Time) {
	if m.when == nil {
		m.when = make(map[K]time.Time)
		m.any.Store(true)
	}
	for len(m.when) > 0 {
		first := m.ring[m.first]
		over := now.Sub(first.at) >= recentTime
		if !over && len(m.when) < recentMost {
			return
		}
		m.first = (m.first + 1) % len(m.ring)
		if at := m.when[first.thing]; at.After(first.at) {
			m.ring[(m.first+len(m.when)-1)%len(m.ring)] = queued[K]{first.thing, at}
			continue
		} else if !over && !at.IsZero() {
			m.spilled = now
		}
		delete(m.when, first.thing)
	}
}

// push puts a thing behind the others; it is not in when yet.
func (m *recent[K]) push(q queued[K]) {
	n := len(m.when)
	if n == len(m.ring) {
		m.ring = append(append(make([]queued[K], 0, max(64, 2*n)), m.ring[m.first:]...), m.ring[:m.first]...)
		m.ring, m.first = m.ring[:cap(m.ring)], 0
	}
	m.ring[(m.first+n)%len(m.ring)] = q
}

func (m *recent[K]) forget(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, listed := m.when[k]; listed {
		m.when[k] = time.Time{}
	}
}
