package reconcile_test

import (
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

func ExampleParseCosts() {
	bill, err := reconcile.ParseCosts(strings.NewReader(costs))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, l := range bill.Lines {
		fmt.Printf("%s %q %s $%s\n", l.Day.Format(time.DateOnly), l.Model, l.Kind, l.Amount)
	}
	// Output:
	// 2026-09-28 "gpt-4o-mini-2024-07-18" input $0.000195
	// 2026-09-28 "gpt-4o-mini-2024-07-18" output $0.00024
	// 2026-09-28 "" tool $0.03
}

func ExampleParseCSV() {
	bill, err := reconcile.ParseCSV(strings.NewReader("day,sku,cost\n2026-09-28,gemini-3-pro,1.25\n"), reconcile.CSVConfig{Model: "sku"})
	fmt.Println(len(bill.Lines), bill.Lines[0].Model, bill.Lines[0].Amount, err)
	_, err = reconcile.ParseCSV(strings.NewReader("day,cost\n2026-09-28,\"1,250.00\"\n"), reconcile.CSVConfig{})
	fmt.Println(err)
	// Output:
	// 1 gemini-3-pro 1.25 <nil>
	// reconcile: line 2, column 12 (cost): price: "1,250.00" is not an amount in USD: want digits, with at most one point between them and at most one '-' before them
}

// rows are a call that was answered, and one of which it is not known whether it was billed.
func rows() []ledger.Row {
	at := time.Date(2026, 9, 28, 10, 0, 0, 0, time.UTC)
	return []ledger.Row{{
		Call: "a", Attempt: 1, At: at, Provider: "openai", Model: "gpt-4o-mini", ServedModel: "gpt-4o-mini-2024-07-18",
		ServedTier: policy.Standard, Outcome: policy.Billed, Usage: price.Usage{Input: 1000, Output: 300}, UsageSource: ledger.Measured,
		Cost: ledger.Known(price.MustUSD("0.00033")), PriceID: "embedded/openai/gpt-4o-mini/-/standard",
	}, {
		Call: "b", Attempt: 1, At: at, Provider: "openai", Model: "gpt-4o-mini", Outcome: policy.Ambiguous,
		Unpriced: "the connection was lost", Exposure: ledger.Known(price.MustUSD("0.01")),
	}}
}

func ExampleCompare() {
	bill, err := reconcile.ParseCosts(strings.NewReader(costs))
	if err != nil {
		fmt.Println(err)
		return
	}
	report, err := reconcile.Compare(seq(rows()...), bill, reconcile.Config{Provider: "openai"})
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

func ExampleReport_String() {
	bill := &reconcile.Bill{Lines: []reconcile.Line{{
		Day: time.Date(2026, 9, 28, 0, 0, 0, 0, time.UTC), Model: "gpt-4o-mini-2024-07-18", Amount: price.MustUSD("0.000435"),
	}}}
	report, err := reconcile.Compare(seq(rows()...), bill, reconcile.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(report)
	// Output:
	// day         model        billed    ours     reported  exposure  unpriced  residual
	// 2026-09-28  gpt-4o-mini  0.000435  0.00033  0         0.01      1         0.000105
	// total                    0.000435  0.00033  0         0.01      1         0.000105
	//
	// 2026-09-28 gpt-4o-mini: residual $0.000105
	//   exposure: 1 attempt of unknown cost may have cost $0.01, which covers the residual
	//
	// settled by the bill:
	//   b attempt 1: $0.000105 (the_one)
}

func ExampleReport_Resolve() {
	store := ledger.NewMemory(0)
	for _, r := range rows() {
		store.Add(r)
	}
	fmt.Println("exposure:", store.Totals().Exposure)

	bill := &reconcile.Bill{Lines: []reconcile.Line{{
		Day: time.Date(2026, 9, 28, 0, 0, 0, 0, time.UTC), Model: "gpt-4o-mini-2024-07-18", Amount: price.MustUSD("0.000435"),
	}}}
	report, err := reconcile.Compare(seq(store.Rows()...), bill, reconcile.Config{})
	if err == nil {
		err = report.Resolve(store)
	}
	t := store.Totals()
	fmt.Println("exposure:", t.Exposure, "cost:", t.Cost, err)
	// Output:
	// exposure: 0.01
	// exposure: 0 cost: 0.000435 <nil>
}
