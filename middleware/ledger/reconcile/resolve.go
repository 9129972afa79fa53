package reconcile

import (
	"errors"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Resolution is what an attempt of unknown cost has cost, as a bill settles it.
type Resolution struct {
	Call    string    `json:"call"`
	Attempt int       `json:"attempt"`
	Day     time.Time `json:"day"`
	Model   string    `json:"model,omitzero"`
	// Cost is what the attempt has cost in all: what was known of it, and its part of the residual.
	Cost price.Pico `json:"cost_usd"`
	// Off is how far from the truth Cost can be, as the bill is rounded. It is one figure for all the attempts of a day
	// and model, which together are not further off than that.
	Off price.Sum `json:"off_usd"`
	// Why is the rule that settled it.
	Why Why `json:"why"`
}

// Why is a rule by which a bill settles what attempts have cost.
type Why string

const (
	// Nothing: the residual is zero, so that nothing was billed beyond what is known.
	Nothing Why = "nothing"
	// TheOne: there is one such attempt, and the residual is between zero and the most that it can have cost.
	TheOne Why = "the_one"
	// Everything: the residual is the most that all such attempts can have cost together, so each has cost its most.
	Everything Why = "everything"
)

// resolve returns what the bill settles in the group, and nothing that could also be otherwise.
//
// The residual is what the open attempts were billed if nothing else is in it. TheOne and Everything therefore take that
// the bill is only of calls that passed through us, and they want a residual that cannot be anything else: a bill that
// names models; no row without a bound; no other cause that is equal to the residual; no row that may be billed under any
// model; no tools, which are billed elsewhere; no call near a midnight beyond which the bill is not
// even; and beyond it no attempt of unknown cost that is near. For Nothing
// it is enough that no such call is itself the open one: costs are not negative, and add up to nothing. Credits, items that
// are not understood and calls of the background that ended on another day let nothing be settled, nor does a model that
// the bill never names, as it may have another name for it.
func (c *comparison) resolve(k key, g *group) (settled []Resolution) {
	odd := c.odd[k.day]
	if len(g.open) == 0 || g.unsure || !g.named || odd.other || k.model == "" && !c.whole || !c.final(k.day) {
		return nil
	}
	r, tol := g.residual(), c.tolerance(g)
	rest := g.bounds.Minus(r)
	zero, full := within(r, tol), within(rest, tol)
	before, quietStart := c.quiet(k, start)
	after, quietEnd := c.quiet(k, end)
	sure := quietStart && quietEnd && c.sure(k, g, odd)
	settle := func(a *attempt, more price.Pico, why Why, off price.Sum) {
		off.AddSum(tol)
		if why != Nothing || a.near[start] {
			off.AddSum(before)
		}
		if why != Nothing || a.near[end] {
			off.AddSum(after)
		}
		settled = append(settled, Resolution{a.call, a.number, k.day.begin(), k.model, a.known + more, off, why})
	}
	switch {
	case zero && full:
		// Nothing and everything are the same to a bill as coarse as this one.
	case zero && !g.tools:
		for i := range g.open {
			if a := &g.open[i]; (!a.near[start] || quietStart) && (!a.near[end] || quietEnd) {
				settle(a, 0, Nothing, abs(r))
			}
		}
	case !sure:
	case full:
		for i := range g.open {
			settle(&g.open[i], g.open[i].exposure, Everything, abs(rest))
		}
	case len(g.open) == 1 && r.Sign() > 0 && rest.Sign() > 0:
		if p, ok := r.Pico(); ok {
			settle(&g.open[0], p, TheOne, price.Sum{})
		}
	}
	return settled
}

// sure says that a residual that is not zero can be of nothing but the open attempts, or calls about midnight.
func (c *comparison) sure(k key, g *group, odd oddities) bool {
	stray := odd.stray
	for side := range 2 {
		other := neighbour(k, side)
		stray = stray || c.odd[other.day].stray
		if h := c.groups[other]; h != nil {
			// What is not in our cost leaves its day even when it is billed on this one.
			stray = stray || h.hangs[1-side]
		}
	}
	return !c.whole && g.loose == 0 && !g.tools && !odd.tools && !stray &&
		len(g.exact(g.residual(), c.tolerance(g))) == 0
}

// Apply tells the ledger what a report has settled. It goes on after an error, and returns all of them: one for each
// attempt that the ledger does not have open, and was not settled.
func Apply(to ledger.Resolver, settled []Resolution) error {
	var errs []error
	for i := range settled {
		s := &settled[i]
		if err := to.Resolve(s.Call, s.Attempt, s.Cost); err != nil {
			errs = append(errs, fmt.Errorf("reconcile: attempt %d of call %q: %w", s.Attempt, s.Call, err))
		}
	}
	return errors.Join(errs...)
}
