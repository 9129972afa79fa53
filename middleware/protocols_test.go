package middleware_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// HTTP/2 is recognised without TLS, and by a chain whose first call uses a connection of another chain.
func TestProtocolErrorWithoutTLS(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	defer l.Close()
	var processed atomic.Int32
	go http2Server(l, &processed, 1)
	base := unencryptedHTTP2()
	defer base.CloseIdleConnections()
	stack := stackOver(t, transport.RoundTripperFunc(base.RoundTrip), policy.Policy{})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, s := range []*middleware.Stack{stack, stack.ErrorsAs(middleware.AsError)} {
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://"+l.Addr().String()+"/v1/chat/completions", strings.NewReader(chatBody))
		resp, err := s.RoundTrip(req)
		if err == nil {
			drain(resp)
		}
	}
	if n := processed.Load(); n != 2 {
		t.Errorf("processed %d times for 2 calls", n)
	}
}

// HTTP/2 is recognised even if another client uses HTTP/1 with the same host name.
func TestProtocolErrorWithTwoClients(t *testing.T) {
	l, _ := net.Listen("tcp", "127.0.0.1:0")
	defer l.Close()
	var processed atomic.Int32
	go http2Server(l, &processed, 1)
	host := "http://llm.internal/v1/chat/completions"
	dial := func(context.Context, string, string) (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
	h2 := unencryptedHTTP2()
	h2.DialContext = dial
	one := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, served)
	}))
	defer one.Close()
	h1 := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("tcp", one.Listener.Addr().String())
	}}
	defer h1.CloseIdleConnections()
	defer h2.CloseIdleConnections()
	stack := stackOver(t, nil, policy.Policy{})
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	for _, rt := range []http.RoundTripper{h2, h1, h2} {
		req, _ := http.NewRequestWithContext(ctx, "POST", host, strings.NewReader(chatBody))
		resp, err := stack.Middleware(req, (&http.Client{Transport: rt}).Do)
		if err == nil {
			drain(resp)
		}
	}
	if n := processed.Load(); n != 2 {
		t.Errorf("the h2c server processed %d times for 2 calls", n)
	}
}
