package middleware

import (
	"cmp"
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

// remember remembers a call that the provider works on after it has answered it, and one whose answer may be fetched again.
// It reports whether its result was fetched, and counted, before its own answer had been read: the call then has a row, and
// that of the attempt must not count it again. What other sends of the request may have cost stays.
func (a *attempt) remember() (counted bool) {
	c, answer := a.c, &a.reader.Answer
	if answer.ResponseID == "" || !answer.Background && !c.wire.Background || !answer.Pending && !answer.HasUsage {
		return false
	}
	p := pending{call: c.wire, row: a.row, tracked: c.options.Tracked(), counted: !answer.Pending}
	p.most, p.noBound = a.account().most(a.row.AskedTier)
	if !c.engine.pending.add(answer.ResponseID, p) {
		return false
	}
	others := a.row.Exposure.Pico - p.most
	a.row.Usage, a.row.Unpriced, a.row.PriceID = price.Usage{}, "", ""
	a.row.List, a.row.Implicit, a.row.Explicit, a.row.Exposure = ledger.Amount{}, ledger.Amount{}, ledger.Amount{}, ledger.Amount{}
	free(&a.row)
	if p.noBound == nil && others > 0 {
		a.row.Exposure = ledger.Known(others)
	}
	c.exposure = a.row.Exposure
	return true
}

// adopt makes the request for the result of an earlier call be read as that call's: what was asked for decides what the
// counts of the answer mean.
func (a *attempt) adopt(id string) {
	if p, ok := a.c.engine.pending.find(id); ok {
		w, shape, stream := &a.c.wire, a.c.wire.Shape, a.c.wire.Stream
		*w = p.call
		w.Kind, w.Shape, w.Stream = wire.Poll, shape, stream
	}
}

// count counts the result of an earlier call, if it is the first to say what that used. Its row replaces the one of the
// attempt that began the work.
func (a *attempt) count(err error) {
	c, answer := a.c, &a.reader.Answer
	p, known, isNew := c.engine.pending.ended(answer)
	switch {
	case !isNew || !answer.HasUsage && p.row.Settles: // its row says already that the usage is not known
	case !known:
		c.emit(&a.row)
		c.options.Tracked().Report(reportOf(&a.row, err))
	default:
		row := p.settled(&a.row, answer, c.engine.book.Catalog())
		report := reportOf(&row, err)
		tracked := c.options.Tracked()
		if p.tracked != nil {
			tracked, report.Settles = p.tracked, true
			report.Exposure -= p.row.Exposure.Pico
		}
		if p.row = row; !answer.HasUsage {
			c.engine.pending.add(answer.ResponseID, p)
		}
		c.emit(&row)
		tracked.Report(report)
	}
}

// settled returns the row that replaces the call's, now that its result is known. fetched is the row of the request for it.
func (p *pending) settled(fetched *ledger.Row, answer *wire.Answer, prices *price.Catalog) ledger.Row {
	was := &p.row
	row := *was
	row.Settles, row.Outcome, row.ErrorCode, row.ServedModel = true, fetched.Outcome, fetched.ErrorCode, cmp.Or(answer.Model, was.ServedModel)
	row.Usage, row.UsageSource, row.Unpriced, row.Exposure = price.Usage{}, "", "", ledger.Amount{}
	account{call: &p.call, prices: prices, at: was.At, earlier: p}.settle(&row, answer)
	if others := was.Exposure.Pico - p.most; p.noBound == nil && others > 0 { // sends beneath, which are as unknown as before
		row.Exposure = ledger.Known(row.Exposure.Pico + others)
	}
	return row
}
