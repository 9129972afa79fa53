package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Limit holds attempts back. A call that would have to wait for longer than it has time fails at once.
func ExampleLimit() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	rt := transport.Chain(provider.Transport(), middleware.Limit(policy.Limit{RequestsPerMinute: 1}))

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	ctx := policy.With(context.Background(), policy.FinishBy(time.Now().Add(10*time.Second)))
	for range 2 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, provider.URL+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		resp, err := rt.RoundTrip(req)
		var refusal *middleware.Error
		if errors.As(err, &refusal) {
			fmt.Println("refused: it would wait for", refusal.Wait.Round(10*time.Second))
			continue
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	// Output:
	// 200 OK
	// refused: it would wait for 1m0s
}
