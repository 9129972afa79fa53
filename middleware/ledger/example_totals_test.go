package ledger_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleTotalsOf() {
	var m ledger.Memory
	at := time.Date(2026, 11, 22, 12, 30, 0, 0, time.UTC)
	// The first call was rejected on flex, and then served on standard.
	m.Add(ledger.Row{Call: "0", Attempt: 1, At: at, Model: "gpt-5", AskedTier: policy.Flex, Outcome: policy.Rejected, Cost: ledger.Known(0)})
	attempts := []int{2, 1, 1}
	for call, model := range []string{"gpt-5", "gpt-5-mini", "gpt-5"} {
		m.Add(ledger.Row{Call: fmt.Sprint(call), Attempt: attempts[call], At: at, ServedModel: model, ServedTier: policy.Standard, Outcome: policy.Billed, Cost: ledger.Known(price.MustUSD("0.25"))})
	}
	totals, err := ledger.TotalsOf(m.Scan(context.Background(), ledger.Filter{}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("all:", totals.Cost)
	fmt.Println("gpt-5:", totals.By["model:gpt-5"].Cost)
	fmt.Println("on standard:", totals.By["tier:standard"].Calls, "calls in", totals.By["tier:standard"].Attempts, "attempts")
	fmt.Println("on no tier:", totals.By["tier:"+ledger.NoGroup].Calls, "calls in", totals.By["tier:"+ledger.NoGroup].Attempts, "attempts")
	fmt.Println("from 12:00 to 13:00:", totals.Hours["2026-11-22T12:00:00Z"].Cost)
	// Output:
	// all: 0.75
	// gpt-5: 0.5
	// on standard: 3 calls in 3 attempts
	// on no tier: 0 calls in 1 attempts
	// from 12:00 to 13:00: 0.75
}
