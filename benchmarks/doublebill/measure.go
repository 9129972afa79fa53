package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	callTime = 30 * time.Minute // that the program gives a call
	timeout  = 2 * time.Minute  // that clients are set to, for each attempt but where a row says otherwise; a slow answer takes longer

	perServer = 500 // calls, before a new server forgets what it remembers of them
)

// measure has every client make so many calls.
func measure(t *testing.T, clients []client, calls int, seed uint64) ([]result, error) {
	results := make([]result, len(clients))
	for i, c := range clients {
		results[i].client = c
		for from := 0; from < calls; from += perServer {
			err := inBubble(t, func(t *testing.T) error { return results[i].make(t.Context(), from, min(perServer, calls-from), seed) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return results, nil
}

// A call is one that the program made.
type call struct {
	from, to int // which of the provider's dials it made
	err      error
}

// make makes n calls to a provider, one after the other, and adds up what became of them.
func (r *result) make(ctx context.Context, from, n int, seed uint64) error {
	p := newProvider(seed, uint64(from), r.free500)
	defer p.Close()
	ask, err := r.open(ctx, p)
	if err != nil {
		return err
	}
	calls := make([]call, n)
	for i := range calls {
		calls[i].from = len(p.met)
		calls[i].err = finish(ctx, ask, from+i)
		calls[i].to = len(p.met)
	}
	meter := p.Meter()
	f, err := count(p, calls, meter)
	if err != nil {
		return err
	}
	r.add(f)
	if err := r.charge(meter); err != nil || p.books == nil {
		return err
	}
	return r.check(p.books, meter)
}

// charge adds up what the meter's generations cost.
func (r *result) charge(meter []llmtest.Generation) error {
	for _, g := range meter {
		cost, err := paid(g)
		if err != nil {
			return err
		}
		r.paid.Add(cost)
	}
	return nil
}

// check compares our ledger with the meter, row by row and in all.
func (r *result) check(b *books, meter []llmtest.Generation) error {
	if err := b.agree(meter); err != nil {
		return err
	}
	for _, row := range b.rows {
		r.cost.Add(row.Cost.Pico)
		r.exposure.Add(row.Exposure.Pico)
		if row.UsageSource != ledger.Measured {
			continue
		}
		r.measured++
		if !row.Cost.Known {
			r.unpriced++
		}
	}
	r.rows += len(b.rows)
	if r.unpriced == 0 && !r.covered() {
		return fmt.Errorf("the ledger says $%s, and $%s at most beyond it, but $%s was paid", r.cost, r.exposure, r.paid)
	}
	return nil
}

// finish makes the i-th call, and waits until nothing of it is left.
func finish(ctx context.Context, ask caller, i int) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	err := ask(ctx, fmt.Sprintf("What is coin %d worth?", i), i%2 == 1)
	cancel()
	synctest.Wait()
	return err
}

// count finds out what the calls cost. Every dial that succeeded has one request, in the same order.
func count(p *provider, calls []call, meter []llmtest.Generation) (f figures, err error) {
	paid := make(map[string]int) // by what was asked
	for _, g := range meter {
		paid[g.Call]++
	}
	requests := p.Requests()
	for i, c := range calls {
		if c.from == c.to {
			return f, fmt.Errorf("call %d: nothing was sent: %w", i, c.err)
		}
		f.Calls++
		f.Attempts += c.to - c.from
		asked, free := "", true
		for _, m := range p.met[c.from:c.to] {
			free = free && m != nil && m.free
			if m == noDial {
				continue
			}
			if len(requests) == 0 || asked != "" && requests[0].Call != asked {
				return f, fmt.Errorf("call %d: its requests are not those of its dials", i)
			}
			asked, requests = requests[0].Call, requests[1:]
		}
		n := paid[asked]
		delete(paid, asked)
		f.Billed += n
		f.BilledTwice += max(0, n-1)
		last := p.met[c.to-1]
		switch {
		case c.err == nil && (n == 0 || last != nil && last != noRoom):
			return f, fmt.Errorf("call %d: answered, billed %d times, and its last request met %v", i, n, last)
		case c.err == nil:
			continue
		case n == 0 && !free:
			return f, fmt.Errorf("call %d: lost, not billed, and for no mishap: %w", i, c.err)
		case n == 0:
			f.LostUnbilled++
		}
		f.Lost++
	}
	if len(requests) > 0 || len(paid) > 0 {
		return f, errors.New("somebody else was served, too")
	}
	return f, nil
}
