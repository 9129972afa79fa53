package price_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleCatalog_Cost() {
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	cost, err := price.Embedded().Cost(
		price.Query{Provider: "openai", Model: "o4-mini", Tier: "flex", At: start},
		price.Usage{Input: 1200, CachedInput: 1024, Output: 300},
	)
	fmt.Println(cost.Cost, cost.Uncached, cost.List, err)
	fmt.Println(cost.PriceID)
	// Output:
	// 0.001461312 0.0018832 0.0037664 <nil>
	// embedded/openai/o4-mini/2025-04-17/flex
}

// The price is that of the moment at which the request started: this model's was cut on 10 June 2025.
func ExampleCatalog_Cost_dated() {
	for _, day := range []int{9, 10} {
		start := time.Date(2025, 6, day, 12, 0, 0, 0, time.UTC)
		q := price.Query{Provider: "openai", Model: "o3", Tier: "standard", At: start}
		cost, err := price.Embedded().Cost(q, price.Usage{Input: 1_000_000})
		fmt.Println(cost.Cost, err)
	}
	// Output:
	// 10 <nil>
	// 2 <nil>
}

// Searches are charged for by the request, in addition to the tokens.
func ExampleCatalog_Cost_tools() {
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	q := price.Query{Provider: "openai", Model: "gpt-6-sol", Tier: "flex", At: start}
	cost, err := price.Embedded().Cost(q, price.Usage{Input: 1_000, Output: 100, WebSearches: 2})
	fmt.Println(cost.Cost, err)
	// Output: 0.0215 <nil>
}
