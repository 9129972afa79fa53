package middleware_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A retry that is cancelled during its wait takes nothing from the quota.
func TestRetryQuotaIsGivenBack(t *testing.T) {
	inWorld(t, llmtest.Config{RefuseDials: func(n int) bool { return n < 2 }}, policy.Policy{RetryQuota: 1, BackoffBase: time.Minute, BackoffMax: time.Minute, MaxWait: time.Hour}, func(w *world) {
		ctx, cancel := context.WithCancel(w.Context())
		go func() { time.Sleep(time.Millisecond); cancel() }()
		if _, _, err := w.call(ctx, chatBody); !errors.Is(err, context.Canceled) {
			w.Errorf("the first call: %v", err)
		}
		status, _, err := w.call(w.Context(), chatBody)
		if status != 200 {
			w.Errorf("the second call: %v", err)
		}
	})
}

// A key in the URL has a quota of its own.
func TestRetryQuotaOfKeysInURLs(t *testing.T) {
	inWorld(t, llmtest.Config{RefuseDials: func(n int) bool { return n < 3 }}, policy.Policy{RetryQuota: 1, MaxAttempts: 2}, func(w *world) {
		for _, key := range []string{"bad", "good"} {
			resp, err := w.client.Post(w.provider.URL+"/v1beta/models/gemini-2.5-flash:generateContent?key="+key, "application/json", strings.NewReader(`{"contents":[{"parts":[{"text":"x"}]}]}`))
			if err == nil {
				drain(resp)
			} else if key == "good" {
				w.Errorf("%s: %v", key, err)
			}
		}
	})
}
