package main

import "sync"

// running counts the running calls, so that the proxy can wait for them before it ends.
type running struct {
	mu     sync.Mutex
	calls  int
	closed bool          // no more calls are accepted
	none   chan struct{} // closed when no more calls are accepted and none runs
}

// begin counts a call that begins. It returns false if no more calls are accepted.
func (r *running) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.calls++
	return true
}

// finish counts a call that ended.
func (r *running) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls--
	if r.closed && r.calls == 0 {
		close(r.none)
	}
}

// end stops accepting calls, and returns a channel that is closed when no call runs any more. It must be called once.
func (r *running) end() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.calls == 0 {
		close(r.none)
	}
	return r.none
}

// ending reports whether end was called.
func (r *running) ending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}
