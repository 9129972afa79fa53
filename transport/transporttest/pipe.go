package transporttest

import (
	"context"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A wire is a server and a transport that reaches it, over pipes within the bubble.
type wire struct {
	url       string
	transport *http.Transport
	uploaded  atomic.Int64 // bytes that the client has written
	accept    func(server net.Conn)

	mu       sync.Mutex
	dials    int
	open     int // connections that the client has not closed
	arrivals []*arrival
	conns    []net.Conn
}

// An arrival is a request as the server saw it.
type arrival struct {
	*http.Request
	body []byte
	err  error // of reading the body
}

// serve starts a server of the run's protocol. n counts the requests from 0.
func (c *check) serve(handler func(n int, w http.ResponseWriter, r *http.Request)) *wire {
	w := c.wire()
	l := &listener{conns: make(chan net.Conn), closed: make(chan struct{})}
	w.accept = l.deliver
	var next atomic.Int32
	server := &http.Server{
		Protocols: w.transport.Protocols,
		ErrorLog:  log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			handler(int(next.Add(1))-1, rw, r)
		}),
	}
	go server.Serve(l)
	c.atEnd(func() { server.Close() })
	return w
}

// wire returns a transport of the run's protocol. The server's ends of its connections go to w.accept.
func (c *check) wire() *wire {
	w := &wire{url: "http://llm.invalid"}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(c.via == overH1)
	protocols.SetUnencryptedHTTP2(c.via == overH2)
	w.transport = &http.Transport{
		DialContext: w.dial, Protocols: protocols, MaxIdleConnsPerHost: 100, ExpectContinueTimeout: time.Minute,
	}
	c.atEnd(w.close)
	return w
}

func (w *wire) dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	conn := &clientConn{Conn: client, w: w}
	w.mu.Lock()
	w.dials++
	w.open++
	w.conns = append(w.conns, client, server)
	w.mu.Unlock()
	w.accept(server)
	return conn, nil
}

// close ends every connection.
func (w *wire) close() {
	w.transport.CloseIdleConnections()
	w.mu.Lock()
	conns := slices.Clone(w.conns)
	w.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
}

// connections returns how many connections have been made, and how many of these the client has not closed.
func (w *wire) connections() (made, open int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dials, w.open
}

// read reads a request's body, and records the arrival.
func (w *wire) read(r *http.Request) *arrival {
	a := &arrival{Request: r}
	a.body, a.err = io.ReadAll(r.Body)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.arrivals = append(w.arrivals, a)
	return a
}

// arrived returns the requests that have been read.
func (w *wire) arrived() []*arrival {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.arrivals)
}

// clientConn is the client's end of a connection.
type clientConn struct {
	net.Conn
	w    *wire
	once sync.Once
}

func (c *clientConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.w.uploaded.Add(int64(n))
	return n, err
}

func (c *clientConn) Close() error {
	c.once.Do(func() {
		c.w.mu.Lock()
		defer c.w.mu.Unlock()
		c.w.open--
	})
	return c.Conn.Close()
}

// A listener accepts connections that are made in this process.
type listener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *listener) deliver(conn net.Conn) {
	select {
	case l.conns <- conn:
	case <-l.closed:
		conn.Close()
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// reply sends a provider's response with the status.
func reply(w http.ResponseWriter, status int) {
	header, text := responseOf(status)
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	io.WriteString(w, text)
}

// wireThatReads starts a server that reads each request and answers with a 200.
func (c *check) wireThatReads() *wire { return c.serveReading(200) }

// serveReading starts a server that reads each request and answers with these statuses in turn, with the last one for
// ever.
func (c *check) serveReading(statuses ...int) (w *wire) {
	w = c.serve(func(n int, rw http.ResponseWriter, r *http.Request) {
		w.read(r)
		reply(rw, statuses[min(n, len(statuses)-1)])
	})
	return w
}

// responding returns the RoundTripper under test over a fake or a server, which answers with these statuses in turn, and
// the base URL.
func (c *check) responding(statuses ...int) (http.RoundTripper, string) {
	if c.via == overFake {
		return c.wrap(c.fake(statuses...)), host
	}
	w := c.serveReading(statuses...)
	return c.wrap(w.transport), w.url
}
