package middleware

import (
	"cmp"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

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
