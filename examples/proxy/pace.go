package main

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// sendTime is how long the proxy waits for each 16 KB of a request's body, or for the rest of it, and receiveTime for a client
// to take each 16 KB of an answer. Only the time in which the client keeps the proxy waiting counts, so a whole call has no
// limit.
const (
	sendTime    = time.Minute
	receiveTime = 2 * time.Minute
	piece       = 16 << 10
)

// What a client still sends when its answer is complete is read and dropped. Otherwise the connection would be reset while
// the client writes, and most clients then do not find the answer. This ends after leftoverBytes or leftoverTime, or when
// nothing has come for leftoverPause.
const (
	leftoverBytes = 64 << 20
	leftoverTime  = 30 * time.Second
	leftoverPause = 2 * time.Second
)

// longAgo is a deadline that has passed: it ends a read or a write at once.
var longAgo = time.Unix(1, 0)

// paced bounds how long a client may keep h, and the server after h, waiting: with the body of a request, and with an answer
// that it does not take. This holds for each request, whether h reads the body or not.
//
// Without EnableFullDuplex, net/http reads and closes the body of a request when the header of the answer is written, although
// the transport that forwards the body may not have finished with it. The transport then breaks its connection, and the rest
// of the answer is lost (golang/go#40747). With it, a body must not end after h, or the server panics (golang/go#68560): so
// the connection is closed if the body has not ended when the answer begins.
func paced(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := http.NewResponseController(w)
		out := &leaving{ResponseWriter: w, connection: c, allowance: allowance{each: receiveTime}}
		if r.Body != nil && r.Body != http.NoBody {
			c.EnableFullDuplex() // the error is of a protocol that is always full duplex
			out.request = &arriving{body: r.Body, connection: c, allowance: allowance{each: sendTime}}
			r = r.WithContext(r.Context()) // net/http looks at the body of its own request
			r.Body = out.request
		}
		returned := false
		defer func() {
			if !returned { // net/http closes the connection, but would first wait for the client
				c.SetReadDeadline(longAgo)
				c.SetWriteDeadline(longAgo)
			}
		}()
		c.SetWriteDeadline(time.Now().Add(receiveTime)) // for what net/http writes by itself: 100 Continue
		h.ServeHTTP(out, r)
		out.finish()
		returned = true
	})
}

// An allowance is the time for which a client may keep the proxy waiting. It is renewed after each piece of data.
type allowance struct {
	each   time.Duration
	waited time.Duration
	moved  int
}

// deadline returns when the allowance ends, if the client keeps the proxy waiting from now on.
func (a *allowance) deadline(now time.Time) time.Time { return now.Add(a.each - a.waited) }

// use notes that the proxy has waited since a time, and that n bytes have moved.
func (a *allowance) use(since time.Time, n int) {
	a.waited += time.Since(since)
	if a.moved += n; a.moved >= piece {
		a.waited, a.moved = 0, 0
	}
}

// arriving is the body of a request. Reading it fails when the client does not send it in time.
type arriving struct {
	body       io.ReadCloser
	connection *http.ResponseController
	reading    sync.Mutex // held for each read of body; guards allowance and end
	allowance
	end time.Time // by when the whole body has to be here; zero for no such time

	mu     sync.Mutex
	closed bool
	err    error // of the last read
}

// endBy sets by when the whole body has to be here; zero for no such time.
func (a *arriving) endBy(end time.Time) {
	a.reading.Lock()
	defer a.reading.Unlock()
	a.end = end
}

// Read reads from the body. It may be called when the request has been answered, even after the handler has returned, by a
// transport that has not noticed it yet.
func (a *arriving) Read(p []byte) (int, error) {
	a.reading.Lock()
	defer a.reading.Unlock()
	if err := a.state(); err != nil {
		return 0, err
	}
	now := time.Now()
	deadline := a.deadline(now)
	if !a.end.IsZero() {
		deadline = earlier(deadline, a.end)
	}
	if !a.limit(deadline) {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := a.body.Read(p)
	a.use(now, n)
	a.note(err)
	return n, err
}

// Close makes reads fail. The server closes the body itself.
func (a *arriving) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	return nil
}

