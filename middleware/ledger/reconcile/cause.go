package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/policy/price"
)

// causes returns the possible causes of the residual, the likeliest first.
func (c *comparison) causes(k key, g *group) []Cause {
	r, tol := g.residual(), c.tolerance(g)
	switch {
	case r.Sign() == 0:
		return nil
	case within(r, tol):
		return []Cause{{causeRounding, r, true, fmt.Sprintf("the bill is rounded: $%s is within $%s", r, tol)}}
	case k.model == "" && !c.whole && g.Ours.Sign() == 0:
		return []Cause{{causeItems, g.Billed, true, fmt.Sprintf("the bill has items without a model, which we do not count: %s", g.itemText())}}
	}
	found := g.exact(r, tol)
	if r.Sign() > 0 && len(g.open) > 0 {
		found = append(found, g.exposed(r, tol))
	}
	if shifted, ok := c.shifted(k, g, r, tol); ok {
		found = append(found, shifted)
	}
	if r.Sign() > 0 && g.unbounded > 0 {
		found = append(found, Cause{causeUnpriced, r, true, fmt.Sprintf("%s of unknown cost, for which there is no bound", count(g.unbounded, "row"))})
	}
	if !slices.ContainsFunc(found, func(c Cause) bool { return c.Covers }) {
		found = append(found, c.unexplained(g, r)...)
	}
	slices.SortStableFunc(found, compareCauses)
	return found
}

// compareCauses sorts the causes that cover the residual before the others: the first by kind, the others by how much they
// explain.
func compareCauses(a, b Cause) int {
	switch {
	case a.Covers && !b.Covers:
		return -1
	case b.Covers && !a.Covers:
		return 1
	case a.Covers:
		return cmp.Compare(slices.Index(causeKinds[:], a.Kind), slices.Index(causeKinds[:], b.Kind))
	}
	return abs(b.Explains).Cmp(abs(a.Explains))
}

// exposed returns the cause that open attempts were billed.
func (g *group) exposed(r, tol price.Sum) Cause {
	covers := r.Minus(g.openMost).Cmp(tol) <= 0
	text := fmt.Sprintf("%s of unknown cost may have cost $%s", count(int64(len(g.open)), "attempt"), g.openMost)
	if covers {
		text += ", which covers the residual"
	}
	return Cause{causeExposure, g.openMost, covers, text}
}

// unexplained returns the cause of what no other cause covers.
func (c *comparison) unexplained(g *group, r price.Sum) []Cause {
	if r.Sign() < 0 {
		if g.lines == 0 {
			return []Cause{{causeNotBilled, r, true, "the bill has nothing of this model: it may not be complete, or the calls were free or are on another bill"}}
		}
		return nil
	}
	rest := r.Minus(g.openMost)
	text := fmt.Sprintf("calls that did not pass through us: $%s", rest)
	switch {
	case c.whole:
		text = fmt.Sprintf("calls that did not pass through us, or items that we do not count: $%s", rest)
	case g.Rows == 0:
		text = fmt.Sprintf("no call of this model passed through us: $%s", rest)
	}
	return []Cause{{causeElsewhere, rest, g.openMost.Sign() == 0, text}}
}

// exact returns the causes whose amount is the residual itself, up to the tolerance.
func (g *group) exact(r, tol price.Sum) (found []Cause) {
	a := &g.alts
	claim := func(kind string, amount price.Sum, text string) {
		if matches(r, amount, tol) {
			found = append(found, Cause{kind, amount, true, text})
		}
	}
	if a.priced > 0 && a.reported == a.priced {
		claim(causePrices, g.Reported.Minus(g.Ours), "the bill is what the answers reported: our prices are not those that are charged")
	}
	for from := range a.tier {
		var to []string
		var amount price.Sum
		for i, more := range a.tier[from] {
			if a.has[from] > 0 && !a.not[from][i] && i != from && matches(r, more, tol) {
				to, amount = append(to, string(billable[i])), more
			}
		}
		if len(to) > 0 {
			claim(causeTier, amount, fmt.Sprintf("%s that we read as %s: billed as %s", count(a.has[from], "call"), billable[from], strings.Join(to, " or ")))
		}
	}
	if cost, ok := a.plain.Pico(); ok {
		claim(causeRegional, sumOf(cost/10), "the residual is a tenth of our cost: the uplift of a regional host, which we did not apply")
	}
	claim(causeRegional, negative(a.uplift), "the residual is the uplift of a regional host, which we applied and the provider did not")
	claim(causeCaching, a.cached, "cached tokens are billed at the price of others")
	claim(causeTools, negative(a.tools), "our cost holds tools, which the bill has in lines of their own")
	return found
}

// matches reports whether the residual is the amount, up to the tolerance. The amount itself must be more than that.
func matches(r, amount, tol price.Sum) bool {
	return within(r.Minus(amount), tol) && !within(amount, tol)
}

// shifted returns the cause that calls near midnight were billed on another day than the rows have. It is no cause if the day
// on the other side does not show it, by a residual of the other sign.
func (c *comparison) shifted(k key, g *group, r, tol price.Sum) (Cause, bool) {
	var most price.Sum
	for side := range 2 {
		other := k.neighbour(side)
		h := c.groups[other]
		var cost price.Sum
		switch {
		case r.Sign() < 0:
			cost = g.near[side].cost
		case h != nil:
			cost = h.near[1-side].cost
		}
		if c.covered[other.day] {
			if h == nil || c.even(other) || h.residual().Sign() == r.Sign() {
				continue
			}
		}
		most.AddSum(cost)
	}
	if abs(r).Minus(most).Cmp(tol) > 0 || within(most, tol) {
		return Cause{}, false
	}
	text := fmt.Sprintf("calls within %s of midnight cost $%s, and may be billed on the other day", c.c.Boundary, most)
	if r.Sign() < 0 {
		most = negative(most)
	}
	return Cause{causeMidnight, most, true, text}, true
}

// itemText returns what the bill has by kind.
func (g *group) itemText() string {
	var parts []string
	for _, kind := range [...]string{kindTool, kindStorage, kindOther} {
		if sum, ok := g.items[kind]; ok {
			parts = append(parts, fmt.Sprintf("%s $%s", kind, sum))
		}
	}
	return strings.Join(parts, ", ")
}
