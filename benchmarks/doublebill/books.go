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

// books are the store of a stack of ours. They keep every row.
type books struct {
	mu   sync.Mutex
	rows []ledger.Row
}

// Add stores a row.
func (b *books) Add(r ledger.Row) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = append(b.rows, r)
}

// stack returns a stack of ours over the provider.
func (p *provider) stack(pol policy.Policy) (*middleware.Stack, error) {
	p.books = new(books)
	return middleware.New(middleware.WithPolicy(pol), middleware.WithBase(p.Transport()), middleware.WithStore(p.books))
}

// agree compares the rows with the meter, one by one: those that say that nothing was used with nothing, and the others,
// in their order, with the generations in theirs.
func (b *books) agree(meter []llmtest.Generation) error {
	n := 0
	for _, r := range b.rows {
		if r.UsageSource == ledger.None {
			if r.Cost.Pico != 0 || r.Exposure.Pico != 0 {
				return fmt.Errorf("a row of nothing that costs something: %+v", r)
			}
			continue
		}
		if n == len(meter) {
			return fmt.Errorf("a row that nothing was billed for: %+v", r)
		}
		if err := same(r, meter[n]); err != nil {
			return fmt.Errorf("%w:\nledger %+v\nmeter  %+v", err, r, meter[n])
		}
		n++
	}
	if n < len(meter) {
		return fmt.Errorf("%d generations, and %d rows for them; the first without is %+v", len(meter), n, meter[n])
	}
	return nil
}

// same compares a row with the generation that it is of. A row whose usage was measured has it exactly, and so the tier
// and the price; any other may know less, but not more than the price, and has to allow for all of it. Where the catalog
// has no prices of the provider, nothing is asked of a cost but that it is unknown, or right.
func same(r ledger.Row, g llmtest.Generation) error {
	want, err := paid(g)
	if err != nil {
		return err
	}
	u, measured := r.Usage, r.UsageSource == ledger.Measured
	switch {
	case !measured && r.Outcome == policy.Billed:
		return errors.New("an answer whose usage is not known")
	case (measured || r.ResponseID != "") && r.ResponseID != g.ID:
		return errors.New("another answer than the meter's")
	case measured && u != price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning}:
		return errors.New("another usage than the meter's")
	case measured && string(r.ServedTier) != tierOf(g):
		return errors.New("another tier than the one that served")
	case measured && r.Cost != ledger.Known(want) && (r.Cost.Known || priced(g)):
		return fmt.Errorf("another cost than the catalog's, $%s", want)
	case priced(g) && (r.Cost.Pico > want || r.Exposure.Pico < want-r.Cost.Pico):
		return fmt.Errorf("cost and exposure that do not hold the catalog's $%s between them", want)
	}
	return nil
}
