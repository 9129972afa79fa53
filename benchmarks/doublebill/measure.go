package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	callTime = 30 * time.Minute // that the program gives a call
	timeout  = 2 * time.Minute  // that clients are set to; a slow answer takes longer

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
	if p.books == nil {
		return nil
	}
	r.rows += len(p.books.rows)
	return p.books.agree(meter)
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
