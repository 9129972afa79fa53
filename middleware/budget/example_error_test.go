package budget_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A call that a budget refuses says which one, and when it can be made.
func ExampleError() {
	err := error(&budget.Error{
		Budget: "nightly", Key: "tenant acme", Window: "in 24h", Cap: 25 * price.USD, Spent: price.MustUSD("24.81"),
		Held: price.MustUSD("0.5"), Most: price.MustUSD("0.25"), Frees: time.Date(2026, 12, 1, 17, 4, 5, 0, time.UTC),
	})
	var refusal *budget.Error
	switch {
	case !errors.As(err, &refusal):
	case refusal.NoBound != "":
		fmt.Println("it is not known what it can cost:", refusal.NoBound)
	case refusal.Frees.IsZero():
		fmt.Println("it is larger than the cap, or others hold what it needs")
	default:
		fmt.Println("ask again at", refusal.Frees)
	}
	fmt.Println(err)
	// Output:
	// ask again at 2026-12-01 17:04:05 +0000 UTC
	// budget nightly (tenant acme): $24.81 spent and $0.5 held of $25 in 24h; it can cost $0.25; room for it frees at 2026-12-01T17:04:05Z: wait until then, lower what it can cost, or raise the cap
}
