package redis

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// maxFailures is how many scripts in a row fail until Redis counts as down.
const maxFailures = 3

// health is whether Redis can be reached. The Store's lock guards it, except for down.
type health struct {
	down     atomic.Bool
	failures atomic.Int32 // in a row, each of a script that was sent after the one before had failed
	failed   atomic.Int64 // when the last of them did, in Unix nanoseconds
	since    time.Time
	err      error
	back     chan struct{} // closed when Redis is back
	recheck  chan struct{} // gets a value when there is something to tend at once
}

func (h *health) init() { h.back, h.recheck = make(chan struct{}), make(chan struct{}, 1) }

func (h *health) isDown() bool { return h.down.Load() }

// setDown reports whether it is news.
func (h *health) setDown(err error) bool {
	if h.down.Load() {
		return false
	}
	h.down.Store(true)
	h.since, h.err, h.back = time.Now(), err, make(chan struct{})
	h.tendNow()
	return true
}

// tendNow has tend do its work now.
func (h *health) tendNow() {
	select {
	case h.recheck <- struct{}{}:
	default:
	}
}

// setUp ends the outage.
func (h *health) setUp() time.Duration {
	h.failures.Store(0)
	h.down.Store(false)
	close(h.back)
	return time.Since(h.since)
}

// failed notes that a script failed that was sent at a time. One that failed because the caller's own context is done says nothing
// about Redis, and those that were under way together fail together: they count as one.
func (s *Store) failed(ctx context.Context, sent time.Time, err error) {
	var version *VersionError
	switch {
	case errors.As(err, &version):
		return
	case ctx.Err() != nil:
		s.health.tendNow() // Redis may hang, and no caller may be patient enough to find out
		return
	}
	reload(s.client)
	h := &s.health
	last := h.failed.Load()
	if sent.UnixNano() < last || !h.failed.CompareAndSwap(last, time.Now().UnixNano()) {
		return
	}
	if h.failures.Add(1) >= maxFailures {
		s.setDown(err)
	}
}

// worked notes that a script was answered.
func (s *Store) worked() {
	if s.health.failures.Load() != 0 {
		s.health.failures.Store(0)
	}
}

// outage returns what is closed when Redis is back, and why it counts as down; nil if it does not.
func (s *Store) outage() (back <-chan struct{}, err error) {
	if !s.health.isDown() {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.health.isDown() {
		return nil, nil
	}
	return s.health.back, fmt.Errorf("no answer from Redis for %v: %w", time.Since(s.health.since).Round(time.Millisecond), s.health.err)
}

// errDown says that Redis has not been asked, because it counts as down.
var errDown = errors.New("not asked")

// errUncounted is why a budget is closed that is new in the group.
var errUncounted = errors.New("the rows of the budget have not been counted since it was added, or since Redis has lost data: call Store.Rebuild, or set Config.Ledger")

// errClosed is why budgets are closed when Redis has no data about them.
var errClosed = errors.New("what was spent is not known to Redis, because it is new or has lost data: call Store.Rebuild, or set Config.Ledger")
