package reconcile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A CauseKind names what may be the cause of a residual.
type CauseKind string

// The causes, in the order in which those that explain all of a residual are ranked.
const (
	Rounding  CauseKind = "rounding"     // the bill is rounded
	Prices    CauseKind = "prices"       // the bill agrees with what the answers reported, and our prices do not
	TierRead  CauseKind = "tier"         // calls were billed at another tier than we read
	Regional  CauseKind = "regional"     // the uplift of a regional host: not applied by us, or not by the provider
	Caching   CauseKind = "caching"      // cached tokens are billed as uncached ones
	Tools     CauseKind = "tools"        // tools are in our cost, and in the bill in lines of their own
	Exposed   CauseKind = "exposure"     // attempts of unknown cost were billed
	Midnight  CauseKind = "day_boundary" // calls about midnight are billed on the other day
	Unpriced  CauseKind = "unpriced"     // rows whose cost has no bound
	Extras    CauseKind = "items"        // the bill has items of no model: tools, storage
	NotBilled CauseKind = "not_billed"   // the bill has nothing of the model
	Elsewhere CauseKind = "elsewhere"    // calls that did not pass through us
)

var causeKinds = [...]CauseKind{
	Rounding, Prices, TierRead, Regional, Caching, Tools, Exposed, Midnight, Unpriced, Extras, NotBilled, Elsewhere,
}

// A Cause is a likely cause of a residual, as the figures bear it out.
type Cause struct {
	Kind CauseKind `json:"kind"`
	// Explains is how much of the residual it can be, with its sign: for tiers, the uplift, caching, tools and reported
	// prices just what it would be, and for the others the most.
	Explains price.Sum `json:"explains_usd"`
	// Covers says that it can be all of the residual, to the tolerance.
	Covers bool `json:"covers"`
	// Text says it in words.
	Text string `json:"text"`
}

// causes returns what may be the cause of the residual, the likeliest first.
func (c *comparison) causes(k key, g *group) []Cause {
	r, tol := g.residual(), c.tolerance(g)
	switch {
	case r.Sign() == 0:
		return nil
	case within(r, tol):
		return []Cause{{Rounding, r, true, fmt.Sprintf("the bill is rounded: $%s is within $%s", r, tol)}}
	case k.model == "" && !c.whole && g.Ours.Sign() == 0:
		return []Cause{{Extras, g.Billed, true, fmt.Sprintf("the bill has items without a model, which we do not count: %s", g.itemText())}}
	}
	found := g.exact(r, tol)
	if r.Sign() > 0 && len(g.open) > 0 {
		covers := r.Minus(g.bounds).Cmp(tol) <= 0
		text := fmt.Sprintf("%s of unknown cost may have cost $%s", count(int64(len(g.open)), "attempt"), g.bounds)
		if covers {
			text += ", which covers the residual"
		}
		found = append(found, Cause{Exposed, g.bounds, covers, text})
	}
	if shifted, ok := c.shifted(k, g, r, tol); ok {
		found = append(found, shifted)
	}
	if r.Sign() > 0 && g.loose > 0 {
		found = append(found, Cause{Unpriced, r, true, fmt.Sprintf("%s of unknown cost, for which there is no bound", count(g.loose, "row"))})
	}
	covered := slices.ContainsFunc(found, func(c Cause) bool { return c.Covers })
	switch {
	case covered:
	case r.Sign() > 0:
		rest := r.Minus(g.bounds)
		text := fmt.Sprintf("calls that did not pass through us: $%s", rest)
		switch {
		case c.whole:
			text = fmt.Sprintf("calls that did not pass through us, or items that we do not count: $%s", rest)
		case g.Rows == 0:
			text = fmt.Sprintf("no call of this model passed through us: $%s", rest)
		}
		found = append(found, Cause{Elsewhere, rest, g.bounds.Sign() == 0, text})
	case g.lines == 0:
		found = append(found, Cause{NotBilled, r, true, "the bill has nothing of this model: it may not be complete, or the calls were free or are on another bill"})
	}
	slices.SortStableFunc(found, func(a, b Cause) int {
		if a.Covers != b.Covers {
			if a.Covers {
				return -1
			}
			return 1
		}
		if !a.Covers {
			return abs(b.Explains).Cmp(abs(a.Explains))
		}
		return cmp.Compare(slices.Index(causeKinds[:], a.Kind), slices.Index(causeKinds[:], b.Kind))
	})
	return found
}

// exact returns the causes whose figure is the residual itself, to the tolerance.
func (g *group) exact(r, tol price.Sum) (found []Cause) {
	a := &g.alts
	claim := func(kind CauseKind, figure price.Sum, text string) {
		if within(r.Minus(figure), tol) && !within(figure, tol) {
			found = append(found, Cause{kind, figure, true, text})
		}
	}
	if a.priced > 0 && a.reported == a.priced {
		claim(Prices, g.Reported.Minus(g.Ours), "the bill is what the answers reported: our prices are not those that are charged")
	}
	for from := range a.tier {
		var to []string
		var figure price.Sum
		for i := range a.tier[from] {
			if d := a.tier[from][i]; a.has[from] > 0 && !a.not[from][i] && i != from && within(r.Minus(d), tol) && !within(d, tol) {
				to, figure = append(to, string(billable[i])), d
			}
		}
		if len(to) > 0 {
			claim(TierRead, figure, fmt.Sprintf("%s that we read as %s: billed as %s", count(a.has[from], "call"), billable[from], strings.Join(to, " or ")))
		}
	}
	if cost, ok := a.plain.Pico(); ok {
		claim(Regional, sumOf(cost/10), "the residual is a tenth of our cost: the uplift of a regional host, which we did not apply")
	}
	claim(Regional, price.Sum{}.Minus(a.uplift), "the residual is the uplift of a regional host, which we applied and the provider did not")
	claim(Caching, a.cached, "cached tokens are billed at the price of others")
	claim(Tools, price.Sum{}.Minus(a.tools), "our cost holds tools, which the bill has in lines of their own")
	return found
}

// shifted is the cause that calls about midnight were billed on another day than we have them on. It is none where the
// day on the other side does not show it, by a residual of the other sign.
func (c *comparison) shifted(k key, g *group, r, tol price.Sum) (Cause, bool) {
	var most price.Sum
	for side := range 2 {
		other := neighbour(k, side)
		h := c.groups[other]
		var cost price.Sum
		switch {
		case r.Sign() < 0:
			cost = g.near[side]
		case h != nil:
			cost = h.near[1-side]
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
	text := fmt.Sprintf("calls within %s of midnight cost $%s, and may be billed on the other day", c.opt.Boundary, most)
	if r.Sign() < 0 {
		most = price.Sum{}.Minus(most)
	}
	return Cause{Midnight, most, true, text}, true
}

// itemText says what the bill has by kind.
func (g *group) itemText() string {
	var parts []string
	for _, kind := range [...]Kind{Tool, Storage, Other} {
		if sum, ok := g.items[kind]; ok {
			parts = append(parts, fmt.Sprintf("%s $%s", kind, sum))
		}
	}
	return strings.Join(parts, ", ")
}

// count is "1 row" or "2 rows".
func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
