package price_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A document of 50,000 tokens is read twenty times in an hour. Does a context cache pay for itself?
func ExampleCatalog_Caching() {
	q := price.Query{Provider: "gemini", Model: "gemini-2.5-flash", Tier: "standard", At: time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)}
	const tokens, reads = 50_000, 20
	c, err := price.Embedded().Caching(q, tokens)
	if err != nil {
		panic(err)
	}
	fmt.Println("at least", c.MinExplicit, "tokens")
	fmt.Println("without a cache:", reads*tokens*c.Input)
	fmt.Println("with one:", tokens*(c.Create+c.Storage+reads*c.Cached))

	q.Model = "gemini-4-argon"
	c, err = price.Embedded().Caching(q, tokens)
	fmt.Println(q.Model+":", c.NoExplicit, err)
	// Output:
	// at least 2048 tokens
	// without a cache: 0.3
	// with one: 0.095
	// gemini-4-argon: the model has no explicit caches <nil>
}
