package llmtest

import (
	"context"
	"net"
	"sync/atomic"
)

// serverConn is the server's end of a connection. It does what net/http cannot: it breaks
// the connection between requests, and changes HTTP/2 frames.
type serverConn struct {
	net.Conn
	frames *framer // nil on HTTP/1

	// closesNext is set when the fault StaleClose strikes. stale is set after that, when
	// the response has been sent and the connection is idle.
	closesNext, stale atomic.Bool
}

// connListener accepts serverConns.
type connListener struct {
	net.Listener
	http2 bool
}

func (l connListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &serverConn{Conn: conn}
	if l.http2 {
		c.frames = new(framer)
	}
	return c, nil
}

// connKey is the context key of a request's connection.
type connKey struct{}

// withConn makes the connection available to the handlers of its requests.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// closeOnNextRequest makes the connection of ctx close when the next request arrives.
func closeOnNextRequest(ctx context.Context) {
	if c, ok := ctx.Value(connKey{}).(*serverConn); ok {
		c.closesNext.Store(true)
	}
}

// idle is called when a response has been sent and the next request is awaited.
func (c *serverConn) idle() {
	if c.closesNext.Load() {
		c.stale.Store(true)
	}
}

// Read closes a stale connection on the first bytes of a request. The server gets none of
// them.
func (c *serverConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 && c.stale.Load() {
		c.closeAbruptly()
		return 0, net.ErrClosed
	}
	return n, err
}

// Write sends what net/http wrote, on HTTP/2 with the frames changed that stand for a
// fault.
func (c *serverConn) Write(p []byte) (int, error) {
	if c.frames == nil {
		return c.Conn.Write(p)
	}
	out := c.frames.rewrite(p)
	if len(out) == 0 {
		return len(p), nil
	}
	if _, err := c.Conn.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// closeAbruptly closes the connection with a RST if it is TCP. A pipe can only end.
func (c *serverConn) closeAbruptly() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Conn.Close()
}
