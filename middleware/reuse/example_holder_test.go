package reuse_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
)

// Every ten seconds a request comes with the same instructions of 20,000 tokens, and a question of its own. The holder
// learns that, advises a cache for the instructions, and keeps it alive while it earns.
func ExampleHolder() {
	holder := reuse.NewHolder(reuse.HolderConfig{})
	gemini25Pro := reuse.Rates{Input: 1_250_000, Cached: 125_000, Storage: 4_500_000} // picodollars

	const instructions = 0x1a2b
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for question := range uint64(400) {
		at = at.Add(10 * time.Second)
		visit := holder.Arrive(reuse.Prompt{
			At:     at,
			Nodes:  []reuse.Node{{Hash: instructions, Tokens: 20_000}, {Hash: instructions + 1 + question, Tokens: 20_500}},
			Tokens: 20_500,
			Least:  2048,
		}, gemini25Pro, reuse.Before)

		var cached int64
		if visit.Read != nil {
			cached = visit.Read.Tokens // send the request with the cache's name, without what is in the cache
		}
		if c := visit.Create; c != nil {
			// Create the cache at the provider, then send the request with its name.
			visit.Made(0, at, at.Add(c.For))
			cached = 20_000
		}
		for _, change := range visit.Answered(at, 300, cached) {
			if change.Until.IsZero() {
				continue // delete it
			}
			holder.Extended(change.Hash, change.Until) // after its time to live was changed at the provider
		}
	}

	report := holder.Report(at)
	prefix := report.Prefixes[0]
	fmt.Printf("prefix %x has %d tokens\n", prefix.Hash, prefix.Tokens)
	fmt.Println("nine of ten requests read its cache:", prefix.Explicit > 360)
	fmt.Println("earned more than it cost:", prefix.Net.Sign() > 0)
	fmt.Println("more than half of the input's price was saved:", report.Net.Minus(report.Without.Minus(report.Net)).Sign() > 0)
	// Output:
	// prefix 1a2b has 20000 tokens
	// nine of ten requests read its cache: true
	// earned more than it cost: true
	// more than half of the input's price was saved: true
}
