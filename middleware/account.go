package middleware

import (
	"cmp"
	"errors"
	"fmt"
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
//
// A row that it has settled says what the attempt cost, or why that is not known. What is not known has an exposure, or the
// row says why it has no bound.
type account struct {
	call   *wire.Call
	cache  string // the context cache that was put into the request
	input  *input
	prices *price.Catalog
	at     time.Time // when the attempt started
	errand *errand   // nil: the call is the program's
	stored *caches   // of a call that changes how long a context cache is held

	holding *wire.Holding // what the request says about that; nil: nothing, or it was not read
	marked  bool          // we chose what of the prompt is in a prompt cache

	longWrites bool // we ask for writes to the prompt cache for more than the shortest time

	earlier *pending // the call whose result was fetched; nil for any other attempt
}

// settle writes the cost of a 2xx answer into the row, or why it is not known and the most that it can be.
func (a account) settle(row *ledger.Row, answer *wire.Answer) {
	if answer.HasReported {
		row.Reported = ledger.Known(answer.Reported)
	}
	switch {
	case a.call.Kind == wire.Free:
		free(row)
		return
	case !answer.HasUsage || answer.Pending: // what work in progress has used so far is not what it costs
		a.expose(row, cmp.Or(a.waits(answer), answer.Problem, a.call.Unpriced, answer.Extras, "the answer does not say what was used"))
		return
	}
	row.Usage, row.UsageSource = answer.Usage, ledger.Measured
	if (a.call.Running || answer.Running) && row.Outcome == policy.Partial {
		row.UsageSource = ledger.Estimated // it is that of the part that arrived
	}
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
	if answer.Usage.Prompt() == 0 && (answer.Usage.Output > 0 || row.Outcome == policy.Partial) { // some hosts write zero for what they do not know
		a.expose(row, cmp.Or(a.call.Unpriced, answer.Extras, "the answer says that the prompt had no tokens"))
		return
	}
	a.price(row, answer)
}

// waits returns why an answer has no usage if its result is fetched later; "" if it is not.
func (a account) waits(answer *wire.Answer) string {
	if answer.Pending && (answer.Background || a.call.Background) {
		return "it runs in the background: what it costs is known when its answer is fetched"
	}
	return ""
}

// price writes the cost of a usage at a known tier into the row.
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
	case answer.WindowUnknown && row.ServedTier == policy.Standard && a.sellsWindows(q, answer.Usage):
		row.Unpriced = "another process made the call, and the answer does not say within which completion window it was to be done"
		row.Exposure = ledger.Known(cost.Cost)
		return
	}
	if row.UsageSource == ledger.Estimated && !a.exposeRest(row, cost.Cost) {
		return
	}
	row.Cost, row.PriceID = ledger.Known(cost.Cost), cost.PriceID
	switch {
	case a.call.Operation == wire.CreateCache:
		row.List = ledger.Known(0) // without caching it would not have been made
	case cost.ListKnown:
		row.List = ledger.Known(cost.List)
	}
	a.saved(row, cost.Uncached-cost.Cost)
}

// saved writes into the row what caches have saved.
func (a account) saved(row *ledger.Row, saved price.Pico) {
	switch {
	case saved == 0:
	case row.Cache == "" && !a.marked:
		row.Implicit = ledger.Known(saved)
	default:
		row.Explicit = ledger.Known(saved)
	}
}

// sellsWindows reports whether a model has prices for completion windows.
func (a account) sellsWindows(q price.Query, u price.Usage) bool {
	q.Tier = "window_8h"
	_, err := a.prices.Cost(q, u)
	return err == nil
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
	case a.call.NotRead && a.call.Tiers != nil:
		return ""
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

// expose writes into the row why the cost is not known, and the most that it can be. If that has no bound, the row says why.
func (a account) expose(row *ledger.Row, why string) {
	if a.call.Kind == wire.Free {
		free(row)
		return
	}
	if row.UsageSource == "" {
		row.UsageSource = ledger.Unknown
	}
	if row.Reported.Known && row.Outcome == policy.Billed {
		row.Unpriced, row.Exposure = why, row.Reported
		return
	}
	most, err := a.most(row.AskedTier)
	if err != nil {
		row.Unpriced, row.Exposure = why+unbounded(err), ledger.Amount{}
		return
	}
	row.Unpriced, row.Exposure = why, ledger.Known(most)
	if a.call.Fees != wire.NoTools {
		row.Unpriced += "; the exposure is without what tools may have cost"
	}
}

// unbounded returns what a row that has no exposure says of that.
func unbounded(err error) string { return ", and what it may cost has no bound: " + reasonOf(err) }

// most returns the most that the attempt can cost. The result of an earlier call can cost what that call could.
func (a account) most(asked policy.Tier) (price.Pico, error) {
	if a.earlier == nil {
		return a.bound(asked)
	}
	return a.earlier.most, a.earlier.noBound
}

// exposeRest writes into the row what the rest of a cut stream can have cost, if what is known to have been used costs that
// much. If the rest has no bound, the whole cost is unknown, and exposeRest returns false.
func (a account) exposeRest(row *ledger.Row, known price.Pico) bool {
	most, err := a.most(row.AskedTier)
	if err != nil {
		row.Unpriced = fmt.Sprintf("the stream was cut after $%s of its cost", known) + unbounded(err)
		return false
	}
	if most >= known {
		most -= known
	}
	row.Exposure = ledger.Known(most)
	return true
}

// exposeOthers adds to the row's exposure what other sends of the request, by something beneath the chain, can have cost. If
// that has no bound, the whole cost is unknown.
func (a account) exposeOthers(row *ledger.Row, times int) {
	if times <= 0 || a.call.Kind == wire.Free || a.call.Kind == wire.Poll {
		return
	}
	most, err := a.most(row.AskedTier)
	if err == nil && most > (math.MaxInt64-row.Exposure.Pico)/price.Pico(times) {
		err = errors.New("it is more than can be counted")
	}
	switch {
	case err == nil && (row.Unpriced == "" || row.Exposure.Known):
		row.Exposure = ledger.Known(row.Exposure.Pico + most*price.Pico(times))
	case err != nil:
		a.disown(row, times, err)
	}
}

// disown writes into the row that its cost is unknown, because something beneath the chain sent the request more often.
func (a account) disown(row *ledger.Row, times int, err error) {
	why := fmt.Sprintf("something beneath sent it %d more times", times)
	switch {
	case row.Cost.Known:
		row.Unpriced = fmt.Sprintf("the answer costs $%s, but %s", row.Cost.Pico, why) + unbounded(err)
	case row.Exposure.Known:
		row.Unpriced += "; " + why + unbounded(err)
	default:
		row.Unpriced += "; " + why // it says already that it has no bound
	}
	row.Cost, row.List, row.Implicit, row.Explicit, row.Exposure = ledger.Amount{}, ledger.Amount{}, ledger.Amount{}, ledger.Amount{}, ledger.Amount{}
	row.PriceID = ""
}

func reasonOf(err error) string {
	var u *price.Unpriced
	if errors.As(err, &u) {
		return u.Reason
	}
	return err.Error()
}
