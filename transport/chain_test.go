package transport_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

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

func ExampleScanner_Scan() {
	paths := transport.MustPaths("model", "service_tier")
	var s transport.Scanner
	fields, err := s.Scan([]byte(`{ "model": "gpt-5", "seed": 18446744073709551615 }`), paths)
	if err != nil {
		panic(err)
	}
	edited, err := fields.Splice(transport.Edit{Path: "service_tier", Value: `"flex"`})
	fmt.Println(fields.Text(transport.PathOf("model")))
	fmt.Println(string(edited), err)
	// Output:
	// gpt-5
	// {"service_tier":"flex", "model": "gpt-5", "seed": 18446744073709551615 } <nil>
}

func ExampleBody() {
	req, _ := http.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader(`{"service_tier":"auto","n":1}`))
	var body transport.Body
	if err := body.Load(req, transport.MustPaths("service_tier")); err != nil {
		panic(err)
	}
	for _, tier := range []string{`"flex"`, `"default"`} {
		attempt := req.WithContext(req.Context())
		if err := body.Attach(attempt, transport.Edit{Path: "service_tier", Value: tier}); err != nil {
			panic(err)
		}
		sent, _ := io.ReadAll(attempt.Body)
		fmt.Println(attempt.ContentLength, string(sent))
	}
	// Output:
	// 29 {"service_tier":"flex","n":1}
	// 32 {"service_tier":"default","n":1}
}

type lineCounter struct{ lines int }

func (c *lineCounter) Observe(p []byte) (int, transport.Seen) {
	c.lines += strings.Count(string(p), "\n")
	return len(p), 0
}

func (c *lineCounter) End(how transport.End, err error) {
	fmt.Println(c.lines, "lines,", how, err)
}

func ExampleWatcher_Watch() {
	resp := &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader("one\ntwo\n"))}
	transport.Watcher{Observer: &lineCounter{}}.Watch(context.Background(), resp)
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	// Output: 2 lines, eof <nil>
}

func ExampleWithTrace() {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	for range 2 {
		var trace transport.Trace
		req, _ := http.NewRequestWithContext(transport.WithTrace(context.Background(), &trace), http.MethodGet, server.URL, nil)
		resp, err := server.Client().Do(req)
		if err != nil {
			panic(err)
		}
		resp.Body.Close()
		fmt.Println("written", trace.Writes(), "time, on a used connection:", trace.Reused())
	}
	// Output:
	// written 1 time, on a used connection: false
	// written 1 time, on a used connection: true
}

func ExamplePeek() {
	resp := &http.Response{Body: io.NopCloser(strings.NewReader(`{"error":{"code":"slow_down"}}`))}
	head, err := transport.Peek(resp, 10, time.Second)
	fmt.Printf("%s %v\n", head, err)
	all, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s\n", all)
	// Output:
	// {"error":{ <nil>
	// {"error":{"code":"slow_down"}}
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

func TestBase(t *testing.T) {
	b := transport.Base()
	if b.ResponseHeaderTimeout != 0 || b.IdleConnTimeout != transport.BaseIdleTimeout || b.Proxy == nil || !b.ForceAttemptHTTP2 {
		t.Errorf("%+v", b)
	}
	if transport.Base() == b {
		t.Error("Base returns the same transport twice")
	}
}

func TestTrace(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	gone := "http://" + unusedAddress(t)
	seen := 0
	own := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteHeaders: func() { seen++ }})
	for _, test := range []struct {
		name, url string
		base      http.RoundTripper
		unwritten bool
		writes    int
	}{
		{"served", server.URL, transport.Base(), false, 1},
		{"no one listens", gone, transport.Base(), true, 0},
		{"a base that does not report", server.URL, transport.RoundTripperFunc(func(*http.Request) (*http.Response, error) {
			return nil, errors.New("lost")
		}), false, 0},
	} {
		var trace transport.Trace
		req, err := http.NewRequestWithContext(transport.WithTrace(own, &trace), http.MethodPost, test.url, strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		if resp, err := test.base.RoundTrip(req); err == nil {
			resp.Body.Close()
		}
		transport.CloseIdleConnections(test.base)
		if unwritten := trace.Reported() && trace.Writes() == 0; unwritten != test.unwritten || trace.Writes() != test.writes {
			t.Errorf("%s: unwritten %v, writes %d", test.name, unwritten, trace.Writes())
		}
	}
	if seen != 1 {
		t.Errorf("the caller's own trace saw %d writes, want 1", seen)
	}
}

func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
