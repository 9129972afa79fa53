package main

import (
	"fmt"
	"sync"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
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

func same(r ledger.Row, g llmtest.Generation) error {
	u := r.Usage
	switch {
	case r.UsageSource == ledger.Measured && (u.Input+u.CachedInput != g.Prompt || u.Output != g.Completion || u.Reasoning != g.Reasoning):
		return fmt.Errorf("another usage than the meter's")
	case r.UsageSource != ledger.Measured && r.Outcome == policy.Billed:
		return fmt.Errorf("an answer whose usage is not known")
	case r.ResponseID != "" && r.ResponseID != g.ID:
		return fmt.Errorf("another answer than the meter's")
	}
	return nil
}
