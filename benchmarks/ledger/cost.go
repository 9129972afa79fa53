package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A pricing is a way to price a usage, and its result.
type pricing struct {
	name, does string
	cost       func() (price.Cost, error)
	time       time.Duration
	allocs     float64
}

// pricings returns one way by the embedded catalog alone, and one by a book of three layers of which the last has the price.
func pricings() ([]pricing, error) {
	var book price.Book
	for name, set := range map[string]func(*price.Catalog){"user": book.SetUser, "feed": book.SetFeed} {
		layer, err := price.Parse(name, strings.NewReader(`{"providers": {"openai": {"models": {"gpt-5-ours": {
			"periods": [{"source": "made up", "tiers": {"standard": [{"usd_per_million": {"input": "1", "output": "2"}}]}}]}}}}}`))
		if err != nil {
			return nil, err
		}
		set(layer)
	}
	query := price.Query{Provider: "openai", Model: "gpt-5-2025-08-07", Tier: "flex", At: noon}
	usage := price.Usage{Input: 1200, CachedInput: 1024, Output: 700, Reasoning: 512}
	return []pricing{
		{name: "embedded catalog", does: "a dated snapshot of a model, on flex, with cached input",
			cost: func() (price.Cost, error) { return price.Embedded().Cost(query, usage) }},
		{name: "book of three layers", does: "the same: neither the user's nor the feed's has the model",
			cost: func() (price.Cost, error) { return book.Catalog().Cost(query, usage) }},
	}, nil
}

// priceAll measures all pricings, with that many calls per round.
func priceAll(rounds, calls int) ([]pricing, error) {
	all, err := pricings()
	if err != nil {
		return nil, err
	}
	want, err := all[0].cost()
	if err != nil {
		return nil, err
	}
	call := func(p *pricing) func() error {
		return func() error {
			if got, err := p.cost(); err != nil || got.Cost != want.Cost {
				return fmt.Errorf("%s: $%s, want $%s: %w", p.name, got.Cost, want.Cost, err)
			}
			return nil
		}
	}
	timings, err := bench.Interleave(rounds, len(all), 0, func(i int) (time.Duration, error) {
		return bench.Repeat(calls/10, calls, call(&all[i]))
	})
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].time = timings[i].Time
		if all[i].allocs, _, err = bench.Allocated(calls, call(&all[i])); err != nil {
			return nil, err
		}
	}
	return all, nil
}
