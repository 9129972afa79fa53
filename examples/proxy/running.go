package main

import "sync"

// running counts the calls that run, so that the proxy can end when none does.
type running struct {
	mu     sync.Mutex
	calls  int
	closed bool          // no more are taken
	none   chan struct{} // closed when that is so, and none runs
}

// begin counts a call in, and reports false if no more are taken.
func (r *running) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.calls++
	return true
}

// finish counts a call out.
func (r *running) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls--
	if r.closed && r.calls == 0 {
		close(r.none)
	}
}

// end takes no more calls, and returns a channel that is closed when none runs any more. It is called once.
func (r *running) end() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.calls == 0 {
		close(r.none)
	}
	return r.none
}

func (r *running) ending() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}
