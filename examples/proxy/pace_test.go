package main

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// pipes is a listener whose connections are pipes in memory, so that a server can run in a bubble of synctest. A pipe keeps
// nothing: a write waits until the other side reads.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// dial returns the client's side of a new connection.
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	p.conns <- server
	return client
}

// inPipes runs f in a bubble, with connections to a proxy. Whatever f has sent, all of them end by themselves.
func inPipes(t *testing.T, token string, rt roundTripper, f func(t *testing.T, l *pipes)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		router, err := wire.NewRouter(wire.RouterConfig{})
		if err != nil {
			t.Fatal(err)
		}
		log := slog.New(slog.DiscardHandler)
		rows, _ := openRows(t.Context(), "", log)
		stack, err := middleware.New(middleware.WithBase(rt), middleware.WithStore(rows.store))
		if err != nil {
			t.Fatal(err)
		}
		s := &server{log: log, rows: rows, stack: stack, room: newRoom(1 << 20), running: running{none: make(chan struct{})}}
		upstream, _ := url.Parse("http://upstream.example")
		g := &gate{router: router, upstream: upstream, log: log, token: token}
		calls := &calls{gate: g, next: rt, life: t.Context()}
		l := &pipes{make(chan net.Conn), make(chan struct{})}
		h := s.newHTTP(t.Context(), s.handler(g, newProxy(g, calls, s.room, false)))
		go h.Serve(l)
		f(t, l)
		h.Close()
		stack.Close(t.Context())
	})
}

// A roundTripper is a function that does what an upstream does.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// swallow is an upstream that answers when it has read a request.
func swallow(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

// impatient is an upstream that answers without reading the request.
func impatient(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 413, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}")), Request: req}, nil
}

// TestSilentClients has clients that send the beginning of a request, and then nothing, or a byte now and then. Whatever the
// request is for, its connection ends soon.
func TestSilentClients(t *testing.T) {
	const begun = "Host: localhost\r\nContent-Length: 2000\r\n\r\n{}"
	for _, c := range []struct {
		name, token, request string
		upstream             roundTripper
		status               int
		within               time.Duration
	}{
		{"nothing", "", "", swallow, 0, headerTime},
		{"half a header", "", "POST /v1/chat/completions HTTP/1.1\r\nHost: local", swallow, 0, headerTime},
		{"a call", "", "POST /v1/chat/completions HTTP/1.1\r\n" + begun, swallow, 408, sendTime},
		{"a call that is not held", "", "POST /v1/files HTTP/1.1\r\n" + begun, swallow, 408, sendTime},
		{"a call in chunks", "", "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", swallow, 408, sendTime},
		{"a call that expects 100", "", "POST /v1/chat/completions HTTP/1.1\r\nExpect: 100-continue\r\n" + begun[:len(begun)-2], swallow, 408, sendTime},
		{"a call that is answered early", "", "POST /v1/files HTTP/1.1\r\n" + begun, impatient, 413, leftoverPause},
		{"a health check", "", "GET /healthz HTTP/1.1\r\n" + begun, swallow, 200, leftoverPause},
		{"totals", "", "GET /debug/spend/totals.json HTTP/1.1\r\n" + begun, swallow, 200, leftoverPause},
		{"the page with a query", "", "GET /debug/spend/?x=1 HTTP/1.1\r\n" + begun, swallow, 400, leftoverPause},
		{"a page of another method", "", "POST /metrics HTTP/1.1\r\n" + begun, swallow, 405, leftoverPause},
		{"no token", "secret", "POST /v1/chat/completions HTTP/1.1\r\n" + begun, swallow, 401, leftoverPause},
		{"no token for a page", "secret", "GET /metrics HTTP/1.1\r\n" + begun, swallow, 401, leftoverPause},
		{"a health check, with a token", "secret", "GET /healthz HTTP/1.1\r\n" + begun, swallow, 200, leftoverPause},
		{"no token, expects 100", "secret", "POST /v1/chat/completions HTTP/1.1\r\nExpect: 100-continue\r\n" + begun[:len(begun)-2], swallow, 401, leftoverPause},
		{"another host", "", "POST /v1/chat/completions HTTP/1.1\r\n" + strings.Replace(begun, "localhost", "evil.example", 1), swallow, 403, leftoverPause},
		{"all options", "", "OPTIONS * HTTP/1.1\r\n" + begun, swallow, 400, leftoverPause},
	} {
		for drip, every := range map[string]time.Duration{"silence": 0, "drip": 900 * time.Millisecond, "slow drip": 50 * time.Second} {
			t.Run(c.name+", "+drip, func(t *testing.T) {
				inPipes(t, c.token, c.upstream, func(t *testing.T, l *pipes) {
					conn := l.dial()
					began, done := time.Now(), make(chan struct{})
					defer func() { conn.Close(); <-done }()
					go func() {
						defer close(done)
						io.WriteString(conn, c.request)
						for every > 0 {
							time.Sleep(every)
							if _, err := io.WriteString(conn, "x"); err != nil {
								return
							}
						}
					}()
					text, _ := io.ReadAll(conn)
					within := c.within + time.Second
					if drip == "drip" && c.status != 0 && c.within == leftoverPause {
						within = leftoverTime + 2*time.Second
					}
					if took := time.Since(began); took > within {
						t.Errorf("it ends after %v", took)
					}
					text = bytes.TrimPrefix(text, []byte("HTTP/1.1 100 Continue\r\n\r\n"))
					switch resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil); {
					case c.status == 0:
					case err != nil:
						t.Errorf("%q: %v", text, err)
					case resp.StatusCode != c.status || !resp.Close:
						t.Errorf("%q", text)
					}
				})
			})
		}
	}
}

