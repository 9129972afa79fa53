package table_test

import (
	"os"
	"testing"

	"github.com/skinflint-go/skinflint/examples/internal/table"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

func Example() {
	table.Print(os.Stdout, 2, [][]string{
		{"call", "model", "in", "cost"},
		{"résumé", "gpt-5", table.Count(1200, ""), table.Dollars(ledger.Known(price.MustUSD("0.25")))},
		{"none", "gpt-5-mini", table.Count(0, ""), table.Dollars(ledger.Amount{})},
		{"sums"},
	})
	// Output:
	// call    model         in          cost
	// résumé  gpt-5       1200  $0.250000000
	// none    gpt-5-mini
	// sums
}

func TestDollars(t *testing.T) {
	for amount, want := range map[string]string{
		"0": "$0.000000000", "1.5": "$1.500000000", "-0.25": "-$0.250000000", "0.000000000001": "$0.000000000001",
	} {
		if got := table.Dollars(ledger.Known(price.MustUSD(amount))); got != want {
			t.Errorf("%s: %s, want %s", amount, got, want)
		}
	}
}

func TestCount(t *testing.T) {
	if got := table.Count(12, " ms"); got != "12 ms" {
		t.Error(got)
	}
}
