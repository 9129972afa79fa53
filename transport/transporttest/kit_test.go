package transporttest

import (
	"io"
	"net/http"
	"testing"
	"time"
)

func TestIdentity(t *testing.T) {
	TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper { return base })
}

func TestRetrier(t *testing.T) {
	TestRoundTripper(t, func(base http.RoundTripper) http.RoundTripper { return newRetrier(base) })
}

// A retrier is a short RoundTripper that retries and passes. Some RoundTrippers with bugs are built on it.
type retrier struct{ next http.RoundTripper }

func newRetrier(base http.RoundTripper) *retrier {
	if base == nil {
		base = http.DefaultTransport
	}
	return &retrier{base}
}

func (r *retrier) RoundTrip(req *http.Request) (*http.Response, error) {
	again := req.Body == nil || req.Body == http.NoBody || req.GetBody != nil
	out := req
	for attempt := 0; ; attempt++ {
		resp, err := r.next.RoundTrip(out)
		if err != nil || resp.StatusCode != http.StatusTooManyRequests || !again || attempt == 2 {
			return resp, err
		}
		next := req.WithContext(req.Context())
		if req.GetBody != nil {
			if next.Body, err = req.GetBody(); err != nil {
				return resp, nil // the response is still valid
			}
		}
		if !wait(req, time.Second) {
			if next.Body != nil {
				next.Body.Close()
			}
			return resp, nil
		}
		io.Copy(io.Discard, io.LimitReader(resp.Body, 256<<10))
		resp.Body.Close()
		out = next
	}
}

func (r *retrier) CloseIdleConnections() { (&http.Client{Transport: r.next}).CloseIdleConnections() }

// wait waits for d, and reports whether the request was not cancelled before that.
func wait(req *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-req.Context().Done():
	case <-req.Cancel: //lint:ignore SA1019 http.Client sets it
	}
	return false
}
