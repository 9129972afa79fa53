package main

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
)

// A sink is the backend for long bodies: a server on the loopback interface that discards a body while it reads it. All
// memory that the program keeps is therefore the clients'.
type sink struct {
	*backend
	buffers  sync.Pool
	want     atomic.Pointer[edges] // of the body that the running variant sends
	mismatch atomic.Int64          // bodies with other edges
	keep     atomic.Bool           // whether bodies are kept, as in a rehearsal

	mu   sync.Mutex
	kept [][]byte
	gate *gate // nil if responses do not wait
}

// A gate holds the responses back until all of a number of request bodies have arrived.
type gate struct {
	arrived sync.WaitGroup
	open    chan struct{} // closed when the responses may be written
}

func openSink() (*sink, error) {
	s := &sink{buffers: sync.Pool{New: func() any { return new([64 << 10]byte) }}}
	var err error
	s.backend, err = serveLoopback(s)
	return s, err
}

// ServeHTTP reads the body, waits at the gate if there is one, and writes the answer.
func (s *sink) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	if err := s.discard(req.Body); err != nil {
		http.Error(rw, err.Error(), http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		gate.arrived.Done()
		select {
		case <-gate.open:
		case <-req.Context().Done():
			return
		}
	}
	writeAnswer(rw)
}

// discard reads a body to its end and compares only its edges. To compare every byte would take a good part of the time
// that it takes to send them, and would make all clients look cheaper than they are.
func (s *sink) discard(body io.Reader) error {
	buf := s.buffers.Get().(*[64 << 10]byte)
	defer s.buffers.Put(buf)
	var seen edges
	var kept bytes.Buffer
	keep := s.keep.Load()
	for {
		n, err := body.Read(buf[:])
		seen.Write(buf[:n])
		if keep {
			kept.Write(buf[:n])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if keep {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.kept = append(s.kept, kept.Bytes())
		return nil
	}
	if want := s.want.Load(); want == nil || seen != *want {
		s.mismatch.Add(1)
	}
	return nil
}

// take returns the bodies that were kept, and forgets them.
func (s *sink) take() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.kept
	s.kept = nil
	return kept
}

// hold sets a gate for this number of bodies. The caller opens it.
func (s *sink) hold(bodies int) *gate {
	g := &gate{open: make(chan struct{})}
	g.arrived.Add(bodies)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gate = g
	return g
}

// edges are a body's size, its first bytes and its last bytes. They differ if a member was added or lost, or if the body
// was cut off.
type edges struct {
	size       int
	head, tail [256]byte
}

// Write adds the next bytes of the body.
func (e *edges) Write(p []byte) (int, error) {
	if e.size < len(e.head) {
		copy(e.head[e.size:], p)
	}
	if n := len(p); n >= len(e.tail) {
		copy(e.tail[:], p[n-len(e.tail):])
	} else {
		copy(e.tail[:], e.tail[n:])
		copy(e.tail[len(e.tail)-n:], p)
	}
	e.size += len(p)
	return len(p), nil
}
