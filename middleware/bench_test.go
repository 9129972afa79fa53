package middleware_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// BenchmarkCall measures what a call of 2 KB costs apart from its network. The base answers from memory.
func BenchmarkCall(b *testing.B) {
	const answer = `{"id":"chatcmpl-1","object":"chat.completion","created":1790000000,"model":"gpt-5-2025-08-07","choices":[{"index":0,"message":{"role":"assistant","content":"It is."},"finish_reason":"stop"}],"usage":{"prompt_tokens":437,"completion_tokens":74,"total_tokens":511,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":64,"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}},"service_tier":"flex","system_fingerprint":null}`
	header := http.Header{"Content-Type": {"application/json"}, "X-Request-Id": {"req_1"}}
	base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
		io.Copy(io.Discard, req.Body)
		req.Body.Close()
		return &http.Response{StatusCode: 200, ProtoMajor: 1, Header: header, Body: io.NopCloser(strings.NewReader(answer)), ContentLength: int64(len(answer)), Request: req}, nil
	})
	flex := policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}
	body := []byte(`{"model":"gpt-5","messages":[{"role":"user","content":"` + strings.Repeat("What is it? ", 160) + `"}]}`)
	for _, bench := range []struct {
		name   string
		links  func() http.RoundTripper
		header string
	}{
		{"bare", func() http.RoundTripper { return base }, ""},
		{"stack", func() http.RoundTripper { return stackOver(b, base, flex) }, ""},
		{"stack/sdk", func() http.RoundTripper { return stackOver(b, base, flex) }, "0"},
		{"retry", func() http.RoundTripper { return transport.Chain(base, middleware.Retry(policy.Policy{})) }, ""},
	} {
		b.Run(bench.name, func(b *testing.B) {
			rt := bench.links()
			b.ReportAllocs()
			buf := make([]byte, 4<<10)
			for b.Loop() {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "https://api.openai.com/v1/chat/completions", bytes.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("Authorization", "Bearer sk-0")
				if bench.header != "" {
					req.Header.Set("X-Stainless-Retry-Count", bench.header)
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = resp.Body.Read(buf)
				}
				resp.Body.Close()
			}
		})
	}
}
