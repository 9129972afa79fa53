package transporttest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var waste []int

// linked is a RoundTripper that calls a func with each request and the next RoundTripper.
type linked struct {
	next http.RoundTripper
	f    func(*http.Request, http.RoundTripper) (*http.Response, error)
}

func (l linked) RoundTrip(req *http.Request) (*http.Response, error) { return l.f(req, l.next) }

func (l linked) CloseIdleConnections() { (&http.Client{Transport: l.next}).CloseIdleConnections() }

func link(f func(*http.Request, http.RoundTripper) (*http.Response, error)) wrapper {
	return func(base http.RoundTripper) http.RoundTripper {
		if base == nil {
			base = http.DefaultTransport
		}
		return linked{base, f}
	}
}

// answers returns a wrapper that changes responses.
func answers(f func(*http.Response) *http.Response) wrapper {
	return link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		return f(resp), nil
	})
}

// bodies returns a wrapper that changes the bodies of responses that have one.
func bodies(f func(io.ReadCloser) io.ReadCloser) wrapper {
	return answers(func(resp *http.Response) *http.Response {
		if resp.Body != nil && resp.Body != http.NoBody && resp.StatusCode != http.StatusSwitchingProtocols {
			resp.Body = f(resp.Body)
		}
		return resp
	})
}

// bodies101 returns a wrapper that changes upgraded connections.
func bodies101(f func(io.ReadCloser) io.ReadCloser) wrapper {
	return answers(func(resp *http.Response) *http.Response {
		if resp.StatusCode == http.StatusSwitchingProtocols {
			resp.Body = f(resp.Body)
		}
		return resp
	})
}

// resends returns a wrapper that resends a request after a 429 with the body that the func returns, unless that is nil.
func resends(closeFirst bool, body func(*http.Request) io.ReadCloser) wrapper {
	return link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || resp.StatusCode != http.StatusTooManyRequests {
			return resp, err
		}
		out := req.WithContext(req.Context())
		if out.Body = body(req); out.Body == nil {
			return resp, err
		}
		if closeFirst {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return next.RoundTrip(out)
	})
}

const addition = `"service_tier":"flex",`

// isObject reports whether a careful RoundTripper may edit the body of a request.
func isObject(req *http.Request, body []byte) bool {
	_, err := members(body)
	return err == nil && req.Header.Get("Content-Type") == "application/json" && req.Header.Get("Content-Encoding") == "" && bytes.HasPrefix(body, []byte(`{"`)) &&
		req.URL.Host != "elsewhere.invalid" && !signed(req)
}

func signed(req *http.Request) bool {
	return strings.HasPrefix(req.Header.Get("Authorization"), "AWS4") || req.Header.Get("Content-Digest") != ""
}

func insert(_ *http.Request, body []byte) []byte {
	return append([]byte("{"+addition), body[1:]...)
}

// insertOnce is insert, unless the member is already there.
func insertOnce(req *http.Request, body []byte) []byte {
	if in, _ := members(body); count(in, "service_tier") > 0 {
		return body
	}
	return insert(req, body)
}

// rewrites returns a wrapper that edits the short bodies with GetBody that the second func selects, and does everything
// else right.
func rewrites(edit func(*http.Request, []byte) []byte, which func(*http.Request, []byte) bool) wrapper {
	return link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.GetBody == nil || req.ContentLength > 10<<10 {
			return next.RoundTrip(req)
		}
		data, err := io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		out := req.WithContext(req.Context())
		if which(req, data) {
			data = edit(req, data)
		}
		setBody(out, data)
		return next.RoundTrip(out)
	})
}

func setBody(out *http.Request, data []byte) {
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }
	out.Body, _ = out.GetBody()
	out.ContentLength = int64(len(data))
	out.Header = out.Header.Clone()
	out.Header.Del("Content-Length")
	delete(out.Header, "content-length")
}

// edits returns a wrapper that edits one body, and changes what belongs to it wrongly.
func edits(wrongly func(out *http.Request, edited []byte)) wrapper {
	return link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.ContentLength != int64(len(chatBody)) || req.GetBody == nil || req.Header.Get("Content-Length") == "" {
			return next.RoundTrip(req)
		}
		data, err := io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		if string(data) == chatBody {
			data = insert(req, data)
		}
		out := req.WithContext(req.Context())
		setBody(out, data)
		if string(data) != chatBody {
			wrongly(out, data)
		}
		return next.RoundTrip(out)
	})
}

