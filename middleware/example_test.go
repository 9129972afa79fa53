package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const ask = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`

func Example() {
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
		resp, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(ask))
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

func ExampleNew_badPolicy() {
	_, err := middleware.New(middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Flex}))
	fmt.Println(err)
	// Output: policy: Fallback is "flex": it is the tier itself
}

func ExampleStack_Wrap() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New()
	if err != nil {
		panic(err)
	}
	own := &http.Client{Transport: provider.Transport()} // a program's own client, with its jar and redirect policy
	resp, err := stack.Wrap(own).Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(ask))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	fmt.Println(stack.Totals().Calls, "call")
	// Output: 1 call
}

func ExampleStack_Explain() {
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{
		Tier:   policy.Flex,
		Limits: []policy.Limit{{Match: policy.Match{Provider: "openai"}, RequestsPerMinute: 500, Concurrency: 32}},
	}))
	if err != nil {
		panic(err)
	}
	ctx := policy.With(context.Background(), policy.MaxAttempts(3))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/chat/completions", strings.NewReader(ask))
	if err != nil {
		panic(err)
	}
	explanation, err := stack.Explain(req)
	if err != nil {
		panic(err)
	}
	fmt.Print(explanation)
	// Output:
	// call                  openai chat of gpt-5
	// tier                  flex   (policy)
	// patience              0s     (default)
	// flex_minimum          1m0s   (default)
	// max_wait              10m0s  (default)
	// max_elapsed           45m0s  (default)
	// attempt_timeout       0s     (default)
	// backoff_base          500ms  (default)
	// backoff_max           30s    (default)
	// stream_idle           10m0s  (default)
	// max_attempts          3      (context)
	// retry_quota           100    (default)
	// override_body         false  (default)
	// only_documented       false  (default)
	// allow_double_billing  false  (default)
	// leave_streams         false  (default)
	// limit                 500 requests per minute, 32 at once
	// costs at most         $0.000303125
}

func ExampleRetry() {
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.Overloaded)})
	defer provider.Close()
	rows := ledger.NewMemory(0)
	rt := transport.Chain(provider.Transport(),
		middleware.Ledger(rows),
		middleware.Retry(policy.Policy{BackoffBase: 1, BackoffMax: 1}))
	resp, err := (&http.Client{Transport: rt}).Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(ask))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	for _, row := range rows.Rows() {
		fmt.Println(row.Attempt, row.Outcome, row.Evidence, row.Reason)
	}
	// Output:
	// 1 rejected reported overloaded
	// 2 billed
}

func ExampleError() {
	stack, err := middleware.New()
	if err != nil {
		panic(err)
	}
	ctx := policy.With(context.Background(), policy.MaxCost(price.MustUSD("0.0001")))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/chat/completions", strings.NewReader(ask))
	if err != nil {
		panic(err)
	}
	_, err = stack.Client().Do(req)
	var refusal *middleware.Error
	fmt.Println(errors.Is(err, middleware.ErrCost), errors.As(err, &refusal))
	fmt.Println(refusal)
	// Output:
	// true true
	// skinflint: cost limit for gpt-5: it could cost $0.0012125, and may cost $0.0001 (nothing was sent); lower max_tokens, or raise MaxCost
}

// An adapter for an SDK that takes an error for a reason to send the call again asks for responses instead.
func ExampleStack_ErrorsAs() {
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	client := stack.ErrorsAs(middleware.AsResponse).Client()
	resp, err := client.Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(ask))
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.Status)
	fmt.Println("x-should-retry:", resp.Header.Get("X-Should-Retry"))
	fmt.Println("Skinflint-Refusal:", resp.Header.Get("Skinflint-Refusal"))
	// Output:
	// 424 Failed Dependency
	// x-should-retry: false
	// Skinflint-Refusal: ambiguous
}

// Middleware is what option.WithMiddleware of openai-go and anthropic-sdk-go take.
func ExampleStack_Middleware() {
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{MaxAttempts: 2}))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	// As the SDK does it, whose own client is what the stack sends through.
	req, err := http.NewRequest(http.MethodPost, provider.URL+"/v1/chat/completions", strings.NewReader(ask))
	if err != nil {
		panic(err)
	}
	resp, err := stack.Middleware(req, provider.Client().Do)
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	for _, row := range stack.Rows() {
		fmt.Println(row.Attempt, row.Outcome)
	}
	// Output:
	// 1 rejected
	// 2 billed
}

// What an attempt may have cost stands beside the cost, until a bill says what it was.
func ExampleStack_Resolve() {
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	_, err = stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(ask))
	fmt.Println(errors.Is(err, middleware.ErrAmbiguous))
	row, totals := stack.Rows()[0], stack.Totals()
	fmt.Printf("cost $%s, exposure $%s\n", totals.Cost, totals.Exposure)

	if err := stack.Resolve(row.Call, row.Attempt, price.MustUSD("0.0004")); err != nil {
		panic(err)
	}
	totals = stack.Totals()
	fmt.Printf("cost $%s, exposure $%s\n", totals.Cost, totals.Exposure)
	// Output:
	// true
	// cost $0, exposure $0.0012125
	// cost $0.0004, exposure $0
}
