package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func ExampleNew_badPolicy() {
	_, err := middleware.New(middleware.WithPolicy(policy.Policy{Tier: policy.Flex, Fallback: policy.Flex}))
	fmt.Println(err)
	// Output: policy: Fallback is "flex": it is the tier itself
}

// CachedContent has a call to Gemini use a context cache that exists already.
func ExampleNew_cachedContent() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	name := provider.NewCache("gemini-2.5-flash", 50_000, time.Hour) // made elsewhere
	const body = `{"contents":[{"role":"user","parts":[{"text":"Who saves?"}]}]}`
	ctx := policy.With(context.Background(), policy.CachedContent(name))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, provider.URL+"/v1beta/models/gemini-2.5-flash:generateContent", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	resp, err := stack.Client().Do(req)
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()

	row := stack.Rows()[0]
	fmt.Println("used the cache:", row.Cache == name)
	fmt.Println(row.Usage.CachedInput, "of", row.Usage.Input+row.Usage.CachedInput, "input tokens were cached")
	fmt.Printf("cost $%s, saved $%s\n", row.Cost, row.Explicit)
	// Output:
	// used the cache: true
	// 50000 of 50012 input tokens were cached
	// cost $0.0019436, saved $0.0135
}

// Middleware is what option.WithMiddleware of openai-go and anthropic-sdk-go take.
func ExampleStack_Middleware() {
	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{MaxAttempts: 2}))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	// As the SDK does it, whose own client is what the stack sends through.
	req, err := http.NewRequest(http.MethodPost, provider.URL+"/v1/chat/completions", strings.NewReader(body))
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

// What an attempt may have cost is no part of the cost until a bill says what it was.
func ExampleStack_Resolve() {
	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	_, err = stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
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
	// cost $0, exposure $0.0037725
	// cost $0.0004, exposure $0
}

// SetPolicy replaces the policy while the program runs: from here on, calls ask for flex.
func ExampleStack_SetPolicy() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	for _, p := range []policy.Policy{{}, {Tier: policy.Flex}} {
		if err := stack.SetPolicy(p); err != nil {
			panic(err)
		}
		resp, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	for _, row := range stack.Rows() {
		fmt.Printf("served on %s for $%s\n", row.ServedTier, row.Cost)
	}
	fmt.Println(stack.SetPolicy(policy.Policy{MaxAttempts: -1}))
	// Output:
	// served on standard for $0.0005125
	// served on flex for $0.00025625
	// policy: MaxAttempts is -1: it must not be negative
}

func ExampleStack_Wrap() {
	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New()
	if err != nil {
		panic(err)
	}
	own := &http.Client{Transport: provider.Transport()} // a program's own client, with its jar and redirect policy
	resp, err := stack.Wrap(own).Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	fmt.Println(stack.Totals().Calls, "call")
	// Output: 1 call
}
