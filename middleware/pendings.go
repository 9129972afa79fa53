package middleware

import (
	"sync"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// pendings are the calls that the provider works on after it has answered them, by response id. When the answer is fetched,
// it reports what they used, and a row that settles theirs replaces it. Those that are forgotten are still counted when they
// are fetched, but as calls of their own, and their exposure stays. The zero pendings are ready.
type pendings struct {
	mu    sync.Mutex
	calls bounded[pending]
}

// A pending is a call, and what is needed to price its result.
type pending struct {
	call    wire.Call    // what the request asked for
	row     ledger.Row   // the attempt's, as the ledger has it
	tracked *policy.Call // the tracker to which the attempt was reported; nil if there is none
	most    price.Pico   // the most that it can cost,
	noBound error        // or why there is no bound
	counted bool         // its usage has been counted
	alone   bool         // that was before the call was known here: by a row of the request for its result
}

// add remembers a call, and reports whether its result has been counted already, by the row of the request for it.
func (p *pendings) add(id string, c pending) (counted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calls.values[id].alone {
		return true
	}
	p.calls.put(id, c)
	return false
}

// resolved notes that the cost of an attempt is known, so that its answer does not count again.
func (p *pendings) resolved(call string, attempt int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, c := range p.calls.values {
		if c.row.Call == call && c.row.Attempt == attempt {
			c.counted = true
			p.calls.values[id] = c
		}
	}
}

// find returns the call whose result a request asks for, if it is remembered.
func (p *pendings) find(id string) (c pending, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok = p.calls.values[id]
	return c, ok
}

// ended returns the call whose result was fetched, and whether that says something new of it. A call that another process
// made is not known here; its answer counts as a call of its own, once.
func (p *pendings) ended(answer *wire.Answer) (c pending, known, isNew bool) {
	id := answer.ResponseID
	if id == "" || answer.Pending {
		return c, false, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c, known = p.calls.values[id]
	if c.counted || !answer.Background && !(known && answer.HasUsage) || !known && !answer.HasUsage {
		return c, known, false
	}
	now := c
	now.counted, now.alone = answer.HasUsage, !known
	p.calls.put(id, now)
	return c, known, true
}
