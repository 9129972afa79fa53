package limit_test

import (
	"context"
	"fmt"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

func ExampleLocal_States() {
	limiter := limit.NewLocal([]policy.Limit{{Concurrency: 1}}, nil)
	permit, err := limiter.Wait(context.Background(), &limit.Request{
		Subject: policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}, Call: "01K",
	})
	if err != nil {
		panic(err)
	}
	for _, s := range limiter.States() {
		fmt.Println(limit.Describe(s.Limit), "held by", s.Holders)
	}
	permit.Release(limit.Count{Requests: 1})
	fmt.Println(limiter.States()[0].Busy)
	// Output:
	// 1 at once held by [openai chat of gpt-5 for 0s, call 01K]
	// 0
}
