package transporttest

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// requestUntouched: a RoundTripper must not write to the request, its Header, URL or Trailer, not even temporarily. It may
// only read and close the Body. The request is compared whenever an attempt reaches the base, and at the end. Then many
// calls share one Header, so that the race detector finds writes to it.
func requestUntouched(c *check) {
	for _, statuses := range [][]int{{200}, {429, 200}, {429}, {503, 200}, {500}, {0}, {302}} {
		f := c.fake(statuses...)
		rt := c.wrap(f)
		req := c.chat(chatBody)
		req.Header["x-lower-case"] = []string{"1"}
		req.Header["content-length"] = []string{strconv.Itoa(len(chatBody))}
		req.Header.Set("Idempotency-Key", "k")
		req.Trailer = http.Header{"X-Sum": nil}
		before := snapshotOf(req)
		f.look = func(n int, _ *http.Request) {
			if changed := before.changed(req); changed != "" {
				c.errorf("responses %v: when attempt %d reached the base, the caller's request had another %s", statuses, n+1, changed)
			}
		}
		c.send(rt, req)
		if changed := before.changed(req); changed != "" {
			c.errorf("responses %v: the caller's request has another %s afterwards", statuses, changed)
		}
	}
	if c.failed() {
		return // concurrent writes to a map end the program
	}
	rt := c.wrap(c.fake(429, 200))
	header := c.chat(chatBody).Header
	var calls sync.WaitGroup
	for range 50 {
		calls.Go(func() {
			req := c.chat(chatBody)
			req.Header = header
			c.send(rt, req)
		})
	}
	calls.Wait()
}

// A snapshot is the state of a request at some time.
type snapshot struct {
	req                      http.Request
	ctx                      context.Context
	url                      url.URL
	header, trailer          http.Header
	transferEncoding, fields string
}

func snapshotOf(req *http.Request) *snapshot {
	return &snapshot{
		req: *req, ctx: req.Context(), url: *req.URL, header: req.Header.Clone(), trailer: req.Trailer.Clone(),
		transferEncoding: fmt.Sprint(req.TransferEncoding), fields: fieldsOf(req),
	}
}

// fieldsOf formats the fields that have plain values.
func fieldsOf(r *http.Request) string {
	return fmt.Sprint(r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Close, r.Host, r.Form, r.PostForm, r.MultipartForm,
		r.RemoteAddr, r.RequestURI, r.TLS, r.Response, r.Pattern)
}

// changed names what has changed since the snapshot. It returns "" if nothing has.
func (s *snapshot) changed(r *http.Request) string {
	same := func(a, b http.Header) bool { return maps.EqualFunc(a, b, slices.Equal) && (a == nil) == (b == nil) }
	switch {
	case !same(s.header, r.Header):
		return fmt.Sprintf("Header: %v, not %v", r.Header, s.header)
	case !same(s.trailer, r.Trailer):
		return fmt.Sprintf("Trailer: %v, not %v", r.Trailer, s.trailer)
	case s.req.URL != r.URL || s.url != *r.URL:
		return fmt.Sprintf("URL: %v, not %v", r.URL, &s.url)
	case s.req.Body != r.Body:
		return fmt.Sprintf("Body: a %T, not the caller's own %T", r.Body, s.req.Body)
	case reflect.ValueOf(s.req.GetBody).Pointer() != reflect.ValueOf(r.GetBody).Pointer():
		return "GetBody"
	case s.req.ContentLength != r.ContentLength:
		return fmt.Sprintf("ContentLength: %d, not %d", r.ContentLength, s.req.ContentLength)
	case s.transferEncoding != fmt.Sprint(r.TransferEncoding):
		return fmt.Sprintf("TransferEncoding: %v, not %v", r.TransferEncoding, s.transferEncoding)
	case s.ctx != r.Context() || s.req.Cancel != r.Cancel: //lint:ignore SA1019 http.Client sets it
		return "context or Cancel"
	case s.fields != fieldsOf(r):
		return "Method, Host or the like"
	}
	return ""
}

// bodyClosed: the request's body is closed in every scenario, and so is every body that GetBody returned, at the latest
// soon after RoundTrip has returned. The kit cannot test requests that only a particular implementation refuses.
func bodyClosed(c *check) {
	c.eachScenario(func(name string, rt http.RoundTripper, req *http.Request, u *upload) {
		c.send(rt, req)
		time.Sleep(time.Minute)
		if n := u.unclosed(); n > 0 {
			c.errorf("%s: %d of the %d bodies of the request are never closed", name, n, len(u.opened))
		}
	})
}

// responseOrError: RoundTrip returns a response or an error, never both, never neither.
func responseOrError(c *check) {
	c.eachScenario(func(name string, rt http.RoundTripper, req *http.Request, _ *upload) {
		resp, err := rt.RoundTrip(req)
		switch {
		case resp == nil && err == nil:
			c.errorf("%s: neither a response nor an error", name)
		case resp != nil && err != nil:
			c.errorf("%s: a response (%s) and an error (%v)", name, resp.Status, err)
		}
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
	})
}

// statusIsNoError: a response is no error, whatever its status. It reaches the caller with err == nil and a body that can
// be read, even if no attempts are left. A base that returns no body where it must do so must do no harm.
func statusIsNoError(c *check) {
	for _, status := range []int{200, 201, 204, 304, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504, 529} {
		f := c.fake(status)
		resp, data, err := c.send(c.wrap(f), c.chat(chatBody))
		_, want := responseOf(status)
		switch {
		case err != nil:
			c.errorf("responses %d for ever: %v", status, err)
		case resp == nil || resp.Body == nil:
			c.errorf("responses %d for ever: no response, or none with a body", status)
		case resp.StatusCode != status || string(data) != want:
			c.errorf("responses %d for ever: the caller gets %d and %s", status, resp.StatusCode, short(data))
		}
	}
	for _, length := range []int64{0, 5} {
		f := &fake{respond: func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: length, Request: req}, nil
		}}
		c.send(c.wrap(f), c.chat(chatBody))
	}
}

// concurrentCalls: a RoundTripper is safe for concurrent use, and does not mix up calls.
func concurrentCalls(c *check) {
	const name = "X-Call"
	failedOnce := sync.Map{}
	f := &fake{}
	f.respond = func(n int, req *http.Request, body []byte) (*http.Response, error) {
		id := req.Header.Get(name)
		if !strings.Contains(string(body), "call "+id+".") {
			c.errorf("call %s arrives with the body %s", id, short(body))
		}
		time.Sleep(time.Duration(n%7) * time.Millisecond)
		if _, again := failedOnce.LoadOrStore(id, true); !again && n%3 == 0 {
			return f.status(req, http.StatusTooManyRequests), nil
		}
		return f.text(req, 200, http.Header{"Content-Type": {"application/json"}, name: {id}}, strings.ReplaceAll(chatResponse, "chatcmpl-7", "chatcmpl-"+id)), nil
	}
	rt := c.wrap(f)
	var calls sync.WaitGroup
	for i := range 200 {
		calls.Go(func() {
			id := strconv.Itoa(i)
			req := c.chat(strings.ReplaceAll(chatBody, "Who", "This is call "+id+". Who"))
			req.Header.Set(name, id)
			resp, data, err := c.send(rt, req)
			switch {
			case err != nil || resp == nil: // other items check this
			case resp.StatusCode == 200 && (resp.Header.Get(name) != id || !strings.Contains(string(data), `"chatcmpl-`+id+`"`)):
				c.errorf("call %s gets the response to call %s, %s", id, resp.Header.Get(name), short(data))
			}
		})
	}
	calls.Wait()
}
