package ledger_test

import (
	"context"
	"fmt"
	"log"
	"strings"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleWriteCSV() {
	var m ledger.Memory
	m.Add(ledger.Row{Call: "1", Attempt: 1, Model: "gpt-5", Cost: ledger.Known(price.MustUSD("0.5"))})
	var b strings.Builder
	if err := ledger.WriteCSV(&b, m.Scan(context.Background(), ledger.Filter{Model: "gpt-5"})); err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Count(b.String(), "\n"), "lines")
	// Output: 2 lines
}
