package middleware_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// An adapter for an SDK that takes an error for a reason to send the call again asks for responses instead.
func ExampleStack_ErrorsAs() {
	const body = `{"model":"gpt-5","max_tokens":50,"messages":[{"role":"user","content":"Who saves?"}]}`
	provider := llmtest.NewServer(llmtest.Config{Faults: llmtest.Sequence(llmtest.ResetAfterAccept)})
	defer provider.Close()
	stack, err := middleware.New(middleware.WithBase(provider.Transport()))
	if err != nil {
		panic(err)
	}
	defer stack.Close(context.Background())

	client := stack.ErrorsAs(middleware.AsResponse).Client()
	resp, err := client.Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
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
