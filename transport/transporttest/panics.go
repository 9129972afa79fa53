package transporttest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

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
