package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// openBudgets makes a stack with budgets, which goes on from what the ledger in the folder says was spent.
func openBudgets(ctx context.Context, dir string, options ...middleware.Option) (*middleware.Stack, error) {
	files, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		return nil, err
	}
	store := ledger.NewWriter(files, ledger.WriterConfig{})
	if err := store.Load(ctx, ledger.Filter{}); err != nil {
		return nil, err
	}
	return middleware.New(append(options,
		middleware.WithStore(store),
		middleware.WithPolicy(policy.Policy{Budgets: []policy.Budget{
			{Name: "nightly", Match: policy.Match{Tags: map[string]string{"job": "nightly"}}, Window: 24 * time.Hour, Cap: 25 * price.USD},
			{Name: "tenants", Per: []string{"tag:tenant"}, Every: policy.EveryMonth, Zone: "Europe/Berlin", Cap: price.MustUSD("0.002")},
		}}))...)
}

// A tenant is refused when its budget is spent, and still after the program was started again. Others are not.
func ExampleStack_Budgets() {
	provider := llmtest.NewServer(llmtest.Config{})
	defer provider.Close()
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for start := range 2 {
		ctx := context.Background()
		stack, err := openBudgets(ctx, dir, middleware.WithBase(provider.Transport()))
		if err != nil {
			panic(err)
		}
		tenant := policy.With(ctx, policy.Tag("tenant", "acme"))
		for n := 0; ; n++ {
			err := askOnce(tenant, stack.Client(), provider.URL)
			var refusal *budget.Error
			if errors.As(err, &refusal) {
				fmt.Println("start", start+1, "refuses", refusal.Key, "by the budget", refusal.Budget, "after some calls:", n > 0)
				break
			}
			if err != nil {
				panic(err)
			}
		}
		other := policy.With(ctx, policy.Tag("tenant", "other"))
		fmt.Println("another tenant:", askOnce(other, stack.Client(), provider.URL))
		for _, s := range stack.Budgets() {
			fmt.Println(s.Budget.Name, s.Key, "within its cap:", s.Spent+s.Held <= s.Budget.Cap, "held:", s.Held)
		}
		if err := stack.Close(ctx); err != nil {
			panic(err)
		}
	}
	// Output:
}
