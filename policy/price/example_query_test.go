package price_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A price that is not known is not guessed: the flex price of a model without one is neither zero nor the standard price.
func ExampleUnpriced() {
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	q := price.Query{Provider: "openai", Model: "o3-pro", Tier: "flex", At: start}
	_, err := price.Embedded().Cost(q, price.Usage{Input: 1})
	var unpriced *price.Unpriced
	if errors.As(err, &unpriced) {
		fmt.Println(unpriced.Reason)
	}
	// Output: openai/o3-pro (flex): no price for this tier
}
