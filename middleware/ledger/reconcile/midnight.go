package reconcile

import (
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// near says at which ends of its day a call was under way, or nearly so.
func (c *comparison) near(r *ledger.Row) (near [2]bool) {
	begin := dayOf(r.At).begin()
	done := r.At.Add(time.Duration(min(max(r.LatencyMS, 0), 1000*daySecs)) * time.Millisecond)
	near[start] = r.At.Sub(begin) < c.opt.Boundary
	near[end] = begin.AddDate(0, 0, 1).Sub(done) < c.opt.Boundary
	if r.Outcome == policy.Billed && r.UsageSource == ledger.Unknown {
		near[end] = true // what runs in the background is still to end
	}
	return near
}

// final says whether the bill tells all of the day.
func (c *comparison) final(d day) bool {
	return c.covered[d] && (c.opt.Complete.IsZero() || !(d + 1).begin().After(c.opt.Complete))
}

// even says whether the bill is what we say, to its rounding. Of a day that the bill does not tell, nobody knows.
func (c *comparison) even(k key) bool {
	if !c.final(k.day) {
		return false
	}
	g := c.groups[k]
	return g == nil || within(g.residual(), c.tolerance(g))
}

// evident is how many times the rounding of a day the calls about midnight have to be, for it to show that none of them was
// billed on the other day. With fewer, what came from one side could hide what went to the other.
const evident = 1000

// quiet says that nothing was billed on the other side of a day's end, up to the slack: there was no call near it, or the
// day on that side is even, which it would not be.
func (c *comparison) quiet(k key, side int) (slack price.Sum, ok bool) {
	g, other := c.groups[k], neighbour(k, side)
	h := c.groups[other]
	if h == nil {
		h = new(group)
	}
	if !g.busy[side] && !h.busy[1-side] {
		return price.Sum{}, true
	}
	slack = c.tolerance(h)
	moving, least := g.stir[side], price.Sum{}
	moving.AddSum(h.stir[1-side])
	for range evident {
		least.AddSum(slack)
	}
	slack.AddSum(abs(h.residual()))
	return slack, c.even(other) && moving.Cmp(least) >= 0
}

// neighbour is the same model on the day before, or on the day after.
func neighbour(k key, side int) key {
	if side == start {
		return key{k.day - 1, k.model}
	}
	return key{k.day + 1, k.model}
}
