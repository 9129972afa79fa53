package ledger_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleMemory() {
	m := ledger.NewMemory(1000)
	m.Add(ledger.Row{Call: "1", Attempt: 1, Model: "gpt-5", Outcome: policy.Rejected, Cost: ledger.Known(0)})
	m.Add(ledger.Row{Call: "1", Attempt: 2, Model: "gpt-5", Outcome: policy.Billed, Cost: ledger.Known(price.MustUSD("0.0015"))})
	totals := m.Totals()
	fmt.Println(totals.Calls, "call,", totals.Attempts, "attempts, $"+totals.Cost.String())
	fmt.Println("of it for gpt-5: $" + totals.By["model:gpt-5"].Cost.String())
	// Output:
	// 1 call, 2 attempts, $0.0015
	// of it for gpt-5: $0.0015
}

func ExampleMemory_Resolve() {
	var rows ledger.Memory
	rows.Add(ledger.Row{Call: "a", Attempt: 1, Outcome: policy.Ambiguous, Exposure: ledger.Known(price.MustUSD("0.02")), Unpriced: "the connection failed"})
	fmt.Println(rows.Totals().Cost, rows.Totals().Exposure)
	if err := rows.Resolve("a", 1, price.MustUSD("0.0031")); err != nil {
		panic(err)
	}
	fmt.Println(rows.Totals().Cost, rows.Totals().Exposure)
	// Output:
	// 0 0.02
	// 0.0031 0
}
