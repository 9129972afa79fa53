package middleware_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Without a fallback, a call waits for the tier as long as the provider says.
func TestFlexWithoutFallbackWaits(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(1)}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		start := time.Now()
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		// The provider asked for 300 s; at most a tenth is added.
		if waited := time.Since(start); waited < 300*time.Second || waited > 330*time.Second {
			t.Errorf("waited %v", waited)
		}
		w.wantRows("1 flex rejected documented capacity", "2 flex billed")
		if got := w.stack.Rows()[1].WaitMS; got < 300_000 {
			t.Errorf("wait_ms %d", got)
		}
	})
}

func TestRetryWaitsForRateLimit(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.RateLimited)}, flexFirst, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 flex rejected inferred rate", "2 flex rejected inferred rate", "3 flex billed")
		w.balance()
	})
}

// If the wait would pass the deadline, the provider's answer reaches the caller at once.
func TestNoWaitBeyondTheDeadline(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(9)}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		ctx := policy.With(w.Context(), policy.FinishBy(time.Now().Add(2*time.Minute)))
		start := time.Now()
		status, answer, err := w.call(ctx, chatBody)
		if status != 429 || err != nil || !strings.Contains(answer, "flex_unavailable") {
			t.Errorf("the provider's answer does not reach the caller: %d %q %v", status, answer, err)
		}
		if time.Since(start) != 0 {
			t.Errorf("waited %v for nothing", time.Since(start))
		}
		w.wantBilled(0)
	})
}

func TestNoWaitBeyondTheClientTimeout(t *testing.T) {
	inWorld(t, llmtest.Config{Flex: llmtest.Refuse(9)}, policy.Policy{Tier: policy.Flex}, func(w *world) {
		w.client.Timeout = 30 * time.Second
		start := time.Now()
		// The provider asks for a longer wait than the timeout: the answer comes at once.
		if status, _, err := w.call(w.Context(), chatBody); status != 429 || err != nil || time.Since(start) != 0 {
			t.Errorf("%d, %v after %v", status, err, time.Since(start))
		}
	})
}

// A connection that is refused costs nothing, so the call is sent again.
func TestRetryOfRefusedDials(t *testing.T) {
	inWorld(t, llmtest.Config{RefuseDials: func(n int) bool { return n < 2 }}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(w.Context(), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 not_sent transport_error", "2 not_sent transport_error", "3 billed")
		w.wantBilled(1)
	})
}

// AllowDoubleBilling has attempts sent again that may have been billed.
func TestAllowDoubleBilling(t *testing.T) {
	inWorld(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept, llmtest.ServerErrorAfterWork)}, policy.Policy{}, func(w *world) {
		if status, _, err := w.call(policy.With(w.Context(), policy.AllowDoubleBilling()), chatBody); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		w.wantRows("1 ambiguous transport_error", "2 ambiguous server_error", "3 billed")
		w.wantBilled(3)
		w.bounded()
	})
}

// A rejected request is not sent again unchanged, and what a model rejects is remembered.
func TestRejectedRequestsAreNotRepeated(t *testing.T) {
	rejectsTier := says(400, "application/json", `{"error":{"message":"service_tier flex not available"}}`)
	base := newScript(rejectsTier)
	req, err := http.NewRequest(http.MethodPost, "https://api.deepseek.com/chat/completions", strings.NewReader(`{"model":"llama","service_tier":"flex"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := stackOver(t, base, policy.Policy{Fallback: policy.Standard}).RoundTrip(req)
	if err != nil || resp.StatusCode != 400 || len(base.bodies) != 1 {
		t.Errorf("%v, sent %q", err, base.bodies)
	}

	rejectsUsage := &script{}
	rejectsUsage.answers = []answerFunc{func(req *http.Request) (*http.Response, error) {
		if strings.Contains(rejectsUsage.bodies[len(rejectsUsage.bodies)-1], "include_usage") {
			return says(400, "application/json", `{"error":{"message":"unknown field stream_options"}}`)(req)
		}
		return says(200, "text/event-stream", "data: [DONE]\n\n")(req)
	}}
	stack := stackOver(t, rejectsUsage, policy.Policy{})
	for range 2 {
		if _, err := chat(t, t.Context(), stack, streamBody); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(rejectsUsage.bodies); n != 3 {
		t.Errorf("two calls took %d requests, want 3", n)
	}
	own := strings.Replace(streamBody, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
	if _, err := chat(t, t.Context(), stack, own); err != nil || len(rejectsUsage.bodies) != 4 {
		t.Errorf("%v, %d requests", err, len(rejectsUsage.bodies))
	}
}

// Without a Tier link the tier of the body cannot be changed: what is sent again is the same request, which must wait.
func TestCapacityWithoutATierLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			at = append(at, time.Now())
			t.Logf("%v %s", time.Since(at[0]), b)
			return &http.Response{StatusCode: 429, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: io.NopCloser(strings.NewReader(`{"error":{"code":"resource_unavailable","type":"resource_unavailable","message":"Resource unavailable"}}`))}, nil
		})
		rt := transport.Chain(base, middleware.Retry(policy.Policy{}))
		req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","service_tier":"flex","messages":[]}`))
		resp, err := rt.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		for i := 1; i < len(at); i++ {
			if at[i].Equal(at[i-1]) {
				t.Errorf("attempt %d: the same request was sent again without any wait", i+1)
			}
		}
	})
}

func TestTierRejectedWithoutATierLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		base := transport.RoundTripperFunc(func(r *http.Request) (*http.Response, error) {
			b, _ := io.ReadAll(r.Body)
			sent++
			t.Logf("%s", b)
			return &http.Response{StatusCode: 400, Header: http.Header{"Content-Type": {"application/json"}}, Request: r,
				Body: io.NopCloser(strings.NewReader(`{"error":{"message":"Invalid service_tier argument","type":"invalid_request_error","param":"service_tier","code":null}}`))}, nil
		})
		rt := transport.Chain(base, middleware.Retry(policy.Policy{}))
		req, _ := http.NewRequest("POST", "https://api.openai.com/v1/chat/completions", strings.NewReader(`{"model":"gpt-5","service_tier":"flex","messages":[]}`))
		resp, err := rt.RoundTrip(req)
		if err == nil {
			resp.Body.Close()
		}
		if sent > 1 {
			t.Errorf("the same rejected request was sent %d times", sent)
		}
	})
}
