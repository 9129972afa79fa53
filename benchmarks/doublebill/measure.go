package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	callTime = 30 * time.Minute // the deadline of a call
	timeout  = 2 * time.Minute  // of clients, for each attempt unless the row says otherwise; a slow answer takes longer

	perServer = 500 // calls to one server, which remembers them all
)

// measure makes calls with every client.
func measure(t *testing.T, clients []client, calls int, seed uint64) ([]result, error) {
	results := make([]result, len(clients))
	for i, c := range clients {
		results[i].client = c
		for from := 0; from < calls; from += perServer {
			err := bench.InBubble(t, func(t *testing.T) error { return results[i].make(t.Context(), from, min(perServer, calls-from), seed) })
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	return results, nil
}

// A call is one call of the program.
type call struct {
	from, to int // its dials, by their index in provider.met
	err      error
}

// make makes n calls to a provider, one after the other, and adds their figures.
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
	if err := r.charge(meter); err != nil || p.store == nil {
		return err
	}
	return r.check(p.store, meter)
}

// charge adds the prices of the meter's generations.
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

// check compares the ledger with the meter, row by row and in total.
func (r *result) check(s *rowStore, meter []llmtest.Generation) error {
	if err := s.agree(meter); err != nil {
		return err
	}
	for _, row := range s.rows {
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
	r.rows += len(s.rows)
	if r.unpriced == 0 && !r.covered() {
		return fmt.Errorf("the ledger says cost $%s and exposure $%s, but $%s was paid", r.cost, r.exposure, r.paid)
	}
	return nil
}

// finish makes the i-th call, and waits until its goroutines have ended.
func finish(ctx context.Context, ask caller, i int) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	err := ask(ctx, fmt.Sprintf("What is coin %d worth?", i), i%2 == 1)
	cancel()
	synctest.Wait()
	return err
}

// A counter finds out what calls cost. Every dial that succeeded has one request, in the same order.
type counter struct {
	figures
	met      []*mishap
	requests []llmtest.Request // of the calls that are not counted yet
	paid     map[string]int    // how often a call was billed, by the fingerprint of what was asked
}

// count counts the calls.
func count(p *provider, calls []call, meter []llmtest.Generation) (figures, error) {
	c := counter{met: p.met, requests: p.Requests(), paid: make(map[string]int)}
	for _, g := range meter {
		c.paid[g.Call]++
	}
	for i, call := range calls {
		if err := c.count(call); err != nil {
			return c.figures, fmt.Errorf("call %d: %w", i, err)
		}
	}
	if len(c.requests) > 0 || len(c.paid) > 0 {
		return c.figures, errors.New("the provider served a call that was not made")
	}
	return c.figures, nil
}

// count counts one call.
func (c *counter) count(call call) error {
	if call.from == call.to {
		return fmt.Errorf("nothing was sent: %w", call.err)
	}
	c.Calls++
	c.Attempts += call.to - call.from
	asked, free, err := c.take(call)
	if err != nil {
		return err
	}
	n := c.paid[asked]
	delete(c.paid, asked)
	c.Billed += n
	c.BilledTwice += max(0, n-1)
	last := c.met[call.to-1]
	switch {
	case call.err == nil && (n == 0 || last != nil && last != noRoom):
		return fmt.Errorf("answered, billed %d times, and its last request met %v", n, last)
	case call.err == nil:
		return nil
	case n == 0 && !free:
		return fmt.Errorf("lost, not billed, and for no mishap: %w", call.err)
	case n == 0:
		c.LostUnbilled++
	}
	c.Lost++
	return nil
}

// take takes the requests of a call. It returns the fingerprint of what was asked, "" if no request arrived, and whether all
// requests met mishaps that are not billed.
func (c *counter) take(call call) (asked string, free bool, err error) {
	free = true
	for _, m := range c.met[call.from:call.to] {
		free = free && m != nil && m.free
		if m == noDial {
			continue
		}
		if len(c.requests) == 0 || asked != "" && c.requests[0].Call != asked {
			return asked, free, errors.New("its requests are not those of its dials")
		}
		asked, c.requests = c.requests[0].Call, c.requests[1:]
	}
	return asked, free, nil
}
