package price_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

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
