package middleware_test

import (
	"fmt"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// An answer whose body is not closed keeps its permit. Limits shows whose it is.
func ExampleStack_Limits() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	stack, err := middleware.New(
		middleware.WithBase(provider.Transport()),
		middleware.WithPolicy(policy.Policy{Limits: []policy.Limit{{Concurrency: 1}}}))
	if err != nil {
		panic(err)
	}
	const body = `{"model":"gpt-5","stream":true,"messages":[{"role":"user","content":"Who saves?"}]}`
	resp, err := stack.Client().Post(provider.URL+"/v1/chat/completions", "application/json", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	show(stack.Limits())
	resp.Body.Close()
	show(stack.Limits())
	// Output:
	// 1 at once: 1 held, by openai chat of gpt-5
	// 1 at once: 0 held
}

func show(states []limit.State) {
	for _, s := range states {
		fmt.Printf("%s: %d held", limit.Describe(s.Limit), s.Busy)
		for _, h := range s.Holders {
			fmt.Printf(", by %s %s of %s", h.Provider, h.Operation, h.Model)
		}
		fmt.Println()
	}
}