// forgetful keeps the latest request of all calls.
type forgetful struct {
	next http.RoundTripper
	mu   sync.Mutex
	req  *http.Request
}

func (f *forgetful) RoundTrip(req *http.Request) (*http.Response, error) {
	f.set(req)
	if req.Header.Get("X-Call") != "" {
		time.Sleep(time.Millisecond) // so that other calls arrive
	}
	return f.next.RoundTrip(f.latest(req))
}

func (f *forgetful) set(req *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.req = req
}

// latest returns the latest request with the body of the call, so that no reader is shared.
func (f *forgetful) latest(req *http.Request) *http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	if req.Header.Get("X-Call") == "" {
		return req
	}
	out := req.WithContext(req.Context())
	out.Header = f.req.Header
	return out
}

func (f *forgetful) CloseIdleConnections() { (&http.Client{Transport: f.next}).CloseIdleConnections() }

// rewound is a reader that several attempts share. It has a lock, so that the race detector does not find the bug.
type rewound struct {
	mu   sync.Mutex
	data []byte
	at   int
}

func (r *rewound) rewind() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at = 0
}

func (r *rewound) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == len(r.data) {
		return 0, io.EOF
	}
	n := copy(p, r.data[r.at:])
	r.at += n
	return n, nil
}

// read is a body with another Read.
type read struct {
	io.Closer
	f func([]byte) (int, error)
}

func (r read) Read(p []byte) (int, error) { return r.f(p) }

// closing calls a func when it is closed.
type closing struct {
	io.Closer
	f func()
}

func (c closing) Close() error {
	err := c.Closer.Close()
	c.f()
	return err
}

// lazyCloser closes a body only if it has been read.
type lazyCloser struct {
	io.ReadCloser
	read atomic.Bool
}

func (l *lazyCloser) Read(p []byte) (int, error) {
	l.read.Store(true)
	return l.ReadCloser.Read(p)
}

func (l *lazyCloser) Close() error {
	if !l.read.Load() {
		return nil
	}
	return l.ReadCloser.Close()
}

// drainer reads to the end before it closes, however long that takes, unless another read is waiting.
type drainer struct {
	io.ReadCloser
	reading atomic.Int32
}

func (d *drainer) Read(p []byte) (int, error) {
	d.reading.Add(1)
	defer d.reading.Add(-1)
	return d.ReadCloser.Read(p)
}

func (d *drainer) Close() error {
	if d.reading.Load() == 0 {
		io.Copy(io.Discard, d.ReadCloser)
	}
	return d.ReadCloser.Close()
}

// limiter allows one call at a time, of the calls of panics and slowClose. The func end closes a response and releases its
// permit. releases says whether a panic releases the permit too.
func limiter(base http.RoundTripper, releases bool, end func(io.ReadCloser, func()) error) http.RoundTripper {
	permit := make(chan struct{}, 1)
	if base == nil {
		base = http.DefaultTransport
	}
	return linked{base, func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if f, ok := next.(*fake); !ok || f.look != nil {
			return next.RoundTrip(req)
		}
		select {
		case permit <- struct{}{}:
		case <-req.Context().Done():
			if req.Body != nil {
				req.Body.Close()
			}
			return nil, req.Context().Err()
		}
		release := sync.OnceFunc(func() { <-permit })
		returned := false
		defer func() {
			if releases && !returned {
				release()
			}
		}()
		resp, err := next.RoundTrip(req)
		returned = true
		if err != nil || resp.Body == nil || resp.StatusCode == http.StatusSwitchingProtocols {
			release()
			return resp, err
		}
		b := resp.Body
		resp.Body = read{closer(func() error { return end(b, release) }), func(p []byte) (int, error) {
			n, err := b.Read(p)
			if err != nil {
				release()
			}
			return n, err
		}}
		return resp, nil
	}}
}

type closer func() error

func (c closer) Close() error { return c() }

// untraced is a context without values, and so without a trace.
type untraced struct{ context.Context }

func (untraced) Value(any) any { return nil }
