package reconcile_test

import (
	"context"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleReport_String() {
	bill := &reconcile.Bill{Lines: []reconcile.Line{{
		Day: time.Date(2026, 9, 28, 0, 0, 0, 0, time.UTC), Model: "gpt-4o-mini-2024-07-18", Amount: price.MustUSD("0.000435"),
	}}}
	report, err := reconcile.Compare(store().Scan(context.Background(), ledger.Filter{}), bill, reconcile.Config{})
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
	store := store()
	fmt.Println("exposure:", store.Totals().Exposure)

	bill := &reconcile.Bill{Lines: []reconcile.Line{{
		Day: time.Date(2026, 9, 28, 0, 0, 0, 0, time.UTC), Model: "gpt-4o-mini-2024-07-18", Amount: price.MustUSD("0.000435"),
	}}}
	report, err := reconcile.Compare(store.Scan(context.Background(), ledger.Filter{}), bill, reconcile.Config{})
	if err == nil {
		err = report.Resolve(store)
	}
	t := store.Totals()
	fmt.Println("exposure:", t.Exposure, "cost:", t.Cost, err)
	// Output:
	// exposure: 0.01
	// exposure: 0 cost: 0.000435 <nil>
}
