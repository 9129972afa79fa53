package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// openLedger opens a ledger that lasts.
func openLedger(ctx context.Context, dir string) (*ledger.Writer, error) {
	files, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		return nil, err
	}
	store := ledger.NewWriter(files, ledger.WriterConfig{})
	return store, store.Load(ctx, ledger.Filter{})
}

// withBudgets makes a stack with budgets, which goes on from what the store says was spent.
func withBudgets(base http.RoundTripper, store ledger.Store) (*middleware.Stack, error) {
	return middleware.New(
		middleware.WithBase(base),
		middleware.WithStore(store),
		middleware.WithPolicy(policy.Policy{Budgets: []policy.Budget{
			{Name: "nightly", Match: policy.Match{Tags: map[string]string{"job": "nightly"}}, Window: 24 * time.Hour, Cap: 25 * price.USD},
			{Name: "tenants", Per: []string{"tag:tenant"}, Every: policy.EveryMonth, Zone: "Europe/Berlin", Cap: price.MustUSD("0.006")},
		}}))
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
		store, err := openLedger(ctx, dir)
		if err != nil {
			panic(err)
		}
		stack, err := withBudgets(provider.Transport(), store)
		if err != nil {
			panic(err)
		}
		tenant := policy.With(ctx, policy.Tag("tenant", "acme"))
		for n := 0; ; n++ {
			err := askOnce(tenant, stack.Client(), provider.URL)
			if errors.Is(err, middleware.ErrBudget) {
				fmt.Println("start", start+1, "refuses acme after calls:", n > 0)
				break
			}
			if err != nil {
				panic(err)
			}
		}
		other := policy.With(ctx, policy.Tag("tenant", "other"))
		if err := askOnce(other, stack.Client(), provider.URL); err != nil {
			panic(err)
		}
		for _, s := range stack.Budgets() {
			fmt.Printf("%s %s: $%s spent and $%s held of $%s\n", s.Budget.Name, s.Key, s.Spent, s.Held, s.Budget.Cap)
		}
		if err := errors.Join(stack.Close(ctx), store.Close(ctx)); err != nil {
			panic(err)
		}
	}
	// Output:
	// start 1 refuses acme after calls: true
	// nightly : $0 spent and $0 held of $25
	// tenants tenant acme: $0.0025625 spent and $0 held of $0.006
	// tenants tenant other: $0.0005125 spent and $0 held of $0.006
	// start 2 refuses acme after calls: false
	// nightly : $0 spent and $0 held of $25
	// tenants tenant acme: $0.0025625 spent and $0 held of $0.006
	// tenants tenant other: $0.001025 spent and $0 held of $0.006
}
