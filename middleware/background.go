package middleware

import (
	"github.com/skinflint-go/skinflint/transport/wire"

	"cmp"
	"sync"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// maxPending is how many calls that run in the background are remembered. Those beyond are still counted when their
// answers are fetched, but perhaps twice, and what their rows expose stays.
const maxPending = 16384

// pendings are the calls that the provider works on after it has answered them, by response id: how much their rows
// expose, until the answer is fetched and tells what they used. The zero pendings are ready.
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

// resolved notes that it is known what a call has cost, so that its answer does not tell it once more.
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

// count returns the call that an answer belongs to, and whether it is the first that tells its usage. A call that another
// process has made is not known, and counts, too.
func (p *pendings) count(id string) (c pending, first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c = p.calls[id]
	first = !c.counted
	c.counted = true
	p.put(id, c)
	return c, first
}

// background notes that the provider has yet to do the work, or counts work that it has done meanwhile.
func (a *attempt) background() {
	answer, row := &a.reader.Answer, &a.row
	id := answer.ResponseID
	switch {
	case id == "":
	case a.r.call.Kind == wire.Poll:
		if answer.Pending || !answer.HasUsage || !answer.Background && !a.r.engine.pending.has(id) {
			return
		}
		was, first := a.r.engine.pending.count(id)
		if a.counts = first; first && was.exposure.Known && (row.Cost.Known || row.Exposure.Known) {
			// The row stands for the one of before, whose exposure has found its cost.
			row.Exposure = ledger.Known(row.Exposure.Pico - was.exposure.Pico)
		}
		row.Parent, row.Model = was.call, cmp.Or(row.Model, was.model)
	case !answer.Background && !a.r.call.Background:
	case answer.Pending:
		row.Unpriced = "it runs in the background: what it costs is told when its answer is fetched"
		a.r.engine.pending.add(id, pending{call: row.Call, model: row.Model, exposure: row.Exposure})
	case answer.HasUsage:
		a.r.engine.pending.add(id, pending{call: row.Call, model: row.Model, counted: true})
	}
}
