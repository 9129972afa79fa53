package middleware_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

// Limits by the minute, by the day, and on calls under way; calls of jobs go after interactive ones.
func ExampleNew_limits() {
	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{
		Limits: []policy.Limit{
			{Match: policy.Match{Provider: "openai"}, Per: []string{"model", "key"}, RequestsPerMinute: 500, TokensPerMinute: 200_000},
			{Match: policy.Match{Provider: "gemini"}, Learn: true, RequestsPerDay: 10_000},
			{Per: []string{"tag:tenant"}, Concurrency: 4},
		},
		Rules: []policy.Rule{
			{Match: policy.Match{Tags: map[string]string{"job": "*"}}, Set: policy.Policy{Class: policy.ClassBatch}},
		},
	}))
	if err != nil {
		panic(err)
	}
	fmt.Println(len(stack.Limits()) > 0)
	// Output: true
}
