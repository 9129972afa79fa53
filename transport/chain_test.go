package transport_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/skinflint-go/skinflint/transport"
)

func named(name string) transport.Middleware {
	return transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		fmt.Println(name, "asks")
		resp, err := next.RoundTrip(req)
		fmt.Println(name, "gets", resp.StatusCode)
		return resp, err
	})
}

var teapot = transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
	fmt.Println("base sends")
	return &http.Response{StatusCode: http.StatusTeapot, Body: http.NoBody, Request: req}, nil
})

func ExampleChain() {
	rt := transport.Chain(teapot, named("first"), named("second"))
	req, _ := http.NewRequest(http.MethodGet, "http://example.com/", nil)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	// Output:
	// first asks
	// second asks
	// base sends
	// second gets 418
	// first gets 418
}

func ExampleLink() {
	agent := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		req = req.Clone(req.Context()) // the caller's request is not ours to change
		req.Header.Set("User-Agent", "skinflint")
		return next.RoundTrip(req)
	})
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		fmt.Println(req.UserAgent())
		return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
	})
	req, _ := http.NewRequest(http.MethodGet, "http://example.com/", nil)
	resp, err := agent(base).RoundTrip(req)
	if err != nil {
		panic(err)
	}
	resp.Body.Close()
	// Output: skinflint
}

type closer struct {
	http.RoundTripper
	closed int
}

func (c *closer) CloseIdleConnections() { c.closed++ }

func TestCloseIdleConnectionsIsForwarded(t *testing.T) {
	base := &closer{RoundTripper: teapot}
	foreign := func(next http.RoundTripper) http.RoundTripper { return transport.RoundTripperFunc(next.RoundTrip) }
	(&http.Client{Transport: transport.Chain(base, named("x"), foreign, nil)}).CloseIdleConnections()
	(&http.Client{Transport: named("x")(base)}).CloseIdleConnections()
	if base.closed != 2 {
		t.Errorf("closed %d times, want 2", base.closed)
	}
	transport.CloseIdleConnections(teapot) // has no such method
}

func TestChainDefaults(t *testing.T) {
	was := http.DefaultTransport
	defer func() { http.DefaultTransport = was }()
	called := 0
	http.DefaultTransport = transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
		called++
		return nil, errors.New("no")
	})
	req := httptest.NewRequest(http.MethodGet, "http://example.com/", nil)
	transport.Chain(nil).RoundTrip(req)
	pass := transport.Link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) { return next.RoundTrip(req) })
	pass(nil).RoundTrip(req)
	if called != 2 {
		t.Errorf("the default transport was asked %d times, want 2", called)
	}
}
