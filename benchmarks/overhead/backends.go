package main

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// path is the path of chat completions, below a backend's root.
const path = "/chat/completions"

// A backend answers requests.
type backend struct {
	name     string
	root     string                   // base URL of its API
	base     func() http.RoundTripper // a new bare transport; clients share no connections
	verifier *verifier
	close    func()
}

// inMemory returns a backend without a network. Its bare transport reads the request body and returns the response, so
// nearly all of the time is the client's own work.
func inMemory() (*backend, error) {
	v := newVerifier()
	return &backend{
		name: "in memory", root: "https://api.openai.com/v1", verifier: v, close: func() {},
		base: func() http.RoundTripper { return memoryTransport{v} },
	}, nil
}

type memoryTransport struct{ verifier *verifier }

// RoundTrip does what the contract of [http.RoundTripper] asks for: it reads and closes the body. The response has a
// header of its own, because a client may change it.
func (t memoryTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := t.verifier.verify(req.Body); err != nil {
		return nil, err
	}
	if err := req.Body.Close(); err != nil {
		return nil, err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header:        http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"req_5f2d9c"}},
		ContentLength: int64(len(answer)), Body: io.NopCloser(strings.NewReader(answer)), Request: req,
	}, nil
}

// loopback returns a server of net/http on the loopback interface.
func loopback() (*backend, error) {
	v := newVerifier()
	b, err := serveLoopback(v)
	if err != nil {
		return nil, err
	}
	b.verifier = v
	return b, nil
}

// serveLoopback starts a server on the loopback interface. The backend has no verifier yet.
func serveLoopback(handler http.Handler) (*backend, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{ErrorLog: log.New(io.Discard, "", 0), Handler: handler}
	go server.Serve(listener) // until close
	return &backend{
		name: "over loopback", root: "http://" + listener.Addr().String() + "/v1",
		base:  func() http.RoundTripper { return http.DefaultTransport.(*http.Transport).Clone() },
		close: func() { server.Close() },
	}, nil
}

// http2 returns a server of net/http that uses HTTP/2 over TLS, and nothing else. Its connections are pipes within the
// process: without system calls the figures vary less, and the client's part of them is larger.
func http2() (*backend, error) {
	v := newVerifier()
	pipes := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &httptest.Server{Listener: pipes, EnableHTTP2: true, Config: &http.Server{
		ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
			if req.ProtoMajor != 2 {
				http.Error(rw, "this server is for HTTP/2", http.StatusHTTPVersionNotSupported)
				return
			}
			v.ServeHTTP(rw, req)
		}),
	}}
	server.StartTLS()
	return &backend{
		name: "over HTTP/2", root: "https://example.com/v1", verifier: v, close: server.Close, // the certificate is for example.com
		base: func() http.RoundTripper {
			t := server.Client().Transport.(*http.Transport).Clone()
			t.DialContext = pipes.dial
			return t
		},
	}, nil
}

// A pipeListener accepts the connections that its own dial makes.
type pipeListener struct {
	conns  chan net.Conn
	once   sync.Once
	closed chan struct{}
}

// dial has the signature of [http.Transport.DialContext].
func (l *pipeListener) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
