package middleware_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// pipes is a listener whose connections are made by its own dial.
type pipes struct{ conns chan net.Conn }

func (p *pipes) Accept() (net.Conn, error) {
	conn, ok := <-p.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (p *pipes) Close() error   { return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p.conns <- slowEnd{far}
	b := &buffered{near, make(chan []byte, 64)}
	go b.pump()
	return b, nil
}

// buffered is the client's end of a connection: what it writes is under way when Write returns, as with TCP.
type buffered struct {
	net.Conn
	out chan []byte
}

func (b *buffered) Write(p []byte) (int, error) {
	b.out <- append([]byte(nil), p...)
	return len(p), nil
}

func (b *buffered) pump() {
	for p := range b.out {
		if p == nil {
			b.Conn.Close()
			return
		}
		b.Conn.Write(p) // it is lost if the other side has closed
	}
}

func (b *buffered) Close() error {
	b.out <- nil
	return nil
}

// slowEnd is the server's end of a connection: that it closes is known to the other side a millisecond later, as on any
// network.
type slowEnd struct{ net.Conn }

func (s slowEnd) Close() error {
	time.AfterFunc(time.Millisecond, func() { s.Conn.Close() })
	return nil
}

// A server that keeps idle connections for a minute, and a program that makes a call every minute: with a client that
// keeps them for longer, as http.DefaultTransport's 90 seconds, the call meets the closing connection, and nobody knows
// what became of it. Base lets go of them before. Where the server is quicker even than Base, such calls are ambiguous,
// and none is sent twice.
func TestStaleKeepAlives(t *testing.T) {
	const calls = 300
	for _, test := range []struct {
		name      string
		idle      time.Duration // how long the client keeps a connection
		server    time.Duration // how long the server does
		ambiguous bool
	}{
		{"as http.DefaultTransport", 90 * time.Second, time.Minute, true},
		{"Base", transport.BaseIdleTimeout, time.Minute, false},
		{"Base, and a server that keeps them for 5 seconds", transport.BaseIdleTimeout, 5 * time.Second, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			l := &pipes{make(chan net.Conn)}
			accepted := 0
			server := &http.Server{IdleTimeout: test.server, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body)
				accepted++
				w.Header().Set("Content-Type", "application/json")
				io.WriteString(w, served)
			})}
			go server.Serve(l)
			base := transport.Base()
			base.Proxy, base.DialContext, base.IdleConnTimeout = nil, l.dial, test.idle
			stack := stackOver(t, base, policy.Policy{})
			for range calls {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://llm.invalid/v1/chat/completions", strings.NewReader(chatBody))
				resp, err := stack.RoundTrip(req)
				if err == nil {
					io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				time.Sleep(test.server)
			}
			lost := 0
			for _, r := range stack.Rows() {
				if r.Outcome == policy.Ambiguous {
					lost++
				}
			}
			t.Logf("%s: %d of %d calls end ambiguously, %d accepted", test.name, lost, calls, accepted)
			if len(stack.Rows()) != calls || accepted != calls-lost || (lost > calls/4) != test.ambiguous || !test.ambiguous && lost > 0 {
				t.Errorf("%s: %d rows, %d lost, %d accepted", test.name, len(stack.Rows()), lost, accepted)
			}
			stack.CloseIdleConnections()
			close(l.conns)
			server.Close()
			time.Sleep(time.Second)
		})
	}
}
