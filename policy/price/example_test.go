package price_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleParseUSD() {
	p, err := price.ParseUSD("0.138")
	fmt.Println(p, int64(p), err)
	_, err = price.ParseUSD("1e-3")
	fmt.Println(err)
	// Output:
	// 0.138 138000000000 <nil>
	// price: "1e-3" is not an amount in USD: want digits, with at most one point between them and at most one '-' before them
}

func ExampleMustUSD() {
	budget := price.MustUSD("0.25")
	fmt.Println(budget, budget-price.USD)
	// Output: 0.25 -0.75
}

// A Sum holds what a Pico cannot, and is still exact to the last picodollar.
func ExampleSum() {
	var total price.Sum
	for range 3 {
		total.Add(price.MustUSD("9000000"))
	}
	total.Add(price.MustUSD("0.000000000001"))
	_, fits := total.Pico()
	fmt.Println(total, fits)

	text, _ := json.Marshal(map[string]price.Sum{"cost_usd": total})
	fmt.Println(string(text))
	// Output:
	// 27000000.000000000001 false
	// {"cost_usd":"27000000.000000000001"}
}

func ExampleUsage_Add() {
	u := price.Usage{Input: 100, CachedInput: 1024, Output: 50, Reasoning: 30}
	u = u.Add(price.Usage{Input: 1, Output: 1})
	fmt.Println(u.Prompt(), u.Output)
	// Output: 1125 51
}

func ExampleEmbedded() {
	in, out, _ := price.Embedded().Limits("openai", "o4-mini")
	fmt.Println(in, out)
	// Output: 200000 100000
}

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

// What is not known is not guessed: a flex price of a model without one is neither zero nor the standard price.
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

// A prompt of at most 3,000 tokens, and an answer as long as the model can give.
func ExampleCatalog_Bound() {
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	q := price.Query{Provider: "openai", Model: "o4-mini", Tier: "standard", At: start}
	bound, err := price.Embedded().Bound(q, 3_000, -1)
	fmt.Println(bound, err)
	// Output: 0.4433 <nil>
}

func ExampleCatalog_Limits() {
	maxInput, maxOutput, ok := price.Embedded().Limits("gemini", "models/gemini-2.5-pro")
	fmt.Println(maxInput, maxOutput, ok)
	// Output: 1048576 65535 true
}

func ExampleCatalog_Models() {
	fmt.Println(price.Embedded().Models("zai"))
	// Output: [GLM-5.2 GLM-5.3 GLM-5.3-Flash]
}

func ExampleCatalog_Reviews() {
	fmt.Println(price.Embedded().Reviews(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))
	// Output: [gemini/gemini-4-argon openai/gpt-5.6-sol]
}

func ExampleParse() {
	contract, err := price.Parse("contract", strings.NewReader(`{"providers": {"openai": {"models": {"gpt-5": {
		"limits": {"max_input": 272000, "max_output": 128000},
		"periods": [{
			"from": "2026-01-01",
			"source": "our contract of 2025-12-18",
			"tiers": {"standard": [{"usd_per_million": {"input": "1", "cached_input": "0.1", "output": "8"}}]}
		}]
	}}}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	q := price.Query{Provider: "openai", Model: "gpt-5-2025-08-07", Tier: "standard", At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}
	cost, err := contract.Cost(q, price.Usage{Input: 500, Output: 10})
	fmt.Println(cost.Cost, cost.PriceID, err)
	// Output: 0.00058 contract/openai/gpt-5/2026-01-01/standard <nil>
}

// A context cache of 100,000 tokens that was there for 90 minutes, over a new year in which its price doubles.
func ExampleCatalog_Storage() {
	q := price.Query{Provider: "gemini", Model: "gemini-3.8-flash"}
	until := time.Date(2027, 1, 1, 0, 30, 0, 0, time.UTC)
	storage, err := price.Embedded().Storage(q, 100_000, until.Add(-90*time.Minute), until)
	fmt.Println(storage.Cost, storage.TokenSeconds, err)
	fmt.Println(storage.PriceID)
	// Output:
	// 0.1 540000000 <nil>
	// embedded/gemini/gemini-3.8-flash/2026-09-02+2027-01-01/storage
}

// Searches are charged for by the request, beside the tokens.
func ExampleCatalog_Cost_tools() {
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	q := price.Query{Provider: "openai", Model: "gpt-6-sol", Tier: "flex", At: start}
	cost, err := price.Embedded().Cost(q, price.Usage{Input: 1_000, Output: 100, WebSearches: 2})
	fmt.Println(cost.Cost, err)
	// Output: 0.0215 <nil>
}

// A deployment's own name is priced as the model behind it, and says so.
func ExampleLayers() {
	user, err := price.Parse("user", strings.NewReader(`{"providers": {"azure": {
		"same_as": "openai",
		"models": {"prod-chat": {"same_as": "openai/gpt-5.4"}}
	}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	prices := price.Layers(user, price.Embedded())
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for _, model := range []string{"prod-chat", "o3"} {
		q := price.Query{Provider: "azure", Model: model, Tier: "standard", At: start}
		cost, err := prices.Cost(q, price.Usage{Input: 1_000})
		fmt.Println(cost.Cost, cost.PriceID, err)
	}
	// Output:
	// 0.0025 user/azure/prod-chat=embedded/openai/gpt-5.4/-/standard <nil>
	// 0.002 user/azure/o3=embedded/openai/o3/2025-06-10/standard <nil>
}

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

func ExampleNewBook() {
	base, err := price.Parse("ours", strings.NewReader(`{"providers": {"acme": {"models": {"roadrunner": {"periods": [{
		"source": "https://acme.example/prices, 2026-11-21",
		"tiers": {"standard": [{"usd_per_million": {"input": "1"}}]}
	}]}}}}}`))
	book := price.NewBook(base)
	fmt.Println(book.Catalog().Models("acme"), err)
	// Output: [roadrunner] <nil>
}
