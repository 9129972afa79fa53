package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// Budget refuses a call that could cost more than its context allows, before it is sent.
func ExampleBudget() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	rt := transport.Chain(provider.Transport(), middleware.Budget(policy.Policy{}))

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	ctx := policy.With(context.Background(), policy.MaxCost(price.MustUSD("0.0001")))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, provider.URL+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	_, err = rt.RoundTrip(req)
	fmt.Println(errors.Is(err, middleware.ErrCost))
	fmt.Println(len(provider.Requests()), "requests were sent")
	// Output:
	// true
	// 0 requests were sent
}

// MaxCost limits what one call can cost: all of its input, and as much output as it allows.
func ExampleNew_maxCost() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	ctx := policy.With(context.Background(), policy.MaxCost(price.MustUSD("0.004")))
	for _, tokens := range []int{50, 5000} {
		body := fmt.Sprintf(`{"model":"gpt-5","max_tokens":%d,"messages":[{"role":"user","content":"Who saves?"}]}`, tokens)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, provider.URL+"/v1/chat/completions", strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		resp, err := stack.RoundTrip(req)
		if err != nil {
			fmt.Println(err)
			continue
		}
		resp.Body.Close()
		fmt.Println(resp.Status)
	}
	// Output:
	// 200 OK
	// skinflint: cost limit for gpt-5: it could cost $0.1027775, and the limit is $0.004 (nothing was sent); lower its output limit (max_completion_tokens or the like), or raise MaxCost
}
