package limit_test

import (
	"context"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Nothing is configured: the limit is the one that the provider's answers state.
func ExampleLearningPermit() {
	limiter := limit.NewLocal([]policy.Limit{{Learn: true}}, nil)
	request := &limit.Request{
		Subject: policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"},
		Tokens:  limit.Tokens{Input: 900, Output: 400},
	}
	permit, err := limiter.Wait(context.Background(), request)
	if err != nil {
		fmt.Println(err)
		return
	}
	// The headers of the answer have come:
	if learner, ok := permit.(limit.LearningPermit); ok {
		learner.Learn(limit.Answer{Quotas: []wire.Quota{
			{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 30_000, Remaining: 28_700, Reset: -1},
		}})
	}
	permit.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Input: 950, Output: 310}})
	for _, level := range limiter.States()[0].Levels {
		fmt.Println(level.Limit, level.Unit, "learned:", level.Learned)
	}
	// Output: 30000 tokens per minute learned: true
}
