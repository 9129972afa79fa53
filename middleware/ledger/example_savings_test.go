package ledger_test

import (
	"context"
	"fmt"
	"log"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleSavingsOf() {
	var m ledger.Memory
	m.Add(ledger.Row{Call: "1", Attempt: 1, Outcome: policy.Billed, Cost: ledger.Known(price.MustUSD("0.5")), List: ledger.Known(price.MustUSD("1"))})
	savings, err := ledger.SavingsOf(m.Scan(context.Background(), ledger.Filter{}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("saved by tiers:", savings.Tier)
	// Output: saved by tiers: 0.5
}
