package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// bookUnbooked looks for lines that were paid for by the output, and of which the ledger has no row: it was lost, or it is the
// ledger of another batch. A budget would count them as not spent. With -count-output, their rows are made of the output;
// otherwise they are an error.
func (b *batch) bookUnbooked(ctx context.Context) error {
	lines := b.index.unbooked()
	if lines == 0 {
		return nil
	}
	if !b.set.countOutput {
		return b.lostLedger(lines)
	}
	requests, err := b.unbookedRequests(ctx)
	if err != nil {
		return err
	}
	n := 0
	err = b.eachUnbooked(func(a *answer) error {
		b.account.Add(b.rowOf(a, requests[a.ID]))
		if n++; n%1000 == 0 { // the queue of the ledger is bounded
			return b.account.Flush(ctx)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := b.account.Flush(ctx); err != nil {
		return err
	}
	b.progress.say("%s: %d lines are counted by what %s says that they cost", b.set.ledger, lines, b.set.out)
	return nil
}

// lostLedger returns the error that the ledger has no rows of lines that were paid for.
func (b *batch) lostLedger(lines int) error {
	var cost, exposure price.Sum
	unknown := 0
	err := b.eachUnbooked(func(a *answer) error {
		cost.Add(a.Cost.Pico)
		exposure.Add(a.Exposure.Pico)
		if !a.Cost.Known && !a.Exposure.Known {
			unknown++
		}
		return nil
	})
	if err != nil {
		return err
	}
	figure := "$" + cost.String()
	if exposure.Sign() > 0 {
		figure += ", and up to $" + exposure.String() + " more"
	}
	if unknown > 0 {
		figure += fmt.Sprintf(", and what %d of them cost is not known", unknown)
	}
	return fmt.Errorf("-ledger: %s has no rows of %d lines that were paid for according to %s (%s). A budget would not count them, so nothing was sent. "+
		"Correct -ledger, or -name (%s), if it is wrong. If the ledger is lost, -count-output adds what the answers say to it",
		b.set.ledger, lines, b.set.out, figure, b.set.name)
}

// eachUnbooked calls f with each answer of the output of which the ledger has no row.
func (b *batch) eachUnbooked(f func(*answer) error) error {
	return b.output.read(func(_ int, text []byte) error {
		id, _, a, err := decodeAnswer(text)
		if err != nil {
			return err
		}
		if e := b.index.find(id); e == nil || !e.unbooked() {
			return nil
		}
		return f(&a)
	})
}

// unbookedRequests returns the requests of these lines by their ids, without their bodies. The budgets of a policy file may ask for
// a provider or a model, which the output does not have.
func (b *batch) unbookedRequests(ctx context.Context) (map[string]request, error) {
	requests := map[string]request{}
	err := b.eachLine(ctx, func(l line, req request, err error) error {
		if err != nil {
			return nil // check has reported it
		}
		if e := b.index.find(req.id); e != nil && e.line == uint32(l.number) && e.unbooked() {
			req.body = nil
			requests[req.id] = req
		}
		return nil
	})
	return requests, err
}

// rowOf returns a row that says what an answer says. Its time is now, so that it is within the windows of all budgets.
func (b *batch) rowOf(a *answer, req request) ledger.Row {
	r := ledger.Row{
		Call: "output-" + hex.EncodeToString(hashOf(b.set.name+"\x00"+a.ID+"\x00"+a.Request)), Attempt: 1, At: time.Now().UTC(),
		Provider: req.provider, Operation: req.operation, Model: req.model, AskedTier: a.Tier, ServedTier: a.Tier,
		Outcome: policy.Billed, UsageSource: ledger.Unknown, Cost: a.Cost, Exposure: a.Exposure,
		Tags: map[string]string{batchTag: b.set.name, lineTag: tagOf(a.ID)},
	}
	if a.Error != nil {
		r.Outcome = policy.Ambiguous
	}
	if !r.Cost.Known {
		r.Unpriced = "the answer in the output does not say what it cost"
	}
	return r
}
