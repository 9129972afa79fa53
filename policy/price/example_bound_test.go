package price_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A prompt of at most 3,000 tokens, and an answer as long as the model can give.
func ExampleCatalog_Bound() {
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	q := price.Query{Provider: "openai", Model: "o4-mini", Tier: "standard", At: start}
	bound, err := price.Embedded().Bound(q, price.Size{Input: 3_000, Output: -1})
	fmt.Println(bound, err)
	// Output: 0.4433 <nil>
}
