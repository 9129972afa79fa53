package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
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
		middleware.WithPolicy(policy.Policy{
			Tier: policy.Standard,
			Budgets: []policy.Budget{
				{Name: "nightly", Match: policy.Match{Tags: map[string]string{"job": "nightly"}}, Window: 24 * time.Hour, Cap: 25 * price.USD},
				{Name: "tenants", Per: []string{"tag:tenant"}, Every: policy.EveryMonth, Zone: "Europe/Berlin", Cap: 5 * price.USD},
			},
		}))
}

// writeReport makes a call that allows 100,000 tokens of output, and reads its answer.
func writeReport(ctx context.Context, client *http.Client, url string) error {
	const body = `{"model":"gpt-5","max_completion_tokens":100000,"messages":[{"role":"user","content":"Write the report."}]}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// A tenant is refused when its budget is spent, and still after the program was started again. Others are not.
func ExampleStack_Budgets() {
	provider := llmtest.NewServer(llmtest.Config{Reply: func(llmtest.Turn) llmtest.Reply {
		return llmtest.Reply{Text: "The report.", Usage: &llmtest.Usage{Prompt: 1000, Completion: 90_000}}
	}})
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
			err := writeReport(tenant, stack.Client(), provider.URL)
			var refusal *middleware.Error
			if errors.As(err, &refusal) && errors.Is(err, middleware.ErrBudget) {
				text, _, _ := strings.Cut(refusal.Error(), "; room") // when room frees depends on the month
				fmt.Printf("start %d: after %d calls: %s\n", start+1, n, text)
				break
			}
			if err != nil {
				panic(err)
			}
		}
		other := policy.With(ctx, policy.Tag("tenant", "other"))
		if err := writeReport(other, stack.Client(), provider.URL); err != nil {
			panic(err)
		}
		for _, s := range stack.Budgets() {
			fmt.Println(s)
		}
		if err := errors.Join(stack.Close(ctx), store.Close(ctx)); err != nil {
			panic(err)
		}
	}
	// Output:
	// start 1: after 5 calls: skinflint: budget for gpt-5: tenants (tenant acme): $4.50625 spent and $0 held of $5 each month in Europe/Berlin; it can cost $1.00141375
	// nightly: $0 spent and $0 held of $25 in 24h
	// tenants (tenant acme): $4.50625 spent and $0 held of $5 each month in Europe/Berlin
	// tenants (tenant other): $0.90125 spent and $0 held of $5 each month in Europe/Berlin
	// start 2: after 0 calls: skinflint: budget for gpt-5: tenants (tenant acme): $4.50625 spent and $0 held of $5 each month in Europe/Berlin; it can cost $1.00141375
	// nightly: $0 spent and $0 held of $25 in 24h
	// tenants (tenant acme): $4.50625 spent and $0 held of $5 each month in Europe/Berlin
	// tenants (tenant other): $1.8025 spent and $0 held of $5 each month in Europe/Berlin
}
