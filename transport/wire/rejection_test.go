package wire_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

func TestRejection(t *testing.T) {
	now := time.Now()
	const (
		openai     = "https://api.openai.com/v1/chat/completions"
		groq       = "https://api.groq.com/openai/v1/chat/completions"
		gemini     = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"
		openrouter = "https://openrouter.ai/api/v1/chat/completions"
		azure      = "https://me.cognitiveservices.azure.com/openai/deployments/d/chat/completions"
		anthropic  = "https://API.anthropic.com/v1/chat/completions"
	)
	for _, test := range []struct {
		name, url string
		status    int
		header    map[string]string
		body      string
		want      string
		after     time.Duration
	}{
		{"flex has no room", openai, 429, map[string]string{"Retry-After": "300"}, `{"error":{"message":"Flex tier does not have sufficient resources available","type":"resource_unavailable","param":null,"code":"flex_unavailable"}}`, "rejected documented capacity flex_unavailable", 5 * time.Minute},
		{"flex has no room, older", openai, 429, nil, `{"error":{"message":"Flex does not have sufficient resources available to fulfill your request.","type":"x","code":null}}`, "rejected documented capacity x", 0},
		{"too fast", openai, 429, nil, `{"error":{"message":"Rate limit reached for gpt-4o-mini on tokens per min (TPM): Limit 200000, Used 200000, Requested 775. Please try again in 232ms. Visit x","type":"tokens","code":"rate_limit_exceeded"}}`, "rejected inferred rate rate_limit_exceeded", 232 * time.Millisecond},
		{"too fast, by header", openai, 429, map[string]string{"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "6m0s", "X-Ratelimit-Remaining-Tokens": "5", "X-Ratelimit-Reset-Tokens": "7h"}, `{"error":{"type":"requests","code":"rate_limit_exceeded"}}`, "rejected inferred rate rate_limit_exceeded", 6 * time.Minute},
		{"ramp", openai, 429, nil, `{"error":{"type":"rate_limit_error","code":"slow_down"}}`, "rejected inferred rate slow_down", 0},
		{"per day", openai, 429, nil, `{"error":{"message":"Rate limit reached on requests per day (RPD): Limit 200, Used 200. Please try again in 7m12s.","code":"rate_limit_exceeded"}}`, "rejected inferred quota rate_limit_exceeded", 7*time.Minute + 12*time.Second},
		{"too large", openai, 429, nil, `{"error":{"message":"Request too large for gpt-4o: Limit 30000, Requested 36969.","type":"tokens","code":"rate_limit_exceeded"}}`, "rejected inferred too_large rate_limit_exceeded", 0},
		{"no money", openai, 429, nil, `{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}`, "rejected inferred quota insufficient_quota", 0},
		{"credit used up", openai, 429, nil, `{"error":{"type":"x","code":"credit_balance_exhausted"}}`, "rejected inferred quota credit_balance_exhausted", 0},
		{"spend cap", openai, 429, nil, `{"error":{"code":"project_spend_limit_exceeded"}}`, "rejected inferred quota project_spend_limit_exceeded", 0},
		{"429 of no shape", openai, 429, nil, `<html>slow down</html>`, "rejected inferred rate ", 0},
		{"tier not for this model", openai, 400, nil, `{"error":{"message":"Flex is not available for this model.","type":"invalid_request_error","param":"service_tier","code":null}}`, "rejected inferred tier_refused invalid_request_error", 0},
		{"tier, by message", openai, 400, nil, `{"error":{"message":"Invalid service_tier argument"}}`, "rejected inferred tier_refused ", 0},
		{"usage not understood", openai, 400, nil, `{"error":{"message":"Unknown parameter: 'stream_options'","param":"stream_options"}}`, "rejected inferred usage_refused ", 0},
		{"bad request", openai, 400, nil, `{"error":{"code":"context_length_exceeded"}}`, "rejected inferred bad_request context_length_exceeded", 0},
		{"no such model", openai, 404, nil, `{"error":{"code":"model_not_found"}}`, "rejected inferred bad_request model_not_found", 0},
		{"payment", openai, 402, nil, `{}`, "rejected inferred quota ", 0},
		{"overloaded", openai, 503, map[string]string{"Retry-After": "7"}, `{"error":{"type":"service_unavailable_error","code":"server_is_overloaded"}}`, "rejected reported overloaded server_is_overloaded", 7 * time.Second},
		{"another 503", openai, 503, nil, `upstream connect error`, "ambiguous  server_error ", 0},
		{"500", openai, 500, nil, `{"error":{"type":"server_error"}}`, "ambiguous  server_error server_error", 0},
		{"504", openai, 504, nil, ``, "ambiguous  server_error ", 0},
		{"408", openai, 408, nil, ``, "ambiguous  server_error ", 0},
		{"redirect", openai, 302, nil, ``, "rejected inferred bad_request ", 0},
		{"groq flex full", groq, 498, nil, `{"error":{"code":"capacity_exceeded"}}`, "rejected documented capacity capacity_exceeded", 0},
		{"498 elsewhere", openai, 498, nil, ``, "ambiguous  bad_request ", 0},
		{"client closed", openai, 499, nil, ``, "ambiguous  bad_request ", 0},
		{"azure content filter", azure, 400, nil, `{"error":{"code":"content_filter","message":"x"}}`, "ambiguous  bad_request content_filter", 0},
		{"anthropic overloaded", anthropic, 529, nil, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, "rejected reported overloaded overloaded_error", 0},
		{"gemini overloaded", gemini, 503, nil, `[{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}]`, "rejected reported overloaded UNAVAILABLE", 0},
		{"try again counts, not when all is back", openai, 429, map[string]string{"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "60s"}, `{"error":{"message":"Please try again in 232ms.","type":"requests"}}`, "rejected inferred rate requests", 232 * time.Millisecond},
		{"gemini, wrapped in an array", gemini, 429, nil, "[{\"error\":{\"code\":429,\"message\":\"x\",\"status\":\"RESOURCE_EXHAUSTED\"}}]\n", "rejected inferred rate RESOURCE_EXHAUSTED", 0},
		{"gemini 500 is free", gemini, 500, nil, `[{"error":{"code":500}}]`, "rejected documented server_error 500", 0},
		{"gemini 503 is not said to be", gemini, 503, nil, `[{"error":{"code":503}}]`, "ambiguous  server_error 503", 0},
		{"openrouter errors are free", openrouter, 502, nil, `{"error":{"code":502,"message":"Provider returned error"}}`, "rejected documented server_error 502", 0},
		{"a code that is text", openai, 400, nil, `{"error":{"code":"you said: hello"}}`, "rejected inferred bad_request ", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, call, ok := recognise(t, "POST", test.url)
			if !ok {
				t.Fatal("not recognised")
			}
			h := http.Header{}
			for k, v := range test.header {
				h.Set(k, v)
			}
			r := d.Rejection(&call, &wire.Response{Status: test.status, Header: h, Body: []byte(test.body), At: now})
			if got := fmt.Sprintf("%s %s %s %s", r.Outcome, r.Evidence, r.Reason, r.Code); got != test.want || r.RetryAfter != test.after {
				t.Errorf("got  %s, %v\nwant %s, %v", got, r.RetryAfter, test.want, test.after)
			}
		})
	}
}
