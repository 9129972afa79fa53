package middleware_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Middleware works as the SDKs made by Stainless use it, over a client that may have a timeout.
func TestMiddleware(t *testing.T) {
	faults := llmtest.Sequence(llmtest.RateLimited, llmtest.NoFault, llmtest.ResetAfterAccept, llmtest.Stall)
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{}, func(w *world) {
		below := w.provider.Client()
		ask := func() (*http.Response, error) {
			req := w.request(w.Context(), chatBody)
			req.Header.Set("X-Stainless-Retry-Count", "0")
			return w.stack.Middleware(req, below.Do)
		}
		resp, err := ask()
		if err != nil || resp.StatusCode != 200 {
			w.Fatal(resp, err)
		}
		drain(resp)
		w.wantRows("1 rejected inferred rate", "2 billed")
		for range 2 {
			below.Timeout = time.Minute
			resp, err = ask()
			if err != nil || resp.StatusCode != 424 {
				w.Fatal(resp, err)
			}
			text, _ := io.ReadAll(resp.Body)
			if strings.Contains(string(text), "http://") {
				w.Errorf("a URL, which may hold a key, in %s", text)
			}
		}
		w.balance()
	})
}

// Over HTTP/2, Middleware recognises what the server did not process. A client beneath it follows no redirect to
// another host.
func TestMiddlewareFaults(t *testing.T) {
	for _, test := range []struct {
		fault    llmtest.Fault
		http2    bool
		before   int
		status   int
		refusal  string
		requests int
	}{
		{llmtest.RefusedStream, true, 0, 200, "", 2},
		{llmtest.RefusedStream, true, 1, 200, "", 2},
		{llmtest.GoAway, true, 1, 200, "", 2},
		{llmtest.ProtocolErrorAfterWork, true, 1, 424, "ambiguous", 1},
		{llmtest.RedirectAway, true, 0, 424, "redirect", 1},
		{llmtest.RedirectAway, false, 0, 424, "redirect", 1},
		{llmtest.RedirectAway, false, 1, 424, "redirect", 1},
		{llmtest.RedirectSame, false, 0, 307, "", 1},
		{llmtest.RedirectSame, false, 1, 424, "redirect", 1},
	} {
		faults := append(make([]llmtest.Fault, test.before), test.fault)
		inWorld(t, llmtest.Config{HTTP2: test.http2, Faults: llmtest.Sequence(faults...)}, policy.Policy{}, func(w *world) {
			var resp *http.Response
			for range test.before + 1 {
				req := w.request(w.Context(), chatBody)
				req.Header.Set("X-Stainless-Retry-Count", "0")
				var err error
				if resp, err = w.stack.Middleware(req, w.provider.Client().Do); err != nil {
					w.Fatal(err)
				}
				drain(resp)
			}
			if resp.StatusCode != test.status || resp.Header.Get("Skinflint-Refusal") != test.refusal {
				w.Errorf("%+v: status %d, %v", test, resp.StatusCode, resp.Header)
			}
			if n := len(w.provider.Requests()) - test.before; n != test.requests {
				w.Errorf("%+v: %d requests", test, n)
			}
			if row := w.stack.Rows()[test.before]; test.refusal == "redirect" && (row.Outcome != policy.Rejected || row.Reason != policy.Redirected) {
				w.Errorf("%+v: %+v", test, row)
			}
		})
	}
}

func mustNotPanic(t *testing.T, what string, f func()) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s: panic: %v", what, p)
		}
	}()
	f()
}

type limiterFunc func() (limit.Permit, error)

func (f limiterFunc) Wait(context.Context, *limit.Request) (limit.Permit, error) { return f() }

func TestNilParts(t *testing.T) {
	ok := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Request: r, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
	})
	s, _ := middleware.New(middleware.WithBase(ok))
	mustNotPanic(t, "no URL", func() { s.RoundTrip(&http.Request{Method: "POST"}) })
	mustNotPanic(t, "no URL, link", func() { middleware.Retry(policy.Policy{})(ok).RoundTrip(&http.Request{Method: "POST"}) })
	req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5"}`))
	req.Header = nil
	mustNotPanic(t, "no header", func() { s.RoundTrip(req) })
	// a base that returns a response without a Header map, to a stream
	req, _ = http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","stream":true}`))
	mustNotPanic(t, "no response header", func() { s.RoundTrip(req) })
	for _, status := range []int{200, 400, 429, 500, 101, 307, 0, 99, -1} {
		bad := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) { return &http.Response{StatusCode: status}, nil })
		s, _ := middleware.New(middleware.WithBase(bad), middleware.WithPolicy(policy.Policy{MaxAttempts: 1}))
		req, _ = http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","stream":true}`))
		mustNotPanic(t, "nil response fields", func() { s.RoundTrip(req) })
	}
	mustNotPanic(t, "Middleware(nil)", func() {
		req, _ = http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5"}`))
		s.Middleware(req, nil)
	})
}

func TestTypedNilLimitError(t *testing.T) {
	ok := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Request: r, Body: io.NopCloser(strings.NewReader(`{}`))}, nil
	})
	rt := middleware.LimitBy(limiterFunc(func() (limit.Permit, error) {
		var e *limit.Error
		return nil, e
	}))(ok)
	req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5"}`))
	mustNotPanic(t, "typed nil *limit.Error", func() { rt.RoundTrip(req) })
}

func TestLinkAroundNil(t *testing.T) {
	mustNotPanic(t, "nil middleware base", func() { middleware.Retry(policy.Policy{})(nil) })
}
