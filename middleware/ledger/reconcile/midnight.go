package reconcile

import "github.com/skinflint-go/skinflint/policy/price"

// A provider may bill a call on the day on which it ended, or on which it was counted. The functions of this file find out
// whether calls near midnight can have moved an amount from one day to the other.

// complete reports whether the bill has all amounts of the day.
func (c *comparison) complete(d day) bool {
	return c.covered[d] && (c.c.Complete.IsZero() || !(d + 1).begin().After(c.c.Complete))
}

// even reports whether the bill equals the rows, up to its rounding. It returns false for a day that the bill does not
// cover.
func (c *comparison) even(k key) bool {
	if !c.complete(k.day) {
		return false
	}
	g := c.groups[k]
	return g == nil || within(g.residual(), c.tolerance(g))
}

// evident is how many times the rounding of a day the calls near midnight must cost to prove that none was billed on the
// other day. If they cost less, what moved to one side could be hidden by what moved to the other.
const evident = 1000

// unmoved reports whether no amount was billed on the other side of an end of the day, up to the slack. That is so if there
// was no call near it, or if the day on the other side is even, which a moved amount would prevent.
func (c *comparison) unmoved(k key, side int) (slack price.Sum, ok bool) {
	g, other := c.groups[k], k.neighbour(side)
	h := c.groups[other]
	if h == nil {
		h = new(group)
	}
	if !g.near[side].any && !h.near[1-side].any {
		return price.Sum{}, true
	}
	slack = c.tolerance(h)
	moving, least := g.near[side].most, price.Sum{}
	moving.AddSum(h.near[1-side].most)
	for range evident {
		least.AddSum(slack)
	}
	slack.AddSum(abs(h.residual()))
	return slack, c.even(other) && moving.Cmp(least) >= 0
}
