package ledger_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleTee() {
	var latest, forever ledger.Memory
	store := ledger.Tee{&latest, &forever}
	store.Add(ledger.Row{Call: "1", Attempt: 1, Cost: ledger.Known(price.MustUSD("0.5"))})
	fmt.Println(latest.Totals().Cost, forever.Totals().Cost)
	// Output: 0.5 0.5
}
