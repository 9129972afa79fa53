package middleware

import (
	"cmp"
	"sync"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// maxPending is how many calls that run in the background are remembered. Those beyond are still counted when their
// answers are fetched, but perhaps twice, and what their rows expose stays.
const maxPending = 16384

// pendings are the calls that the provider works on after it has answered them, by response id, with the exposure in their
// rows. When the answer is fetched, it reports what they used. The zero pendings are ready.
type pendings struct {
	mu    sync.Mutex
	calls map[string]pending
	order []string // the oldest first
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
	p.put(id, c)
}

func (p *pendings) put(id string, c pending) {
	if p.calls == nil {
		p.calls = make(map[string]pending)
	}
	if _, ok := p.calls[id]; !ok {
		p.order = append(p.order, id)
		if len(p.order) > maxPending {
			delete(p.calls, p.order[0])
			p.order = p.order[1:]
		}
	}
	p.calls[id] = c
}

// resolved notes that the cost of a call is known, so that its answer does not count again.
func (p *pendings) resolved(call string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, c := range p.calls {
		if c.call == call {
			c.counted = true
			p.calls[id] = c
		}
	}
}

// has reports whether a call is remembered.
func (p *pendings) has(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.calls[id]
	return ok
}

// count returns the call that an answer belongs to, and whether the answer is the first to report its usage. The answer of a
// call that another process made, which is not known here, counts as well.
func (p *pendings) count(id string) (c pending, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c = p.calls[id]
	first = !c.counted
	c.counted = true
	p.put(id, c)
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
