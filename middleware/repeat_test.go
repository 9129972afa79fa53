package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// An SDK's own repeat of a call that may have been billed is not sent: after a lost answer, after one that was cut, and
// after the SDK's own timeout.
func TestSDKRepeatsAreRefused(t *testing.T) {
	for _, test := range []struct {
		fault    llmtest.Fault
		timeout  time.Duration // of the http.Client
		status   int
		refusal  string
		requests int
		tries    int
	}{
		{llmtest.ResetAfterAccept, 0, 424, "ambiguous", 1, 1},
		{llmtest.ServerErrorAfterWork, 0, 500, "", 1, 1},
		{llmtest.CutStream, 0, 200, "", 1, 1}, // with x-should-retry: false
		{llmtest.Stall, 30 * time.Second, 424, "repeat", 1, 2},
		{llmtest.Slow, 30 * time.Second, 424, "repeat", 1, 2},
	} {
		inWorld(t, llmtest.Config{Faults: llmtest.Sequence(test.fault)}, policy.Policy{}, func(w *world) {
			w.client.Timeout = test.timeout
			got := callAsStainless(w.T, w, w.client, 2)
			if got.status != test.status || got.header.Get("Skinflint-Refusal") != test.refusal || got.tries != test.tries {
				w.Errorf("%v: status %d, %q after %d tries: %s, %v", test.fault, got.status, got.header.Get("Skinflint-Refusal"), got.tries, got.body, got.err)
			}
			if n := len(w.provider.Requests()); n != test.requests {
				w.Errorf("%v: %d requests", test.fault, n)
			}
			w.wantBilled(1)
			if strings.Contains(got.body, "sk-secret") || strings.Contains(got.body, "Who saves") {
				w.Errorf("%v: %s", test.fault, got.body)
			}
		})
	}
}

// A repeat is recognised by key and body, or by the call that the program tracks.
func TestWhatCountsAsARepeat(t *testing.T) {
	faults := llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.ResetAfterAccept)
	inWorld(t, llmtest.Config{Faults: faults}, policy.Policy{}, func(w *world) {
		try := func(ctx context.Context, n int, key, body string) (int, string) {
			w.Helper()
			req := w.request(ctx, body)
			req.Header.Set("Authorization", key)
			req.Header.Set("X-Stainless-Retry-Count", fmt.Sprint(n))
			resp, err := w.client.Do(req)
			if err != nil {
				w.Fatal(err)
			}
			defer resp.Body.Close()
			io.Copy(io.Discard, resp.Body)
			return resp.StatusCode, resp.Header.Get("Skinflint-Refusal")
		}
		tracked, _ := policy.Track(w.Context())
		other, _ := policy.Track(w.Context())
		try(w.Context(), 0, "a", chatBody)
		try(tracked, 0, "a", boundedBody)
		for _, test := range []struct {
			ctx       context.Context
			n         int
			key, body string
			repeat    bool
		}{
			{w.Context(), 1, "a", chatBody, true},
			{w.Context(), 0, "a", chatBody, false}, // a new call of the program
			{w.Context(), 1, "b", chatBody, false},
			{w.Context(), 1, "a", boundedBody, false}, // that call was tracked
			{tracked, 1, "a", boundedBody, true},
			{tracked, 2, "b", chatBody, true}, // the same call, with another key and another body
			{other, 1, "a", boundedBody, false},
			{policy.With(w.Context(), policy.AllowDoubleBilling()), 1, "a", chatBody, false},
		} {
			status, refusal := try(test.ctx, test.n, test.key, test.body)
			if (refusal == "repeat") != test.repeat || (status == 424) != test.repeat {
				w.Errorf("%+v: status %d, %q", test, status, refusal)
			}
		}
		time.Sleep(time.Hour)
		if status, _ := try(w.Context(), 1, "a", chatBody); status != 200 {
			w.Errorf("after an hour: status %d", status)
		}
		for _, r := range w.stack.Rows() {
			if r.Outcome == policy.Refused && (r.ErrorCode != "skinflint_repeat" || r.Cost != ledger.Known(0)) {
				w.Errorf("row %+v", r)
			}
		}
	})
}

