package limit_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An attempt takes what it is estimated to use and the most that it can cost. When it ends, it gives back what it did not use.
func ExampleLocal_Wait() {
	const dollar = price.Pico(1_000_000_000_000)
	limiter := limit.NewLocal(
		[]policy.Limit{{Name: "tokens", Match: policy.Match{Provider: "openai"}, TokensPerMinute: 600_000}},
		[]policy.Budget{{Name: "nightly", Per: []string{"tag:job"}, Window: 24 * time.Hour, Cap: 2 * dollar}})
	request := limit.Request{
		Subject: policy.Subject{Provider: "openai", Model: "gpt-5"}, Tags: map[string]string{"job": "evals"},
		Tokens: limit.Tokens{Input: 60_000, Output: 40_000}, Cost: ledger.Known(2 * dollar), Call: "01K", Attempt: 1,
	}
	permit, err := limiter.Wait(context.Background(), &request)
	if err != nil {
		panic(err)
	}
	left := func() int64 { return limiter.States()[0].Levels[0].Left / 1000 * 1000 }
	fmt.Println(left(), "tokens left,", limiter.Budgets()[0].Held, "held")

	permit.Release(limit.Count{
		Requests: 1, Tokens: limit.Tokens{Input: 60_000, Output: 10_000},
		Row: &ledger.Row{Call: "01K", Attempt: 1, At: time.Now(), Outcome: policy.Billed, Cost: ledger.Known(dollar / 2)},
	})
	fmt.Println(left(), "tokens left,", limiter.Budgets()[0].Spent, "spent")

	request.Call = "01L"
	_, err = limiter.Wait(context.Background(), &request)
	var poor *budget.Error
	fmt.Println(errors.As(err, &poor), poor.Budget, poor.Key)

	request.Tokens.Output = 700_000
	_, err = limiter.Wait(context.Background(), &request)
	fmt.Println(err)
	// Output:
	// 0 tokens left, 2 held
	// 30000 tokens left, 0.5 spent
	// true nightly job evals
	// limit: it needs 760000 tokens, and our limit "tokens" allows 600000 per minute
}
