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

// recent remembers up to 16384 things for an hour. The zero recent is ready, and costs a call nothing while it is empty.
type recent[K comparable] struct {
	any     atomic.Bool
	mu      sync.Mutex
	when    map[K]time.Time
	spilled time.Time // when a thing was last forgotten before its hour was over
}

// empty reports that nothing was ever remembered.
func (m *recent[K]) empty() bool { return !m.any.Load() }

// has reports whether the thing is remembered, or was and had to make room: it then may have been.
func (m *recent[K]) has(k K) (is, maybe bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.when[k]
	if ok && time.Since(at) >= recentTime {
		delete(m.when, k)
		ok = false
	}
	return ok, ok || !m.spilled.IsZero() && time.Since(m.spilled) < recentTime
}

func (m *recent[K]) add(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.when == nil {
		m.when = make(map[K]time.Time)
		m.any.Store(true)
	}
	for old, at := range m.when {
		past := time.Since(at) >= recentTime
		if len(m.when) < recentMost && !past {
			break
		}
		delete(m.when, old)
		if !past {
			m.spilled = time.Now()
		}
	}
	m.when[k] = time.Now()
}

func (m *recent[K]) forget(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.when, k)
}
