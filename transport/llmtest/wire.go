package llmtest

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
)

// wire is the server's end of a connection. The mishaps that net/http has no means
// to bring about are done here.
type wire struct {
	net.Conn
	frames *framer // nil on HTTP/1

	// spent says that the connection was promised to StaleClose, and stale that
	// its time has come: the answer is out, and the connection idle.
	spent, stale atomic.Bool
}

// wireListener accepts wires.
type wireListener struct {
	net.Listener
	http2 bool
}

func (l wireListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	w := &wire{Conn: conn}
	if l.http2 {
		w.frames = new(framer)
	}
	return w, nil
}

// wireKey is the key of a request's wire in its context.
type wireKey struct{}

// withWire makes the wire known to the handlers of its requests.
func withWire(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, wireKey{}, conn)
}

// promiseStale has the connection close on the next request.
func (x *exchange) promiseStale() {
	if w, ok := x.r.Context().Value(wireKey{}).(*wire); ok {
		w.spent.Store(true)
	}
}

// idle is called when an answer is out and the next request awaited.
func (w *wire) idle() {
	if w.spent.Load() {
		w.stale.Store(true)
	}
}

// Read closes a stale connection on the first bytes of a request, and shows the
// server none of them.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if n > 0 && w.stale.Load() {
		w.snap()
		return 0, net.ErrClosed
	}
	return n, err
}

// Write sends what net/http wrote, or what a fault made of it.
func (w *wire) Write(p []byte) (int, error) {
	if w.frames == nil {
		return w.Conn.Write(p)
	}
	out := w.frames.pass(p)
	if len(out) == 0 {
		return len(p), nil
	}
	if _, err := w.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// snap closes the connection so that the client notices: a TCP connection gets a
// real RST, a pipe can only end.
func (w *wire) snap() {
	if tcp, ok := w.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = w.Conn.Close()
}

// reset breaks the connection without a byte of an answer. On HTTP/2, where it is
// not the request's alone, only the stream breaks, with INTERNAL_ERROR.
func (x *exchange) reset() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.abort()
	}
	// net/http has let go of the connection, so it is ours to count as finished.
	defer x.s.running.Done()
	if w, ok := conn.(*wire); ok {
		w.snap()
		return
	}
	_ = conn.Close()
}

// abort ends the connection, or the stream, after what was flushed so far, in the
// one way net/http has for a handler to do so. It does not return.
func (x *exchange) abort() {
	panic(http.ErrAbortHandler)
}
