package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// pause is the simulated time between two questions.
const pause = 40 * time.Second

// began is the simulated time of the first question.
var began = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

// A simulation runs functions against a simulated provider, in simulated time. Its ledger and the provider's meter can then
// agree about storage to the nanosecond, as their clock stands still while the program works.
type simulation struct{ t *testing.T }

// simulated calls f, which must end the process. Simulated time is for tests only, so f is called within one.
func simulated(f func(*simulation)) {
	_ = flag.CommandLine.Parse(nil) // package testing would read the arguments, which are ours
	every := func(string, string) (bool, error) { return true, nil }
	testing.Main(every, []testing.InternalTest{{Name: "geminicache", F: func(t *testing.T) { f(&simulation{t}) }}}, nil, nil)
}

// run asks all questions twice: with a cache, and without.
func (s *simulation) run(out io.Writer, set settings) error {
	var r report
	err := s.ask(set, func(ctx context.Context, to *clients, provider *llmtest.Server) (err error) {
		if r.held, err = to.askAll(ctx, set, pause); err != nil {
			return err
		}
		if err := r.sumUp(to.stack); err != nil {
			return err
		}
		return r.compare(provider)
	})
	if err != nil {
		return err
	}
	err = s.ask(set, func(ctx context.Context, to *clients, _ *llmtest.Server) error {
		err := errors.Join(to.askEach(ctx, pause), to.close(ctx))
		totals := to.stack.Totals()
		r.gain(without{cost: totals.Cost, implicit: totals.Implicit})
		return err
	})
	if err != nil {
		return fmt.Errorf("without a cache: %w", err)
	}
	return r.write(out, set.asJSON)
}

// ask calls f with clients over a new simulated provider, which caches half of each prompt by itself where no cache is named.
func (s *simulation) ask(set settings, f func(context.Context, *clients, *llmtest.Server) error) error {
	// The older SDK's gRPC client, which is not used, starts goroutines that never end. They must be outside of the bubble.
	base := new(later)
	to, err := connect(context.Background(), set, base)
	if err != nil {
		return err
	}
	synctest.Test(s.t, func(*testing.T) {
		time.Sleep(time.Until(began))
		provider := llmtest.NewPipe(llmtest.Config{CachedPercent: 50, Seed: 7})
		defer provider.Close()
		base.RoundTripper = provider.Transport()
		err = f(context.Background(), to, provider)
	})
	return err
}

// later is a RoundTripper that is set later.
type later struct{ http.RoundTripper }

// compare compares the ledger with what the provider has metered, by the prices of the catalog: its generations and the time
// for which it held caches. It is an error if they differ by a picodollar, or if a cache is left.
func (r *report) compare(provider *llmtest.Server) error {
	now := time.Now()
	var meter price.Sum
	for _, g := range provider.Meter() {
		cost, err := price.Embedded().Cost(price.Query{Provider: g.Provider, Model: g.Model, Tier: g.Tier, At: g.At},
			price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning})
		if err != nil {
			return err
		}
		meter.Add(cost.Cost)
	}
	for _, c := range provider.Caches() {
		cost, err := price.Embedded().Storage(price.Query{Provider: "gemini", Model: c.Model}, c.Tokens, c.Created, c.Created.Add(c.Stored(now)))
		switch {
		case err != nil:
			return err
		case c.Alive(now):
			return fmt.Errorf("the cache %s is left", c.Name)
		}
		meter.Add(cost.Cost)
	}
	if r.sum.Meter = &meter; r.sum.Ledger.Cmp(meter) != 0 {
		return fmt.Errorf("the ledger says $%s, the provider's meter $%s", r.sum.Ledger, meter)
	}
	return nil
}
