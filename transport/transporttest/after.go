package transporttest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// noGoroutineLeft: when the caller has dealt with its answers, nothing is left: every answer that the base gave is
// closed, those too that the caller never saw, no connection stays behind with one, and no goroutine. Contexts are not
// cancelled here, as that would clear up after a leak.
func noGoroutineLeft(c *check) {
	if c.via == overFake {
		c.eachMishap(func(name string, rt http.RoundTripper, req *http.Request, _ *upload) {
			c.send(rt, req)
		})
		for _, statuses := range [][]int{{200}, {429, 200}, {503, 503, 200}, {429}, {500}, {302}, {0, 200}} {
			f := c.fake(statuses...)
			c.send(c.wrap(f), c.chat(chatBody))
			settle()
			if n := f.open(); n > 0 {
				c.errorf("answers %v: %d of the %d answers are never closed", statuses, n, len(f.given))
			}
		}
		settle()
		if left := c.others(); len(left) > 2 { // the item's own, and the one that waits for it
			c.errorf("goroutines are left:\n%s", join(left))
		}
		return
	}
	w := c.serve(func(n int, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		status := http.StatusOK
		if n%3 != 2 {
			status = http.StatusTooManyRequests
			rw.Header().Set("Retry-After", "1")
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		io.WriteString(rw, chatAnswer+strings.Repeat(" ", 64<<10))
	})
	rt := c.wrap(w.transport)
	settle()
	before := len(c.others())
	for i := range 12 {
		req := c.request(http.MethodPost, w.url+chatPath, []byte(chatBody)).WithContext(context.Background())
		resp, err := rt.RoundTrip(req)
		if err != nil || resp == nil {
			continue
		}
		if i%2 == 0 {
			io.Copy(io.Discard, resp.Body)
		}
		resp.Body.Close()
	}
	settle()
	w.transport.CloseIdleConnections()
	settle()
	if _, open := w.connections(); open > 0 {
		c.errorf("%d connections stay open, with answers that nobody closed", open)
	}
	if left := c.others(); len(left) > before {
		c.errorf("%d goroutines are left:\n%s", len(left)-before, join(left))
	}
}

// panics: a panic of what the RoundTripper calls, the base, the body or GetBody, goes on to the caller, and breaks
// nothing: calls after it find all permits and locks free. It must stay on the caller's goroutine, or it ends the
// program.
func panics(c *check) {
	const calls = 20
	where := ""
	f := &fake{}
	f.answer = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
		if where == "base" {
			panic("base")
		}
		return f.status(req, http.StatusOK), nil
	}
	rt := c.wrap(f)
	usual := &upload{data: []byte(chatBody)} // what is left open of every call, A02 tells
	req := c.chat(chatBody)
	usual.attach(req, true)
	c.send(rt, req)
	for _, where = range []string{"base", "Body.Read", "GetBody", "Body.Close"} {
		for range calls {
			u := &upload{data: []byte(chatBody)}
			req := c.chat(chatBody)
			u.attach(req, true)
			fired := where == "base"
			fire := func() { fired = true; panic(where) }
			switch where {
			case "Body.Read":
				req.Body = panicking{source: u.open(), read: fire}
			case "Body.Close":
				req.Body = panicking{source: u.open(), close: fire}
			case "GetBody":
				req.GetBody = func() (io.ReadCloser, error) { fire(); return nil, nil }
			}
			p := caught(func() { c.send(rt, req) })
			switch {
			case p == nil && fired:
				c.errorf("a panic of %s does not reach the caller", where)
			case p != nil && !strings.Contains(fmt.Sprint(p), where):
				c.errorf("a panic of %s reaches the caller as %v", where, p)
			}
			if where == "base" && u.left() > usual.left() {
				c.errorf("after a panic of the base, %d bodies of the request are not closed", u.left())
			}
		}
	}
	where = ""
	over := make(chan struct{})
	go func() {
		defer close(over)
		for range calls {
			if _, _, err := c.send(rt, c.chat(chatBody)); err != nil {
				c.errorf("a call after panics: %v", err)
			}
		}
	}()
	select {
	case <-over:
	case <-time.After(graceTime):
		c.errorf("after panics, other calls do not go on\n%s", c.where())
	}
}

// caught returns what f panics with.
func caught(f func()) (p any) {
	defer func() { p = recover() }()
	f()
	return nil
}

// panicking is a body that panics.
type panicking struct {
	*source
	read, close func()
}

func (p panicking) Read(b []byte) (int, error) {
	if p.read != nil {
		p.read()
	}
	return p.source.Read(b)
}

func (p panicking) Close() error {
	if p.close != nil {
		p.close()
	}
	return p.source.Close()
}

// maxAllocs is how many allocations may be added to a request that is none of a RoundTripper's business: what a copy of
// the request with another context and one more header, and a wrapped body, come to, twice over.
const maxAllocs = 16

// allocations: a request that is no call of a model, GET /healthz, gains at most [maxAllocs] allocations.
func allocations(c *check) {
	resp := &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}
	base := quiet{resp}
	req := c.request(http.MethodGet, host+"/healthz", nil)
	measure := func(rt http.RoundTripper) float64 {
		return testing.AllocsPerRun(100, func() {
			resp.Body, resp.Request = http.NoBody, req
			got, err := rt.RoundTrip(req)
			if err != nil {
				c.errorf("%v", err)
				return
			}
			got.Body.Close()
		})
	}
	if added := measure(c.wrap(base)) - measure(base); added > maxAllocs {
		c.errorf("GET /healthz gains %v allocations, more than %d", added, maxAllocs)
	}
}

// quiet is a base that gives one response again and again.
type quiet struct{ resp *http.Response }

func (q quiet) RoundTrip(*http.Request) (*http.Response, error) { return q.resp, nil }
