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

// requestUntouched: a RoundTripper must not write to the request, its Header, URL or Trailer, not even for a while; it
// may only read and close its Body. The request is compared whenever an attempt reaches the base, and at the end. Then
// many calls share one Header, which the race detector watches.
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
				c.errorf("answers %v: when attempt %d reached the base, the caller's request had another %s", statuses, n+1, changed)
			}
		}
		c.send(rt, req)
		if changed := before.changed(req); changed != "" {
			c.errorf("answers %v: the caller's request has another %s afterwards", statuses, changed)
		}
	}
	if c.failed() {
		return // a map that is written to by many at once ends the program
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

// A snapshot is a request as it was.
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

// fieldsOf says what the fields are that have plain values.
func fieldsOf(r *http.Request) string {
	return fmt.Sprint(r.Method, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Close, r.Host, r.Form, r.PostForm, r.MultipartForm,
		r.RemoteAddr, r.RequestURI, r.TLS, r.Response, r.Pattern)
}

// changed names what is no longer as it was; "" if nothing is.
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

// A mishap is a call that goes one of the ways on which a RoundTripper returns.
type mishap struct {
	name string

	// arrange returns the call's context, and prepares base and body.
	arrange func(ctx context.Context, f *fake, u *upload) context.Context
}

// mishaps returns the ways, those with a 429 that asks to wait for a minute among them.
func mishaps() []mishap {
	statuses := func(statuses ...int) func(context.Context, *fake, *upload) context.Context {
		return func(ctx context.Context, f *fake, _ *upload) context.Context {
			f.answer = func(n int, req *http.Request, _ []byte) (*http.Response, error) {
				if status := statuses[min(n, len(statuses)-1)]; status != 0 {
					return f.status(req, status), nil
				}
				return nil, errNetwork
			}
			return ctx
		}
	}
	inAMinute := func(f *fake) {
		f.answer = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
			header, text := answerOf(http.StatusTooManyRequests)
			header.Set("Retry-After", "60")
			return f.text(req, http.StatusTooManyRequests, header, text), nil
		}
	}
	return []mishap{
		{"answered 200", statuses(200)},
		{"answered 429, then 200", statuses(429, 200)},
		{"answered 429 for ever", statuses(429)},
		{"answered 500 for ever", statuses(500)},
		{"the connection fails", statuses(0)},
		{"the connection fails, then 200", statuses(0, 200)},
		{"the context is done before", func(ctx context.Context, _ *fake, _ *upload) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return ctx
		}},
		{"cancelled while the base waits", func(ctx context.Context, f *fake, _ *upload) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			f.answer = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
				time.AfterFunc(time.Second, cancel)
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			return ctx
		}},
		{"cancelled as a 429 arrives", func(ctx context.Context, f *fake, _ *upload) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			f.answer = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
				cancel()
				return f.status(req, http.StatusTooManyRequests), nil
			}
			return ctx
		}},
		{"cancelled a while after a 429", func(ctx context.Context, f *fake, _ *upload) context.Context {
			inAMinute(f)
			ctx, cancel := context.WithCancel(ctx)
			time.AfterFunc(5*time.Second, cancel)
			return ctx
		}},
		{"a deadline sooner than Retry-After", func(ctx context.Context, f *fake, _ *upload) context.Context {
			inAMinute(f)
			ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
			context.AfterFunc(ctx, cancel)
			return ctx
		}},
		{"the body cannot be read", func(ctx context.Context, _ *fake, u *upload) context.Context {
			u.breaks = true
			return ctx
		}},
		{"GetBody fails at once", func(ctx context.Context, f *fake, u *upload) context.Context {
			u.failFrom = 1
			return statuses(429, 200)(ctx, f, u)
		}},
		{"GetBody fails the second time", func(ctx context.Context, f *fake, u *upload) context.Context {
			u.failFrom = 2
			return statuses(429, 429, 200)(ctx, f, u)
		}},
	}
}

// eachMishap calls f with a request for each mishap, with and without GetBody.
func (c *check) eachMishap(do func(name string, rt http.RoundTripper, req *http.Request, u *upload)) {
	for _, m := range mishaps() {
		for _, again := range []bool{true, false} {
			f, u := c.fake(200), &upload{data: []byte(chatBody)}
			ctx := m.arrange(c.ctx, f, u)
			req := c.chat(chatBody).WithContext(ctx)
			u.attach(req, again)
			name := m.name
			if !again {
				name += ", without GetBody"
			}
			do(name, c.wrap(f), req, u)
		}
	}
}

// bodyClosed: the request's body is closed whatever happens, and so is every body that GetBody gave, soon after
// RoundTrip has returned. What only one implementation refuses, such as a configuration that makes no sense, a kit
// cannot bring about.
func bodyClosed(c *check) {
	c.eachMishap(func(name string, rt http.RoundTripper, req *http.Request, u *upload) {
		c.send(rt, req)
		time.Sleep(time.Minute)
		if n := u.left(); n > 0 {
			c.errorf("%s: %d of the %d bodies of the request are never closed", name, n, len(u.opened))
		}
	})
}

// responseOrError: RoundTrip returns a response or an error, never both, never neither.
func responseOrError(c *check) {
	c.eachMishap(func(name string, rt http.RoundTripper, req *http.Request, _ *upload) {
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

// statusIsNoError: an answer is an answer, whatever its status. It reaches the caller with err == nil and a body that
// can be read, also when attempts are used up. A base that returns no body where it ought to must do no harm.
func statusIsNoError(c *check) {
	for _, status := range []int{200, 201, 204, 304, 400, 401, 403, 404, 408, 409, 413, 422, 429, 500, 501, 502, 503, 504, 529} {
		f := c.fake(status)
		resp, data, err := c.send(c.wrap(f), c.chat(chatBody))
		_, want := answerOf(status)
		switch {
		case err != nil:
			c.errorf("answered %d for ever: %v", status, err)
		case resp == nil || resp.Body == nil:
			c.errorf("answered %d for ever: no response, or none with a body", status)
		case resp.StatusCode != status || string(data) != want:
			c.errorf("answered %d for ever: the caller gets %d and %s", status, resp.StatusCode, short(data))
		}
	}
	for _, length := range []int64{0, 5} {
		f := &fake{answer: func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: length, Request: req}, nil
		}}
		c.send(c.wrap(f), c.chat(chatBody))
	}
}

// concurrentCalls: a RoundTripper is safe for concurrent use, and keeps nothing of one call where another finds it.
func concurrentCalls(c *check) {
	const name = "X-Call"
	failedOnce := sync.Map{}
	f := &fake{}
	f.answer = func(n int, req *http.Request, body []byte) (*http.Response, error) {
		id := req.Header.Get(name)
		if !strings.Contains(string(body), "call "+id+".") {
			c.errorf("call %s arrives with the body %s", id, short(body))
		}
		time.Sleep(time.Duration(n%7) * time.Millisecond)
		if _, again := failedOnce.LoadOrStore(id, true); !again && n%3 == 0 {
			return f.status(req, http.StatusTooManyRequests), nil
		}
		return f.text(req, 200, http.Header{"Content-Type": {"application/json"}, name: {id}}, strings.ReplaceAll(chatAnswer, "chatcmpl-7", "chatcmpl-"+id)), nil
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
			case err != nil || resp == nil: // not this item's business
			case resp.StatusCode == 200 && (resp.Header.Get(name) != id || !strings.Contains(string(data), `"chatcmpl-`+id+`"`)):
				c.errorf("call %s gets the answer to call %s, %s", id, resp.Header.Get(name), short(data))
			}
		})
	}
	calls.Wait()
}
