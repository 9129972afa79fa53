package middleware

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	recentTime = time.Hour
	recentMost = 4096
)

// recent remembers up to 4096 things for an hour. The zero recent is ready, and costs a call nothing while it is empty.
type recent[K comparable] struct {
	any  atomic.Bool
	mu   sync.Mutex
	when map[K]time.Time
}

// empty reports that nothing was ever remembered.
func (m *recent[K]) empty() bool { return !m.any.Load() }

func (m *recent[K]) has(k K) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.when[k]
	if ok && time.Since(at) >= recentTime {
		delete(m.when, k)
		return false
	}
	return ok
}

func (m *recent[K]) add(k K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.when == nil {
		m.when = make(map[K]time.Time)
		m.any.Store(true)
	}
	for old, at := range m.when {
		if len(m.when) < recentMost && time.Since(at) < recentTime {
			break
		}
		delete(m.when, old)
	}
	m.when[k] = time.Now()
}
