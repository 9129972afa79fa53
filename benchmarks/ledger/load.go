package main

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// batch is how many rows are written at once: the default of WriterConfig.Batch.
const batch = 1024

// A load is what every way has to keep: rows, and the same rows as lines.
type load struct {
	rows  []ledger.Row
	lines []string // without line breaks
}

func newLoad(n int, seed uint64) *load {
	l := &load{rows: make([]ledger.Row, n), lines: make([]string, n)}
	random := rand.New(rand.NewPCG(seed, 0))
	for i := range l.rows {
		l.rows[i] = typical(i, random)
		l.lines[i] = string(l.rows[i].AppendJSON(nil))
	}
	return l
}

// batches returns the bounds of the batches.
func (l *load) batches() (bounds [][2]int) {
	for from := 0; from < len(l.rows); from += batch {
		bounds = append(bounds, [2]int{from, min(from+batch, len(l.rows))})
	}
	return bounds
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var models = []string{"gpt-5-mini-2025-08-07", "gpt-5-2025-08-07", "claude-sonnet-4-5-20250929", "gemini-2.5-flash"}

// typical returns a row of a service with some tenants.
func typical(i int, random *rand.Rand) ledger.Row {
	model := random.IntN(len(models))
	cost := price.Pico(random.Int64N(int64(price.USD / 100)))
	return ledger.Row{
		Call: fmt.Sprintf("01kaz%021d", i), Attempt: 1, At: noon.Add(time.Duration(i) * time.Millisecond),
		Provider: "openai", Operation: "chat", Model: models[model], ServedModel: models[model], AskedTier: policy.Flex, ServedTier: policy.Flex,
		Outcome: policy.Billed, Status: 200, RequestID: fmt.Sprintf("req_%016x", random.Uint64()), ResponseID: fmt.Sprintf("chatcmpl-%016x", random.Uint64()),
		Usage:       price.Usage{Input: random.Int64N(4000), CachedInput: random.Int64N(2000), Output: random.Int64N(800)},
		UsageSource: ledger.Measured, Cost: ledger.Known(cost), List: ledger.Known(2 * cost), Implicit: ledger.Known(cost / 3),
		PriceID: "embedded/openai/" + models[model] + "/-/flex", WireTries: 1, LatencyMS: random.Int64N(30_000),
		Tags: tenants[random.IntN(len(tenants))],
	}
}

var tenants = func() (all []map[string]string) {
	for i := range 50 {
		all = append(all, map[string]string{"job": "nightly", "tenant": fmt.Sprintf("tenant-%02d", i)})
	}
	return slices.Clip(all)
}()
