package middleware_test

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func Example() {
	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	provider := llmtest.NewServer(llmtest.Config{Flex: llmtest.Refuse(1)})
	defer provider.Close()

	stack, err := middleware.New(
		middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard}),
		middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	for range 2 {
		resp, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	for _, row := range stack.Rows() {
		fmt.Printf("attempt %d on %s: %s, $%s\n", row.Attempt, row.AskedTier, row.Outcome, row.Cost)
	}
	// Output:
	// attempt 1 on flex: rejected, $0
	// attempt 2 on standard: billed, $0.0005125
	// attempt 1 on flex: billed, $0.00025625
}
