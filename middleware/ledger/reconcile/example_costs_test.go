package reconcile_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
)

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
