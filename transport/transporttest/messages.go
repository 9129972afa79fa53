package transporttest

import (
	"bytes"
	"io"
	"net/http"
)

// noClientWork: redirects, cookies and authentication are the client's task. A redirect is returned unchanged after one
// request. A cookie that was set is not sent. A user and password in the URL do not become a header.
func noClientWork(c *check) {
	for _, status := range []int{301, 302, 303, 307, 308, 401} {
		f := &fake{}
		f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
			resp := f.status(req, status)
			resp.Header.Set("Set-Cookie", "session=1; Path=/")
			resp.Header.Set("WWW-Authenticate", "Basic")
			return resp, nil
		}
		f.look = func(_ int, req *http.Request) {
			if req.Header.Get("Cookie") != "" || req.Header.Get("Authorization") != "" || req.Header.Get("Referer") != "" {
				c.errorf("%d: a request gets cookies, authorization or a referer that its caller did not give: %v", status, req.Header)
			}
			if req.URL.Hostname() != "api.openai.com" {
				c.errorf("%d: a request goes to %s", status, req.URL)
			}
		}
		rt := c.wrap(f)
		for range 2 {
			req := c.request(http.MethodPost, "https://user:secret@api.openai.com"+chatPath, []byte(chatBody))
			req.Header.Del("Authorization")
			calls := len(f.attempts())
			resp, _, err := c.send(rt, req)
			switch {
			case err != nil || resp == nil:
				c.errorf("%d: %v", status, err)
			case resp.StatusCode != status:
				c.errorf("%d has become %d", status, resp.StatusCode)
			case len(f.attempts()) != calls+1:
				c.errorf("%d: one call became %d requests", status, len(f.attempts())-calls)
			}
		}
	}
}

// responseTrailers: trailers after the body reach the caller, announced or not. net/http writes them into the response that
// it returned, so a copy of the response does not have them.
func responseTrailers(c *check) {
	const announced, late = "X-Announced", "X-Late"
	w := c.serve(func(n int, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if n == 0 {
			reply(rw, http.StatusTooManyRequests)
			return
		}
		rw.Header().Set("Content-Type", "text/event-stream")
		if r.Header.Get("X-Want") == announced {
			rw.Header().Set("Trailer", announced)
		}
		io.WriteString(rw, transcript(true, "\n"))
		http.NewResponseController(rw).Flush()
		if r.Header.Get("X-Want") == announced {
			rw.Header().Set(announced, "yes")
		} else {
			rw.Header().Set(http.TrailerPrefix+late, "yes")
		}
	})
	rt := c.wrap(w.transport)
	for _, name := range []string{late, announced, late} {
		req := c.request(http.MethodPost, w.url+chatPath, []byte(streamBody))
		req.Header.Set("X-Want", name)
		resp, _, err := c.send(rt, req)
		if err != nil || resp.StatusCode != http.StatusOK {
			continue // the first call, if the RoundTripper does not retry
		}
		if resp.Trailer.Get(name) != "yes" {
			c.errorf("the trailer %s of the response is lost: %v", name, resp.Trailer)
		}
	}
}

// requestTrailers: trailers that the caller sets while its body is being sent reach the server. A copy of the request by
// Clone has another map, in which they are missing.
func requestTrailers(c *check) {
	w := c.wireThatReads()
	req := c.chat(chatBody)
	req.URL.Scheme, req.URL.Host, req.Host = "http", "llm.invalid", ""
	req.Trailer = http.Header{"X-Sum": nil}
	req.Body = io.NopCloser(io.MultiReader(bytes.NewReader([]byte(chatBody)), atEOF(func() { req.Trailer.Set("X-Sum", "7") })))
	req.ContentLength, req.GetBody = -1, nil
	c.must(c.wrap(w.transport), req)
	for _, a := range w.arrived() {
		if wrong := sent([]byte(chatBody), a.body); wrong != "" {
			c.errorf("%s", wrong)
		}
		if got := a.Trailer.Get("X-Sum"); got != "7" {
			c.errorf("the trailer that was set during the upload arrives as %q", got)
		}
	}
}

// atEOF is an empty reader that calls a func when it is read.
type atEOF func()

func (f atEOF) Read([]byte) (int, error) {
	f()
	return 0, io.EOF
}

// responseRequest: Response.Request is not nil, and has the method and URL that were sent. Clients need it to resolve
// Location.
func responseRequest(c *check) {
	rt, url := c.responding(429, 200)
	for range 2 {
		req := c.request(http.MethodPost, url+chatPath+"?x=1", []byte(chatBody))
		resp, _, err := c.send(rt, req)
		switch {
		case err != nil || resp == nil: // other items check this
		case resp.Request == nil:
			c.errorf("Response.Request is nil")
		case resp.Request.Method != req.Method || resp.Request.URL == nil || resp.Request.URL.String() != req.URL.String():
			c.errorf("Response.Request is %s %s, and %s %s was sent", resp.Request.Method, resp.Request.URL, req.Method, req.URL)
		case resp.Request.Context() == nil:
			c.errorf("Response.Request has no context")
		}
	}
}
