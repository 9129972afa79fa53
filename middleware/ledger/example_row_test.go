package ledger_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A cost of zero is known; the zero Amount is not.
func ExampleAmount() {
	free, unknown := ledger.Known(0), ledger.Amount{}
	fmt.Println(free, unknown, free == unknown)
	// Output: 0 unknown false
}