// inPipe serves requests with a handler, in a bubble, and runs f with the client's side of a connection that has sent one. f
// ends when the connection has ended.
func inPipe(t *testing.T, h http.HandlerFunc, f func(t *testing.T, conn net.Conn)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &pipes{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: paced(h)}
		go server.Serve(l)
		conn := l.dial()
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
		f(t, conn)
		conn.Close()
		server.Close()
	})
}

// TestSlowReaders has clients that take their answer slowly. An answer goes on as long as they take a piece of it in time.
func TestSlowReaders(t *testing.T) {
	const size = 20 * piece
	for name, c := range map[string]struct {
		each  int // bytes at once
		every time.Duration
		whole bool
	}{
		"nothing":           {1, 20 * time.Hour, false},
		"a byte a minute":   {1, time.Minute, false},
		"a piece in time":   {piece + 1000, receiveTime - time.Minute, true},
		"a quarter of that": {piece / 4, receiveTime - time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			var wrote int
			var failed error
			var took time.Duration
			inPipe(t, func(w http.ResponseWriter, _ *http.Request) {
				began := time.Now()
				wrote, failed = w.Write(make([]byte, size))
				took = time.Since(began)
			}, func(t *testing.T, conn net.Conn) {
				stop := make(chan struct{})
				go func() {
					defer close(stop)
					for {
						time.Sleep(c.every)
						if _, err := io.CopyN(io.Discard, conn, int64(c.each)); err != nil {
							return
						}
					}
				}()
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				if whole := failed == nil && wrote == size; whole != c.whole || !whole && took > 4*receiveTime {
					t.Errorf("%d bytes written after %v: %v", wrote, took, failed)
				}
				conn.Close()
				<-stop
			})
		})
	}
}

// TestLongStreams has a stream with long pauses, and one whose client reads each event a while after it came. Neither ends
// early.
func TestLongStreams(t *testing.T) {
	const events = 100
	inPipe(t, func(w http.ResponseWriter, _ *http.Request) {
		for range events {
			time.Sleep(time.Hour)
			io.WriteString(w, "data: {}\n\n")
			http.NewResponseController(w).Flush()
		}
	}, func(t *testing.T, conn net.Conn) {
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(resp.Body); err != nil || strings.Count(string(text), "data") != events {
			t.Errorf("%q %v", text, err)
		}
	})
}

// TestLastBytes has a client that does not take the last bytes of an answer, which net/http writes when the handler has
// returned.
func TestLastBytes(t *testing.T) {
	inPipe(t, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "hello")
	}, func(t *testing.T, conn net.Conn) {
		time.Sleep(receiveTime + time.Second)
		if text, err := io.ReadAll(conn); err != nil || len(text) > 0 {
			t.Errorf("%q %v", text, err)
		}
	})
}