// limit sets the deadline of the connection for a read, unless the body has been closed, which has a deadline of its own.
func (a *arriving) limit(deadline time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.connection.SetReadDeadline(deadline)
	return true
}

// state returns why the body cannot be read any more.
func (a *arriving) state() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err == nil && a.closed {
		return http.ErrBodyReadAfterClose
	}
	return a.err
}

// note notes the error of a read.
func (a *arriving) note(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

// ended reports whether the whole body has been read.
func (a *arriving) ended() bool { return errors.Is(a.state(), io.EOF) }

// fault returns why the client failed to send the body; nil if it did not fail.
func (a *arriving) fault() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if errors.Is(a.err, io.EOF) {
		return nil
	}
	return a.err
}

// drop reads what the client still sends, within limits, and drops it.
func (a *arriving) drop() {
	late := time.Now().Add(leftoverTime)
	a.Close()
	a.connection.SetReadDeadline(time.Now().Add(leftoverPause)) // also of a read that is under way
	a.reading.Lock()
	defer a.reading.Unlock()
	buf := buffers{}.Get()
	defer buffers{}.Put(buf)
	a.mu.Lock()
	err := a.err
	a.mu.Unlock()
	for left := leftoverBytes; err == nil && left > 0 && time.Now().Before(late); {
		a.connection.SetReadDeadline(earlier(time.Now().Add(leftoverPause), late))
		var n int
		n, err = a.body.Read(buf)
		left -= n
	}
	if !errors.Is(err, io.EOF) {
		a.connection.SetReadDeadline(longAgo) // net/http would go on reading
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// leaving is an answer. Writing it fails when the client does not take it in time.
type leaving struct {
	http.ResponseWriter
	connection *http.ResponseController
	request    *arriving // nil if the request has no body
	begun      bool      // the header has been written
	hijacked   bool
	allowance
}

// WriteHeader writes the header. The connection ends with an answer that begins before the request's body has ended. It drops
// 100 Continue, which net/http itself writes when the body is read.
func (l *leaving) WriteHeader(status int) {
	if status == http.StatusContinue {
		return
	}
	if status >= 200 {
		if !l.begun && l.request != nil && !l.request.ended() {
			l.Header().Set("Connection", "close")
		}
		l.begun = true
	}
	l.wait(func() int { l.ResponseWriter.WriteHeader(status); return 0 })
}

// Write writes a part of the body.
func (l *leaving) Write(p []byte) (n int, err error) {
	if !l.begun {
		l.WriteHeader(http.StatusOK)
	}
	for {
		l.wait(func() (m int) {
			m, err = l.ResponseWriter.Write(p[n:min(len(p), n+piece)])
			n += m
			return m
		})
		if err != nil || n >= len(p) {
			return n, err
		}
	}
}

// FlushError writes what net/http has kept back.
func (l *leaving) FlushError() (err error) {
	if !l.begun {
		l.WriteHeader(http.StatusOK)
	}
	l.wait(func() int { err = l.connection.Flush(); return 0 })
	return err
}

// Hijack takes over the connection, which has no deadlines from then on.
func (l *leaving) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := l.connection.Hijack()
	l.hijacked = err == nil
	return conn, rw, err
}

// Unwrap returns the ResponseWriter below, for [http.NewResponseController].
func (l *leaving) Unwrap() http.ResponseWriter { return l.ResponseWriter }

// wait runs a function that writes, and returns how many bytes it wrote, as long as the client's allowance lasts.
func (l *leaving) wait(write func() int) {
	now := time.Now()
	l.connection.SetWriteDeadline(l.deadline(now))
	l.use(now, write())
}

// finish writes the rest of the answer, and reads that of the request, when the handler has returned.
func (l *leaving) finish() {
	if l.hijacked {
		return
	}
	if !l.begun {
		l.WriteHeader(http.StatusOK)
	}
	if l.request != nil && !l.request.ended() {
		l.FlushError() // the client sees the error when it reads
		l.request.drop()
	}
	l.connection.SetWriteDeadline(time.Now().Add(receiveTime)) // net/http flushes the answer
}
