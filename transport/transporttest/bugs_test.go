package transporttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// bugs are RoundTrippers with one bug each, and the items that must find it. Some bugs have several consequences, and so
// several items.
var bugs = []struct {
	bug  string
	want string
	wrap wrapper
}{
	{"sets a header of the caller's request", "A01", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		req.Header.Set("X-Attempt", "1")
		return next.RoundTrip(req)
	})},
	{"sets a header, and takes it back", "A01", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		req.Header.Set("X-Attempt", "1")
		defer req.Header.Del("X-Attempt")
		return next.RoundTrip(req)
	})},
	{"puts another body into the caller's request", "A01", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.GetBody == nil {
			return next.RoundTrip(req)
		}
		body, err := req.GetBody()
		if err != nil {
			req.Body.Close()
			return nil, err
		}
		req.Body.Close()
		req.Body = body
		return next.RoundTrip(req)
	})},
	{"refuses a dead context, and leaves the body open", "A02", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		return next.RoundTrip(req)
	})},
	{"returns the last response and the context's error", "A03", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && req.Context().Err() != nil {
			return resp, req.Context().Err()
		}
		return resp, err
	})},
	{"swallows failures", "A03", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if errors.Is(err, errNetwork) {
			err = nil
		}
		return resp, err
	})},
	{"makes an error of a 429", "A04", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && resp.StatusCode == http.StatusTooManyRequests {
			resp.Body.Close()
			return nil, errors.New("giving up after 1 attempt")
		}
		return resp, err
	})},
	{"drains a 503 that it returns", "A04", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && resp.StatusCode == http.StatusServiceUnavailable {
			io.Copy(io.Discard, resp.Body)
		}
		return resp, err
	})},
	{"keeps the request in the struct", "A05", func(base http.RoundTripper) http.RoundTripper { return &forgetful{next: newRetrier(base)} }},
	{"follows redirects", "A06 B13 F57 F58", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil || resp.StatusCode != 307 && resp.StatusCode != 302 {
			return resp, err
		}
		resp.Body.Close()
		to, err := resp.Location()
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.URL, req.Host, req.Body = to, "", http.NoBody
		req.ContentLength = 0
		return next.RoundTrip(req)
	})},
	{"answers a challenge", "A06", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if u := req.URL.User; u != nil {
			req = req.Clone(req.Context())
			password, _ := u.Password()
			req.SetBasicAuth(u.Username(), password)
		}
		return next.RoundTrip(req)
	})},
	{"returns a copy of the response", "A07", answers(func(resp *http.Response) *http.Response {
		copied := *resp
		return &copied
	})},
	{"clones the request", "A08", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.Clone(req.Context()))
	})},
	{"forgets which request was answered", "A09", answers(func(resp *http.Response) *http.Response {
		resp.Request = nil
		return resp
	})},
	{"resends a body that is used up", "B10", resends(true, func(req *http.Request) io.ReadCloser {
		if req.GetBody != nil {
			return nil
		}
		return req.Body
	})},
	{"keeps every body", "B10", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.GetBody != nil || req.Body == nil || req.Body == http.NoBody || req.Trailer != nil || req.ContentLength > 0 {
			return next.RoundTrip(req)
		}
		data, err := io.ReadAll(req.Body)
		if err != nil {
			req.Body.Close()
			return nil, err
		}
		out := req.WithContext(req.Context())
		out.Body = struct {
			io.Reader
			io.Closer
		}{bytes.NewReader(data), req.Body}
		return next.RoundTrip(out)
	})},
	{"rewinds a reader that is still read", "B11", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.GetBody == nil || req.ContentLength < 100<<10 {
			return next.RoundTrip(req)
		}
		data, err := io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		shared := &rewound{data: data}
		for attempt := 0; ; attempt++ {
			out := req.WithContext(req.Context())
			shared.rewind()
			out.Body = io.NopCloser(shared)
			resp, err := next.RoundTrip(out)
			if err != nil || resp.StatusCode != http.StatusTooManyRequests || attempt == 2 {
				return resp, err
			}
			resp.Body.Close()
		}
	})},
	{"loses the response when GetBody fails", "B12", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && resp.StatusCode == http.StatusTooManyRequests && req.GetBody != nil {
			body, err := req.GetBody()
			if err != nil {
				return nil, err
			}
			body.Close()
		}
		return resp, err
	})},
	{"edits the body, not GetBody", "B13", edits(func(out *http.Request, edited []byte) {
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(chatBody)), nil }
	})},
	{"edits the body, not its length", "B13", edits(func(out *http.Request, edited []byte) {
		out.ContentLength -= int64(len(addition))
	})},
	{"edits the body, not a literal Content-Length", "B13", edits(func(out *http.Request, edited []byte) {
		out.Header.Set("Content-Length", "75")
	})},
	{"loses GetBody", "B13 F55", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		out := req.WithContext(req.Context())
		out.GetBody = nil
		return next.RoundTrip(out)
	})},
	{"makes every body chunked", "B14 B18", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		out := req.WithContext(req.Context())
		if out.Body != nil && out.Body != http.NoBody {
			out.ContentLength = -1
		}
		return next.RoundTrip(out)
	})},
	{"edits a body that is not an object", "B15", rewrites(func(_ *http.Request, body []byte) []byte {
		return bytes.Replace(body, []byte("[{"), []byte(`[{"x":1,`), 1)
	}, func(req *http.Request, body []byte) bool { return bytes.HasPrefix(body, []byte("[")) })},
	{"adds a member that is there", "B16", rewrites(insert, isObject)},
	{"changes a number", "B16", rewrites(func(_ *http.Request, body []byte) []byte {
		return bytes.Replace(body, []byte("9007199254740993"), []byte("9007199254740992"), 1)
	}, isObject)},
	{"edits a signed body", "B17", rewrites(insertOnce, func(req *http.Request, body []byte) bool {
		return signed(req)
	})},
	{"hides the reader's type", "B18", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		out := req.WithContext(req.Context())
		if out.Body != nil && out.Body != http.NoBody {
			out.Body = struct{ io.ReadCloser }{out.Body}
		}
		return next.RoundTrip(out)
	})},
	{"reads ahead", "E40", bodies(func(b io.ReadCloser) io.ReadCloser {
		first := make([]byte, 100)
		n, err := b.Read(first)
		if err != nil {
			return read{b, io.MultiReader(bytes.NewReader(first[:n]), failing{err}).Read}
		}
		return read{b, io.MultiReader(bytes.NewReader(first[:n]), b).Read}
	})},
	{"does not close a body that was not read", "E41 F60", bodies(func(b io.ReadCloser) io.ReadCloser { return &lazyCloser{ReadCloser: b} })},
	{"drops bytes that come with an error", "E42 E44 E48 F56", bodies(func(b io.ReadCloser) io.ReadCloser {
		return read{b, func(p []byte) (int, error) {
			n, err := b.Read(p)
			if err != nil {
				n = 0
			}
			return n, err
		}}
	})},
	{"takes an empty read for the end", "E42", bodies(func(b io.ReadCloser) io.ReadCloser {
		return read{b, func(p []byte) (int, error) {
			n, err := b.Read(p)
			if n == 0 && err == nil {
				err = io.EOF
			}
			return n, err
		}}
	})},
	{"changes line ends", "E43", bodies(func(b io.ReadCloser) io.ReadCloser {
		return read{b, func(p []byte) (int, error) {
			n, err := b.Read(p)
			return copy(p, bytes.ReplaceAll(p[:n], []byte("\r\n"), []byte("\n"))), err
		}}
	})},
	{"asks for gzip itself", "E44", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		out := req.WithContext(req.Context())
		out.Header = req.Header.Clone()
		out.Header.Set("Accept-Encoding", "gzip")
		return next.RoundTrip(out)
	})},
	{"drains when closed", "E45", bodies(func(b io.ReadCloser) io.ReadCloser { return &drainer{ReadCloser: b} })},
	{"frees its permit after closing", "E46", func(base http.RoundTripper) http.RoundTripper {
		return limiter(base, true, func(b io.ReadCloser, release func()) error {
			defer release()
			return b.Close()
		})
	}},
	{"hides the connection of a 101", "E47", bodies101(func(b io.ReadCloser) io.ReadCloser { return read{b, b.Read} })},
	{"loses the length of a HEAD", "E48", answers(func(resp *http.Response) *http.Response {
		if resp.Request.Method == http.MethodHead {
			resp.ContentLength = -1
		}
		return resp
	})},
	{"loses the trace of retries", "F49", func(base http.RoundTripper) http.RoundTripper {
		// Between the retrier and the base: attempts after the first have no trace.
		seen := &sync.Map{}
		r := newRetrier(link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			if _, again := seen.LoadOrStore(req.Context(), true); again {
				req = req.WithContext(untraced{req.Context()})
			}
			return next.RoundTrip(req)
		})(base))
		return r
	}},
	{"forwards no CloseIdleConnections", "F50", func(base http.RoundTripper) http.RoundTripper {
		return struct{ http.RoundTripper }{newRetrier(base)}
	}},
	{"closes the pool after a failure", "F50", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			(&http.Client{Transport: next}).CloseIdleConnections()
		}
		return resp, err
	})},
	{"closes the pool after a 400", "F56", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && resp.StatusCode == 400 {
			b := resp.Body
			resp.Body = read{closing{b, func() { (&http.Client{Transport: next}).CloseIdleConnections() }}, b.Read}
		}
		return resp, err
	})},
	{"ignores Cancel", "F51", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && resp.Header.Get("Retry-After") == "60" {
			select {
			case <-req.Context().Done():
			case <-time.After(time.Minute):
			}
		}
		return resp, err
	})},
	{"ignores the caller's context", "A02 A03 E45 E48 F49 F53 F60", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(context.Background()))
	})},
	{"ends a broken body as if it were complete", "E41 E42 F52 F53", bodies(func(b io.ReadCloser) io.ReadCloser {
		return read{b, func(p []byte) (int, error) {
			n, err := b.Read(p)
			if err != nil {
				err = io.EOF
			}
			return n, err
		}}
	})},
	{"does not expect 100-continue", "F54", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		out := req.WithContext(req.Context())
		out.Header = req.Header.Clone()
		out.Header.Del("Expect")
		return next.RoundTrip(out)
	})},
	{"edits after a cross-host redirect", "F57", rewrites(insertOnce, func(req *http.Request, body []byte) bool {
		return req.URL.Host == "elsewhere.invalid"
	})},
	{"edits a body twice", "F58", rewrites(func(req *http.Request, body []byte) []byte {
		return insert(req, insert(req, body))
	}, func(req *http.Request, body []byte) bool { return isObject(req, body) && req.URL.RawQuery == "n=x" })},
	{"takes nil for a base", "F59", func(base http.RoundTripper) http.RoundTripper {
		return linked{base, func(req *http.Request, next http.RoundTripper) (*http.Response, error) { return base.RoundTrip(req) }}
	}},
	{"leaves responses open that it does not return", "F60", resends(false, func(req *http.Request) io.ReadCloser {
		if req.GetBody == nil {
			return nil
		}
		body, err := req.GetBody()
		if err != nil {
			return nil
		}
		return body
	})},
	{"keeps a goroutine for each call", "E40 F60", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		go func() { <-req.Context().Done() }()
		return next.RoundTrip(req)
	})},
	{"keeps its permit after a panic", "F61", func(base http.RoundTripper) http.RoundTripper {
		return limiter(base, false, func(b io.ReadCloser, release func()) error {
			release()
			return b.Close()
		})
	}},
	{"swallows panics", "F61", link(func(req *http.Request, next http.RoundTripper) (resp *http.Response, err error) {
		defer func() {
			if p := recover(); p != nil {
				err = errors.New("recovered")
			}
		}()
		return next.RoundTrip(req)
	})},
	{"allocates for everything", "F62", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		for range 20 {
			waste = append(waste[:0:0], 1)
		}
		return next.RoundTrip(req)
	})},
}
