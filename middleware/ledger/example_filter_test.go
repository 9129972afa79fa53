package ledger_test

import (
	"context"
	"fmt"
	"log"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

func ExampleFilter() {
	var m ledger.Memory
	for call, tenant := range []string{"acme", "globex", "acme"} {
		m.Add(ledger.Row{Call: fmt.Sprint(call), Attempt: 1, Tags: map[string]string{"tenant": tenant}})
	}
	for row, err := range m.Scan(context.Background(), ledger.Filter{Tags: map[string]string{"tenant": "acme"}}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println("call", row.Call)
	}
	// Output:
	// call 0
	// call 2
}
