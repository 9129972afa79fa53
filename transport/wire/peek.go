package wire

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// peek reads the beginning of resp's body, at most size bytes and for at most wait, and puts a body in its place from
// which the caller still reads all of it. It returns what it read, and the error that ended the body: io.EOF if it was
// read to its end, nil if there may be more.
func peek(resp *http.Response, size int, wait time.Duration) ([]byte, error) {
	if resp.Body == nil || resp.Body == http.NoBody {
		return nil, io.EOF
	}
	p := &peeked{rc: resp.Body, filled: make(chan struct{})}
	resp.Body = p
	// The read may block for as long as the server likes, so it has a goroutine of its own.
	go p.fill(size)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-p.filled:
	case <-timer.C:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	return p.data[:len(p.data):len(p.data)], p.err
}

type peeked struct {
	rc     io.ReadCloser
	filled chan struct{} // closed when fill has stopped reading

	mu   sync.Mutex
	data []byte
	err  error
	over bool // peek has returned: fill finishes the read under way, and begins no other
	read int  // how much of data the caller has had
}

func (p *peeked) fill(size int) {
	defer close(p.filled)
	buf := make([]byte, min(size, 4<<10))
	for got := 0; got < size; {
		n, err := p.rc.Read(buf[:min(len(buf), size-got)])
		got += n
		p.mu.Lock()
		p.data = append(p.data, buf[:n]...)
		p.err = err
		over := p.over
		p.mu.Unlock()
		if err != nil || over {
			return
		}
	}
}

// Read gives the caller what was peeked, and then the rest of the body.
func (p *peeked) Read(b []byte) (int, error) {
	for {
		p.mu.Lock()
		n := copy(b, p.data[p.read:])
		p.read += n
		err := p.err
		p.mu.Unlock()
		switch {
		case n > 0 || len(b) == 0:
			return n, nil
		case err != nil:
			return 0, err
		}
		<-p.filled
		if p.drained() {
			return p.rc.Read(b)
		}
	}
}

// drained reports whether the caller has had all that was peeked, and there may be more.
func (p *peeked) drained() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.read == len(p.data) && p.err == nil
}

// Close closes the body, which also ends a peek that is under way.
func (p *peeked) Close() error { return p.rc.Close() }
