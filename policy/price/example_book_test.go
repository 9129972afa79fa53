package price_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A contract comes into force while the program runs.
func ExampleBook() {
	var book price.Book
	q := price.Query{Provider: "openai", Model: "gpt-5", Tier: "standard", At: time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)}
	cost, _ := book.Catalog().Cost(q, price.Usage{Input: 1_000})
	fmt.Println(cost.Cost, cost.PriceID)

	contract, err := price.Parse("contract", strings.NewReader(`{"providers": {"openai": {"models": {"gpt-5": {"periods": [{
		"source": "our contract of 2025-12-18",
		"tiers": {"standard": [{"usd_per_million": {"input": "1", "output": "8"}}]}
	}]}}}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	book.SetUser(contract)
	cost, _ = book.Catalog().Cost(q, price.Usage{Input: 1_000})
	fmt.Println(cost.Cost, cost.PriceID)
	// Output:
	// 0.00125 embedded/openai/gpt-5/-/standard
	// 0.001 contract/openai/gpt-5/-/standard
}

func ExampleBook_SetBase() {
	base, err := price.Parse("ours", strings.NewReader(`{"providers": {"acme": {"models": {"roadrunner": {"periods": [{
		"source": "https://acme.example/prices, 2026-11-21",
		"tiers": {"standard": [{"usd_per_million": {"input": "1"}}]}
	}]}}}}}`))
	var book price.Book
	book.SetBase(base)
	fmt.Println(book.Catalog().Models("acme"), err)
	// Output: [roadrunner] <nil>
}
