package transport

import (
	"errors"
	"io"
	"time"
)

// The bounds of [WatchOptions].Rest.
const (
	maxRest  = 256 << 10
	restTime = 250 * time.Millisecond
)

// mayHaveRest notes that the body is closed, and reports whether its rest is to be read before.
func (b *watched) mayHaveRest() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	again := b.closed
	b.closed = true
	return b.options.Rest && !again && !b.ended && b.reading == 0 && b.length <= maxRest
}

// readRest shows the Observer the rest of the body, as much of it as arrives in time. A read that takes longer goes on until
// the body beneath is closed, and is not shown.
func (b *watched) readRest() {
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 16<<10)
		for left := maxRest; left > 0; {
			n, err := b.rc.Read(buf)
			left -= n
			if b.showRest(buf[:n], err) {
				return
			}
		}
	}()
	timer := time.NewTimer(restTime)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
	}
}

// showRest shows the Observer a part of the rest, and reports whether there is no more to read. That a read fails is then no
// reason for the end of the body: its caller has closed it.
func (b *watched) showRest(p []byte, err error) (done bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil && !errors.Is(err, io.EOF) {
		b.show(p, nil)
		return true
	}
	b.show(p, err)
	return err != nil || b.ended
}
