package middleware

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// price works out what the answer cost.
func (a *attempt) price() {
	c, answer, row := &a.r.call, &a.reader.Answer, &a.row
	if answer.HasReported {
		row.Reported = ledger.Known(answer.Reported)
	}
	switch {
	case c.Kind == wire.Free:
		row.UsageSource, row.Cost = ledger.None, ledger.Known(0)
		return
	case !answer.HasUsage:
		a.expose(cmp.Or(answer.Problem, c.Unpriced, answer.Extras, "the answer does not say what was used"))
		return
	}
	row.Usage, row.UsageSource = answer.Usage, ledger.Measured
	if answer.Problem != "" {
		row.UsageSource = ledger.Unknown
		a.expose(answer.Problem)
		return
	}
	row.ServedTier = a.servedTier()
	if row.ServedTier == "" {
		a.expose("the answer does not say which tier served")
		return
	}
	q := a.query(a.r.priceTier(row.ServedTier))
	if answer.Model != "" {
		q.Model = answer.Model
	}
	cost, err := a.r.engine.book.Catalog().Cost(q, answer.Usage)
	switch why := cmp.Or(c.Unpriced, answer.Extras, a.tools()); {
	case err != nil:
		a.expose(cmp.Or(why, reasonOf(err)))
		return
	case c.Operation == wire.CreateCache && why != "":
		row.Unpriced, row.Exposure = why, ledger.Known(cost.Cost)
		return
	case why != "":
		a.expose(why)
		return
	}
	row.Cost, row.PriceID = ledger.Known(cost.Cost), cost.PriceID
	if c.Running && row.Outcome == policy.Partial {
		a.exposeRest()
	}
	switch {
	case c.Operation == wire.CreateCache:
		row.List = ledger.Known(0) // without caching it would not have been made
	case cost.ListKnown:
		row.List = ledger.Known(cost.List)
	}
	if saved := cost.Uncached - cost.Cost; saved == 0 {
	} else if row.Cache == "" {
		row.Implicit = ledger.Known(saved)
	} else {
		row.Explicit = ledger.Known(saved)
	}
}

// tools says that the cost of the tokens may not be all, if that is so.
func (a *attempt) tools() string {
	if a.r.call.Tools <= wire.CountedTools {
		return ""
	}
	return "the model may have used tools that are charged for"
}

// servedTier returns the tier that served: the one that the answer names, or if it names none the one that cannot but
// have served; "" if nobody can say.
func (a *attempt) servedTier() policy.Tier {
	asked := a.row.AskedTier
	switch {
	case a.reader.Answer.Tier != "":
		return a.reader.Answer.Tier
	case asked == "" || asked == policy.Standard || asked == "auto":
		return policy.Standard
	case slices.Contains(a.r.call.Strict, asked) || a.r.call.OnePrice:
		return asked
	}
	return ""
}

func (a *attempt) query(tier string) price.Query {
	c := &a.r.call
	return price.Query{Provider: cmp.Or(c.Prices, c.Provider), Model: c.Model, Tier: tier, At: a.start, Regional: c.Regional}
}

// expose notes that the cost is unknown, and the most that it can be.
func (a *attempt) expose(why string) {
	a.row.Unpriced = why
	if a.row.UsageSource == "" {
		a.row.UsageSource = ledger.Unknown
	}
	a.exposeMost()
	if row := &a.row; a.r.call.Fees != wire.NoTools && row.Exposure.Known && row.Exposure != row.Reported {
		row.Unpriced += "; the exposure is without what tools may have cost"
	}
}

// exposeMost notes as exposure what the attempt can cost at most.
func (a *attempt) exposeMost() {
	if a.row.Reported.Known && a.row.Outcome == policy.Billed {
		a.row.Exposure = a.row.Reported
	} else if most, err := a.r.bound(a.row.AskedTier, a.start); err == nil {
		a.row.Exposure = ledger.Known(most)
	}
}

// exposeRest notes that the cost is of what had been used when the stream was cut, and as exposure what may have been
// used beyond it.
func (a *attempt) exposeRest() {
	a.row.UsageSource = ledger.Estimated
	a.exposeMost()
	if rest := a.row.Exposure.Pico - a.row.Cost.Pico; a.row.Exposure.Known && rest >= 0 {
		a.row.Exposure = ledger.Known(rest)
	}
}

// exposeOthers adds to the exposure what was sent before the answer by something that stands beneath, and may have been
// billed, too. What net/http's own transport sends again of itself is free.
func (a *attempt) exposeOthers() {
	others := a.trace.Writes() - a.void - 1
	if a.sender.bare || others <= 0 || a.r.call.Kind == wire.Free {
		return
	}
	most, err := a.r.bound(a.row.AskedTier, a.start)
	if err == nil && most <= math.MaxInt64/price.Pico(others+1) {
		a.row.Exposure = ledger.Known(a.row.Exposure.Pico + most*price.Pico(others))
	}
}

func reasonOf(err error) string {
	var u *price.Unpriced
	if errors.As(err, &u) {
		return u.Reason
	}
	return err.Error()
}