// A repeat is recognised although its token was renewed, its body cannot be read again, or there were too many calls to
// remember. A repeat of an answer that was cut, or that came too late for the SDK, is recognised as well.
func TestChangedRepeatsAreRecognised(t *testing.T) {
	long := `{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("x", 100<<10) + `"}]}`
	for _, test := range []struct {
		name    string
		fault   llmtest.Fault
		prepare func(n int, req *http.Request)
		repeat  bool
	}{
		{"the same", llmtest.ResetAfterAccept, func(int, *http.Request) {}, true},
		{"a free rejection", llmtest.BadRequest, func(int, *http.Request) {}, false},
		{"a renewed token", llmtest.ResetAfterAccept, func(n int, req *http.Request) {
			req.Header.Set("Authorization", fmt.Sprint("Bearer eyJ", n))
		}, true},
		{"a new signature", llmtest.ResetAfterAccept, func(n int, req *http.Request) {
			req.Header.Set("Authorization", fmt.Sprint("AWS4-HMAC-SHA256 Signature=", n))
		}, true},
		{"another key", llmtest.ResetAfterAccept, func(n int, req *http.Request) {
			req.Header.Set("Authorization", fmt.Sprint("Bearer sk-", n))
		}, false},
		{"no GetBody", llmtest.ResetAfterAccept, func(_ int, req *http.Request) { req.GetBody = nil }, true},
		{"no GetBody, and long", llmtest.ResetAfterAccept, func(_ int, req *http.Request) {
			req.Body, req.ContentLength, req.GetBody = io.NopCloser(strings.NewReader(long)), int64(len(long)), nil
		}, true},
		{"an answer that was cut", llmtest.CutStream, func(int, *http.Request) {}, true},
		{"an answer", llmtest.NoFault, func(int, *http.Request) {}, true},
	} {
		inWorld(t, llmtest.Config{Faults: llmtest.Sequence(test.fault)}, policy.Policy{}, func(w *world) {
			ctx, cancel := context.WithTimeout(w.Context(), time.Minute) // the SDK's own
			defer cancel()
			for n := range 2 {
				req := w.request(ctx, chatBody)
				req.Header.Set("X-Stainless-Retry-Count", fmt.Sprint(n))
				test.prepare(n, req)
				resp, err := w.client.Do(req)
				if err != nil {
					w.Fatal(test.name, err)
				}
				drain(resp)
				if got := resp.Header.Get("Skinflint-Refusal") == "repeat"; n == 1 && got != test.repeat {
					w.Errorf("%s: status %d, %v", test.name, resp.StatusCode, resp.Header)
				}
			}
		})
	}
	// More calls than are remembered: each may be a repeat.
	if raceEnabled {
		return // it takes half a minute, one call after the other
	}
	lost := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		req.Body.Close()
		return nil, errors.New("lost")
	})
	stack := stackOver(t, lost, policy.Policy{}, middleware.WithStore(ledger.NewMemory(1)))
	for n := range 2 {
		for i := range 20_000 {
			req := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(fmt.Sprintf(`{"model":"gpt-5","n":%d}`, i)))
			req.Header.Set("X-Stainless-Retry-Count", fmt.Sprint(n))
			resp, err := stack.RoundTrip(req)
			if err != nil || n == 1 && resp.Header.Get("Skinflint-Refusal") != "repeat" {
				t.Fatalf("try %d, call %d: %v, %v", n, i, resp, err)
			}
		}
	}
}

// An SDK behind a proxy may give up a call by a timeout of its own, and repeat it while the call still runs or after
// its answer has come. Neither is billed twice. A new call of the program is not a repeat.
func TestRepeatsWithoutADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold, reject := make(chan struct{}), false
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			<-hold
			if reject {
				return says(429, jsonType, `{"error":{"code":"insufficient_quota","type":"insufficient_quota","message":"none left"}}`)(req)
			}
			return answering().RoundTrip(req)
		})
		stack := stackOver(t, base, policy.Policy{})
		ask := func(count string) (status int) {
			req, err := http.NewRequest(http.MethodPost, openaiURL, strings.NewReader(`{"model":"gpt-5"}`))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Stainless-Retry-Count", count)
			req.Header.Set("Authorization", "Bearer sk-test")
			resp, err := stack.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			drain(resp)
			return resp.StatusCode
		}
		first := make(chan int)
		go func() { first <- ask("0") }()
		synctest.Wait()
		if got := ask("1"); got != 424 {
			t.Errorf("repeated while it runs: %d", got)
		}
		close(hold)
		if got := <-first; got != 200 {
			t.Errorf("the first: %d", got)
		}
		if got := ask("1"); got != 424 {
			t.Errorf("repeated after the answer: %d", got)
		}
		if got := ask("0"); got != 200 {
			t.Errorf("asked once more: %d", got)
		}
		reject = true
		if got := ask("0"); got != 429 {
			t.Errorf("asked once more, and rejected: %d", got)
		}
		reject = false
		if got := ask("1"); got != 200 {
			t.Errorf("repeated after a rejection: %d", got)
		}
		if n := stack.Totals().Attempts; n != 4 {
			t.Errorf("%d attempts", n)
		}
	})
}

// A call was billed, and its SDK gives up reading and repeats it. Meanwhile the same call was refused by MaxCost elsewhere
// in the program: that was never sent, and must not let the repetition through.
func TestRefusedCallKeepsTheBilledTry(t *testing.T) {
	sent := 0
	base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, r.Body)
		sent++
		return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
			Body: io.NopCloser(strings.NewReader(`{"model":"gpt-5","usage":{"prompt_tokens":100,"completion_tokens":100,"total_tokens":200}}`))}, nil
	})
	s, _ := middleware.New(middleware.WithBase(base))
	do := func(retry string, options ...policy.Option) error {
		ctx := policy.With(t.Context(), options...)
		req, _ := http.NewRequestWithContext(ctx, "POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","messages":[]}`))
		req.Header.Set("Authorization", "Bearer sk-1")
		req.Header.Set("X-Stainless-Retry-Count", retry)
		resp, err := s.RoundTrip(req)
		if err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	}
	if err := do("0"); err != nil {
		t.Fatal(err)
	}
	do("0", policy.MaxCost(price.MustUSD("0.000001")))
	if sent != 1 {
		t.Fatal("not refused")
	}
	if err := do("1"); sent != 1 {
		t.Errorf("the repetition was sent: %d requests billed (%v)", sent, err)
	}
}
