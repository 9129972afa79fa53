package reconcile

import "github.com/skinflint-go/skinflint/policy/price"

// The rules by which a bill resolves attempts: see [Resolution].
const (
	ruleNothing    = "nothing"
	ruleTheOne     = "the_one"
	ruleEverything = "everything"
)

// resolve returns what the bill resolves in the group. It resolves nothing that could also be otherwise.
//
// The residual is what the open attempts were billed, if it contains nothing else. The rules the_one and everything need a
// residual that cannot contain anything else. They assume that the bill is only for calls of the ledger, and require that:
//
//   - the bill names models;
//   - no row has an unknown cost without a bound;
//   - no other cause equals the residual;
//   - no row of unknown cost may be billed under any model;
//   - there are no tools, which are billed in other lines;
//   - no call was near a midnight, unless the day beyond it is even and has no attempt of unknown cost near it.
//
// The rule nothing only requires that no such call is the open attempt itself: costs are not negative, so if they add up to
// nothing, each of them is nothing. Nothing is resolved if there are credits or items that are not understood, and for a model
// that the bill never names, because the bill may have another name for it. A background call may have ended after a midnight.
func (c *comparison) resolve(k key, g *group) []Resolution {
	if len(g.open) == 0 || !c.resolvable(k, g) {
		return nil
	}
	s := solution{k: k, tolerance: c.tolerance(g)}
	for side := range s.unmoved {
		s.slack[side], s.unmoved[side] = c.unmoved(k, side)
	}
	r := g.residual()
	rest := g.openMost.Minus(r)
	zero, full := within(r, s.tolerance), within(rest, s.tolerance)
	switch {
	case zero && full: // the bill is too coarse to distinguish nothing from everything
	case zero:
		if !g.tools {
			s.nothing(g.open, abs(r))
		}
	case !c.sure(k, g) || s.unmoved != [2]bool{true, true}:
	case full:
		s.everything(g.open, abs(rest))
	case len(g.open) == 1 && r.Sign() > 0 && rest.Sign() > 0:
		if p, ok := r.Pico(); ok {
			s.add(&g.open[0], p, ruleTheOne, price.Sum{})
		}
	}
	return s.found
}

// resolvable reports whether anything of the group can be resolved.
func (c *comparison) resolvable(k key, g *group) bool {
	return !g.unsure && g.named && !c.odd[k.day].other && (k.model != "" || c.whole) && c.complete(k.day)
}

// sure reports whether a residual other than zero can only come from the open attempts, or from calls near midnight.
func (c *comparison) sure(k key, g *group) bool {
	odd := c.odd[k.day]
	unmatched := odd.unmatched
	for side := range 2 {
		other := k.neighbour(side)
		unmatched = unmatched || c.odd[other.day].unmatched
		if h := c.groups[other]; h != nil {
			// Its cost is not in ours, so its day stays even when it is billed on this one.
			unmatched = unmatched || h.near[1-side].open
		}
	}
	return !c.whole && g.unbounded == 0 && !g.tools && !odd.tools && !unmatched &&
		len(g.exact(g.residual(), c.tolerance(g))) == 0
}

// A solution collects the resolutions of one group.
type solution struct {
	k         key
	tolerance price.Sum
	unmoved   [2]bool      // nothing was billed on the other side of that end of the day,
	slack     [2]price.Sum // up to this
	found     []Resolution
}

// nothing resolves attempts by the rule of that name. The residual is off from zero by that much.
func (s *solution) nothing(open []attempt, off price.Sum) {
	for i := range open {
		if a := &open[i]; (!a.near[start] || s.unmoved[start]) && (!a.near[end] || s.unmoved[end]) {
			s.add(a, 0, ruleNothing, off)
		}
	}
}

// everything resolves attempts by the rule of that name. The residual is off from their exposure by that much.
func (s *solution) everything(open []attempt, off price.Sum) {
	for i := range open {
		s.add(&open[i], open[i].exposure, ruleEverything, off)
	}
}

// add resolves an attempt, which cost that much more than is known.
func (s *solution) add(a *attempt, more price.Pico, rule string, off price.Sum) {
	off.AddSum(s.tolerance)
	for side := range s.slack {
		if rule != ruleNothing || a.near[side] {
			off.AddSum(s.slack[side])
		}
	}
	s.found = append(s.found, Resolution{a.call, a.number, s.k.day.begin(), s.k.model, a.known + more, off, rule})
}
