package middleware_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// The size of a request does not bound its input if it refers to something else, so a cost limit refuses it.
func TestMaxCostOfReferences(t *testing.T) {
	for _, test := range []struct{ url, body string }{
		{"https://api.openai.com/v1/responses", `{"model":"gpt-5","max_output_tokens":10,"previous_response_id":"r"}`},
		{"https://api.openai.com/v1/responses", `{"model":"gpt-5","max_output_tokens":10,"tools":[{"type":"mcp"}]}`},
		{"https://api.openai.com/v1/completions", `{"model":"gpt-5","max_tokens":10,"prompt":["a","b"]}`},
		{geminiURL, `{"generationConfig":{"maxOutputTokens":10},"contents":[{"parts":[{"inlineData":{"data":"AAAA"}}]}]}`},
		{"https://api.openai.com/v1/audio/speech", `{"model":"tts"}`},
	} {
		base := newScript(says(200, jsonType, "{}"))
		ctx := policy.With(context.Background(), policy.MaxCost(price.MustUSD("0.01")))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, test.url, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stackOver(t, base, policy.Policy{}).RoundTrip(req); !errors.Is(err, middleware.ErrCost) || len(base.bodies) != 0 {
			t.Errorf("%s: %v, sent %d times", test.body, err, len(base.bodies))
		}
	}
}
