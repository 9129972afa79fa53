package reconcile_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

const costs = `{"object": "page", "data": [{"object": "bucket", "start_time": 1790553600, "end_time": 1790640000, "results": [
	{"object": "organization.costs.result", "amount": {"value": 0.000195, "currency": "usd"}, "line_item": "gpt-4o-mini-2024-07-18, input"},
	{"object": "organization.costs.result", "amount": {"value": 0.00024, "currency": "usd"}, "line_item": "gpt-4o-mini-2024-07-18, output"},
	{"object": "organization.costs.result", "amount": {"value": 0.03, "currency": "usd"}, "line_item": "web search tool calls"}
]}], "has_more": false, "next_page": null}`

// store returns a ledger with a call that was answered, and one that may have been billed or not.
func store() *ledger.Memory {
	at := time.Date(2026, 9, 28, 10, 0, 0, 0, time.UTC)
	m := new(ledger.Memory)
	m.Add(ledger.Row{
		Call: "a", Attempt: 1, At: at, Provider: "openai", Model: "gpt-4o-mini", ServedModel: "gpt-4o-mini-2024-07-18",
		ServedTier: policy.Standard, Outcome: policy.Billed, Usage: price.Usage{Input: 1000, Output: 300}, UsageSource: ledger.Measured,
		Cost: ledger.Known(price.MustUSD("0.00033")), PriceID: "embedded/openai/gpt-4o-mini/-/standard",
	})
	m.Add(ledger.Row{
		Call: "b", Attempt: 1, At: at, Provider: "openai", Model: "gpt-4o-mini", Outcome: policy.Ambiguous,
		Unpriced: "the connection was lost", Exposure: ledger.Known(price.MustUSD("0.01")),
	})
	return m
}

func ExampleCompare() {
	bill, err := reconcile.ParseCosts(strings.NewReader(costs))
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := reconcile.Compare(store().Scan(context.Background(), ledger.Filter{}), bill, reconcile.Config{Provider: "openai"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, e := range report.Entries {
		fmt.Printf("%q: billed $%s, ours $%s, residual $%s\n", e.Model, e.Billed, e.Ours, e.Residual)
		for _, c := range e.Causes {
			fmt.Println("  " + c.Text)
		}
	}
	// Output:
	// "": billed $0.03, ours $0, residual $0.03
	//   the bill has items without a model, which we do not count: tool $0.03
	// "gpt-4o-mini": billed $0.000435, ours $0.00033, residual $0.000105
	//   1 attempt of unknown cost may have cost $0.01, which covers the residual
}
