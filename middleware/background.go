package middleware

import (
	"cmp"
	"sync"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// pendings are the calls that the provider works on after it has answered them, by response id, with the exposure in their
// rows. When the answer is fetched, it reports what they used. Those that are forgotten are still counted when they are
// fetched, but perhaps twice, and their exposure stays. The zero pendings are ready.
type pendings struct {
	mu    sync.Mutex
	calls bounded[pending]
}

type pending struct {
	call     string
	model    string
	exposure ledger.Amount
	counted  bool
}

// add remembers a call.
func (p *pendings) add(id string, c pending) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls.put(id, c)
}

// resolved notes that the cost of a call is known, so that its answer does not count again.
func (p *pendings) resolved(call string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, c := range p.calls.values {
		if c.call == call {
			c.counted = true
			p.calls.values[id] = c
		}
	}
}

// has reports whether a call is remembered.
func (p *pendings) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.calls.values[id]
	return ok
}

// count returns the call that an answer belongs to, and whether the answer is the first to report its usage. The answer of a
// call that another process made, which is not known here, counts as well.
func (p *pendings) count(id string) (c pending, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c = p.calls.values[id]
	first = !c.counted
	c.counted = true
	p.calls.put(id, c)
	return c, first
}

// account notes that the provider has not done the work of a call yet, or counts work that it has done by now, in the row of
// the attempt that was answered. It reports whether an answer to a poll is the first to report what the call used.
func (p *pendings) account(row *ledger.Row, c *wire.Call, answer *wire.Answer) (counts bool) {
	id := answer.ResponseID
	switch {
	case id == "":
	case c.Kind == wire.Poll:
		if answer.Pending || !answer.HasUsage || !answer.Background && !p.has(id) {
			return false
		}
		earlier, first := p.count(id)
		if first && earlier.exposure.Known && (row.Cost.Known || row.Exposure.Known) {
			// This row replaces the exposure of the earlier one by what it found.
			row.Exposure = ledger.Known(row.Exposure.Pico - earlier.exposure.Pico)
		}
		row.Parent, row.Model = earlier.call, cmp.Or(row.Model, earlier.model)
		return first
	case !answer.Background && !c.Background:
	case answer.Pending:
		row.Unpriced = "it runs in the background: what it costs is known when its answer is fetched"
		p.add(id, pending{call: row.Call, model: row.Model, exposure: row.Exposure})
	case answer.HasUsage:
		p.add(id, pending{call: row.Call, model: row.Model, counted: true})
	}
	return false
}
