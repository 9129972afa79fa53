package middleware

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// An account computes what an attempt costs, from the call, the prices and the answer, if there is one. It depends on
// nothing else, and changes only the row that it is given.
type account struct {
	call   *wire.Call
	cache  string // the context cache that was put into the request
	input  *input
	prices *price.Catalog
	at     time.Time // when the attempt started
}

// settle writes the cost of a 2xx answer into the row, or why it is not known and the most that it can be.
func (a account) settle(row *ledger.Row, answer *wire.Answer) {
	if answer.HasReported {
		row.Reported = ledger.Known(answer.Reported)
	}
	switch {
	case a.call.Kind == wire.Free:
		row.UsageSource, row.Cost = ledger.None, ledger.Known(0)
		return
	case !answer.HasUsage:
		a.expose(row, cmp.Or(answer.Problem, a.call.Unpriced, answer.Extras, "the answer does not say what was used"))
		return
	}
	row.Usage, row.UsageSource = answer.Usage, ledger.Measured
	if answer.Problem != "" {
		row.UsageSource = ledger.Unknown
		a.expose(row, answer.Problem)
		return
	}
	row.ServedTier = a.servedTier(row.AskedTier, answer.Tier)
	if row.ServedTier == "" {
		a.expose(row, "the answer does not say which tier served")
		return
	}
	if why := a.writes(answer); why != "" {
		row.UsageSource = ledger.Estimated
		a.expose(row, why)
		return
	}
	a.price(row, answer)
}

// price writes the cost of a measured usage at a known tier into the row.
func (a account) price(row *ledger.Row, answer *wire.Answer) {
	q := a.query(row.ServedTier)
	if answer.Model != "" {
		q.Model = answer.Model
	}
	cost, err := a.prices.Cost(q, answer.Usage)
	switch why := cmp.Or(a.call.Unpriced, answer.Extras, a.tools()); {
	case err != nil:
		a.expose(row, cmp.Or(why, reasonOf(err)))
		return
	case a.call.Operation == wire.CreateCache && why != "":
		row.Unpriced, row.Exposure = why, ledger.Known(cost.Cost)
		return
	case why != "":
		a.expose(row, why)
		return
	}
	row.Cost, row.PriceID = ledger.Known(cost.Cost), cost.PriceID
	if (a.call.Running || answer.Running) && row.Outcome == policy.Partial {
		a.exposeRest(row)
	}
	switch {
	case a.call.Operation == wire.CreateCache:
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

// tools returns why the tokens may not be all that is charged for; "" if they are.
func (a account) tools() string {
	if a.call.Tools <= wire.CountedTools {
		return ""
	}
	return "the model may have used tools that are charged for"
}

// writes returns why it is not known for how long tokens were written to a cache; "" if it is.
func (a account) writes(answer *wire.Answer) string {
	if !answer.TTLAssumed || a.input == nil || !a.input.mixesTTLs(a.call) {
		return ""
	}
	return "the answer does not say for how long it wrote to a cache, and the request may ask for several times"
}

// servedTier returns the tier that served: the one that the answer names or, if it names none, the only one that can have
// served; "" if there are several.
func (a account) servedTier(asked, named policy.Tier) policy.Tier {
	switch {
	case named != "":
		return named
	case asked == "" || asked == policy.Standard || asked == "auto":
		return policy.Standard
	case slices.Contains(a.call.Strict, asked) || a.call.OnePrice:
		return asked
	}
	return ""
}

// query asks for the price of the call's model on a tier.
func (a account) query(tier policy.Tier) price.Query {
	c := a.call
	if c.OnePrice {
		tier = policy.Standard
	}
	return price.Query{Provider: cmp.Or(c.Prices, c.Provider), Model: c.Model, Tier: string(tier), At: a.at, Regional: c.Regional}
}

// free writes into the row that the attempt cost nothing.
func free(row *ledger.Row) { row.UsageSource, row.Cost = ledger.None, ledger.Known(0) }

// expose writes into the row why the cost is not known, and the most that it can be.
func (a account) expose(row *ledger.Row, why string) {
	row.Unpriced = why
	if row.UsageSource == "" {
		row.UsageSource = ledger.Unknown
	}
	a.exposeMost(row)
	if a.call.Fees != wire.NoTools && row.Exposure.Known && row.Exposure != row.Reported {
		row.Unpriced += "; the exposure is without what tools may have cost"
	}
}

// exposeMost writes into the row, as exposure, the most that the attempt can cost.
func (a account) exposeMost(row *ledger.Row) {
	if row.Reported.Known && row.Outcome == policy.Billed {
		row.Exposure = row.Reported
	} else if most, err := a.bound(row.AskedTier); err == nil {
		row.Exposure = ledger.Known(most)
	}
}

// exposeRest marks the cost of a cut stream as an estimate, as its usage is that of the part that arrived. The exposure is
// what the rest can have cost.
func (a account) exposeRest(row *ledger.Row) {
	row.UsageSource = ledger.Estimated
	a.exposeMost(row)
	if rest := row.Exposure.Pico - row.Cost.Pico; row.Exposure.Known && rest >= 0 {
		row.Exposure = ledger.Known(rest)
	}
}

// exposeOthers adds to the row's exposure what other sends of the request, by something beneath the chain, can have cost.
func (a account) exposeOthers(row *ledger.Row, times int) {
	if times <= 0 || a.call.Kind == wire.Free {
		return
	}
	most, err := a.bound(row.AskedTier)
	if err == nil && most <= math.MaxInt64/price.Pico(times+1) {
		row.Exposure = ledger.Known(row.Exposure.Pico + most*price.Pico(times))
	}
}

func reasonOf(err error) string {
	var u *price.Unpriced
	if errors.As(err, &u) {
		return u.Reason
	}
	return err.Error()
}
