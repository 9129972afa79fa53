package middleware_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A Timeout of http.Client is logged once.
func TestClientTimeoutIsLogged(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, nil))
	inWorld(t, llmtest.Config{}, policy.Policy{}, func(w *world) {
		for n, timeout := range []time.Duration{0, time.Minute, time.Minute} {
			w.client.Timeout = timeout
			if status, _, err := w.call(w.Context(), chatBody); status != 200 {
				w.Fatal(err)
			}
			if got := strings.Count(log.String(), "the http.Client has a Timeout"); got != min(n, 1) {
				w.Errorf("logged %d times after %d calls: %s", got, n+1, log.String())
			}
		}
		if !strings.Contains(log.String(), "timeout=1m0s") {
			w.Error(log.String())
		}
	}, middleware.WithLogger(logger))
}

// A new policy holds for calls that begin later. A call under way keeps its own.
func TestSetPolicy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var tiers []string
		base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(req.Body)
			tier := "none"
			if _, after, ok := strings.Cut(string(body), `"service_tier":"`); ok {
				tier, _, _ = strings.Cut(after, `"`)
			}
			mu.Lock()
			tiers = append(tiers, tier)
			mu.Unlock()
			if tier == "flex" {
				return says(429, jsonType, `{"error":{"code":"resource_unavailable","type":"invalid_request_error","message":"no capacity"}}`)(req)
			}
			return answering().RoundTrip(req)
		})
		stack := stackOver(t, base, policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, Patience: 2 * time.Second})
		ended := make(chan error)
		go func() {
			_, err := chat(t, context.Background(), stack, `{"model":"gpt-5"}`)
			ended <- err
		}()
		synctest.Wait()
		var bad *policy.FieldError
		if err := stack.SetPolicy(policy.Policy{MaxAttempts: -1}); !errors.As(err, &bad) || bad.Field != "MaxAttempts" {
			t.Errorf("%v", err)
		}
		if err := stack.SetPolicy(policy.Policy{}); err != nil {
			t.Fatal(err)
		}
		if _, err := chat(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if tiers[0] != "flex" || tiers[1] != "none" || tiers[len(tiers)-1] != "default" {
			t.Errorf("sent with the tiers %v", tiers)
		}
	})
}

// Limits that do not change keep their state when the policy is replaced.
func TestSetPolicyKeepsLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := policy.Limit{RequestsPerMinute: 1}
		stack := stackOver(t, answering(), policy.Policy{Limits: []policy.Limit{limit}})
		took := func() time.Duration {
			start := time.Now()
			if _, err := chat(t, t.Context(), stack, `{"model":"gpt-5"}`); err != nil {
				t.Fatal(err)
			}
			return time.Since(start)
		}
		took()
		if err := stack.SetPolicy(policy.Policy{Tier: policy.Flex, Limits: []policy.Limit{limit}}); err != nil {
			t.Fatal(err)
		}
		if waited := took(); waited != time.Minute {
			t.Errorf("the second call waited %v", waited)
		}
		if err := stack.SetPolicy(policy.Policy{}); err != nil {
			t.Fatal(err)
		}
		if waited := took(); waited != 0 {
			t.Errorf("without a limit it waited %v", waited)
		}
		limit.RequestsPerMinute = 2
		if err := stack.SetPolicy(policy.Policy{Limits: []policy.Limit{limit}}); err != nil {
			t.Fatal(err)
		}
		if first, second := took(), took(); first != 0 || second != 30*time.Second {
			t.Errorf("with a new one they waited %v and %v", first, second)
		}
	})
}
