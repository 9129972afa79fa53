package main

import (
	"errors"
	"fmt"
	"sync"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A rowStore is the store of a skinflint stack. It keeps every row.
type rowStore struct {
	mu   sync.Mutex
	rows []ledger.Row
}

// Add stores a row.
func (s *rowStore) Add(r ledger.Row) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, r)
}

// stack returns a skinflint stack over the provider.
func (p *provider) stack(pol policy.Policy) (*middleware.Stack, error) {
	p.store = new(rowStore)
	return middleware.New(middleware.WithPolicy(pol), middleware.WithBase(p.Transport()), middleware.WithStore(p.store))
}

// agree compares the rows with the meter, in order. A row without usage belongs to no generation and must cost nothing. Each
// other row belongs to the next generation.
func (s *rowStore) agree(meter []llmtest.Generation) error {
	n := 0
	for _, r := range s.rows {
		if r.UsageSource == ledger.None {
			if r.Cost.Pico != 0 || r.Exposure.Pico != 0 {
				return fmt.Errorf("a row without usage costs something: %+v", r)
			}
			continue
		}
		if n == len(meter) {
			return fmt.Errorf("a row although nothing was billed for it: %+v", r)
		}
		if err := same(r, meter[n]); err != nil {
			return fmt.Errorf("%w:\nledger %+v\nmeter  %+v", err, r, meter[n])
		}
		n++
	}
	if n < len(meter) {
		return fmt.Errorf("%d generations, and %d rows for them; the first generation without a row is %+v", len(meter), n, meter[n])
	}
	return nil
}

// same compares a row with its generation. If the usage was measured, the row has the exact usage, tier and price. Any other
// row may know less, but its cost is at most the price, and its cost and exposure together at least the price. If the
// catalog has no prices of the provider, the cost is unknown or right.
func same(r ledger.Row, g llmtest.Generation) error {
	want, err := paid(g)
	if err != nil {
		return err
	}
	measured := r.UsageSource == ledger.Measured
	switch {
	case !measured && r.Outcome == policy.Billed:
		return errors.New("an answer whose usage is not known")
	case (measured || r.ResponseID != "") && r.ResponseID != g.ID:
		return errors.New("another answer than the meter's")
	case measured:
		err = sameMeasured(r, g, want)
	}
	if err == nil && priced(g) && (r.Cost.Pico > want || r.Exposure.Pico < want-r.Cost.Pico) {
		err = fmt.Errorf("cost and exposure that do not hold the catalog's $%s between them", want)
	}
	return err
}

// sameMeasured compares a row whose usage was measured with its generation, whose price is want.
func sameMeasured(r ledger.Row, g llmtest.Generation, want price.Pico) error {
	switch {
	case r.Usage != price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning}:
		return errors.New("another usage than the meter's")
	case string(r.ServedTier) != tierOf(g):
		return errors.New("another tier than the one that served")
	case r.Cost != ledger.Known(want) && (r.Cost.Known || priced(g)):
		return fmt.Errorf("another cost than the catalog's, $%s", want)
	}
	return nil
}
