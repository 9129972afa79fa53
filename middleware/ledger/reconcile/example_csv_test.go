package reconcile_test

import (
	"fmt"
	"strings"

	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
)

func ExampleParseCSV() {
	bill, err := reconcile.ParseCSV(strings.NewReader("day,sku,cost\n2026-09-28,gemini-3-pro,1.25\n"), reconcile.CSVConfig{Model: "sku"})
	fmt.Println(len(bill.Lines), bill.Lines[0].Model, bill.Lines[0].Amount, err)
	_, err = reconcile.ParseCSV(strings.NewReader("day,cost\n2026-09-28,\"1,250.00\"\n"), reconcile.CSVConfig{})
	fmt.Println(err)
	// Output:
	// 1 gemini-3-pro 1.25 <nil>
	// reconcile: line 2, column 12 (cost): price: "1,250.00" is not an amount in USD: want digits, with at most one point between them and at most one '-' before them
}
