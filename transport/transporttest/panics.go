package transporttest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// panics: a panic of the base, the body or GetBody reaches the caller, on the caller's goroutine. On another goroutine it
// would end the program. Later calls must still work, so all locks and permits must be released.
func panics(c *check) {
	const calls = 20
	where := ""
	f := &fake{}
	f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
		if where == "base" {
			panic("base")
		}
		return f.status(req, http.StatusOK), nil
	}
	rt := c.wrap(f)
	usual := &upload{data: []byte(chatBody)} // A02 checks what every call leaves open
	req := c.chat(chatBody)
	usual.attach(req, true)
	c.send(rt, req)
	for _, where = range []string{"base", "Body.Read", "GetBody", "Body.Close"} {
		for range calls {
			if open := c.panicAt(where, rt); where == "base" && open > usual.unclosed() {
				c.errorf("after a panic of the base, %d bodies of the request are not closed", open)
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

// panicAt makes a call in which the base or a func of the request panics. It returns how many bodies of the request are
// not closed.
func (c *check) panicAt(where string, rt http.RoundTripper) (open int) {
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
	return u.unclosed()
}

// caught returns the value with which f panics.
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
