package reconcile

import (
	"maps"
	"slices"

	"github.com/skinflint-go/skinflint/policy/price"
)

// The ends of a day.
const (
	start = iota
	end
)

// A group is what is compared: of one day and model.
type group struct {
	Figures
	models set
	lines  int64              // of the bill
	items  map[Kind]price.Sum // what the bill says, by kind
	tools  bool               // our cost holds some that the bill has in other lines
	alts   alternatives       // what would be billed in other ways
	near   [2]price.Sum       // the cost of the calls that are near an end of the day
	stir   [2]price.Sum       // the same, with what they may have cost beyond
	busy   [2]bool            // there are calls near it that may cost something
	hangs  [2]bool            // there are calls near it whose cost is not known
	open   []attempt          // whose cost may be settled
	bounds price.Sum          // what they may cost beyond what is known, at most
	loose  int64              // rows that may have cost anything
	told   set                // the calls of the background whose cost rows of the group tell
	unsure bool               // something of it is billed on another day, or taken off
	named  bool               // the bill names the model on some day
}

// An attempt is one whose cost may be settled.
type attempt struct {
	call     string
	number   int
	known    price.Pico // what it has cost for certain
	exposure price.Pico // what it may have cost beyond
	near     [2]bool
	billed   bool // an answer began: a row may tell the cost later
	unpriced bool
}

// oddities are what makes a day's residuals less certain than they look.
type oddities struct {
	tools bool // the bill has lines of tools
	other bool // it has lines that are not understood
	stray bool // we have rows that may be billed under any model
}

// join brings the groups together whose models are compared together.
func (c *comparison) join() {
	keys := c.names.keys()
	billed := make(set)
	for name := range c.names.billed {
		billed[keys[name]] = true
	}
	joined := make(map[key]*group, len(c.groups))
	for _, k := range c.sorted() {
		g := c.groups[k]
		if name, ok := keys[k.model]; ok {
			k.model = name
		}
		if to := joined[k]; to != nil {
			to.add(g)
		} else {
			joined[k] = g
		}
		joined[k].named = billed[k.model] || c.whole
	}
	c.groups = joined
}

// add adds what another group holds.
func (g *group) add(h *group) {
	g.Figures.add(&h.Figures)
	maps.Copy(g.models, h.models)
	g.lines += h.lines
	for kind, sum := range h.items {
		all := g.items[kind]
		all.AddSum(sum)
		g.items[kind] = all
	}
	g.tools = g.tools || h.tools
	g.alts.join(&h.alts)
	for side := range g.near {
		g.near[side].AddSum(h.near[side])
		g.stir[side].AddSum(h.stir[side])
		g.busy[side] = g.busy[side] || h.busy[side]
		g.hangs[side] = g.hangs[side] || h.hangs[side]
	}
	g.open = append(g.open, h.open...)
	g.loose += h.loose
	maps.Copy(g.told, h.told)
	g.unsure = g.unsure || h.unsure
}

// settleBackground takes the attempts out of the open ones whose cost a later row tells, as the ledger does. Where that
// is a row of another group, the exposure that it took back is given to the group that had it.
func (c *comparison) settleBackground() {
	keys := c.sorted()
	teller := make(map[string]*group)
	for _, k := range keys {
		for call := range c.groups[k].told {
			teller[call] = c.groups[k]
		}
	}
	for _, k := range keys {
		g := c.groups[k]
		g.open = slices.DeleteFunc(g.open, func(a attempt) bool {
			t := teller[a.call]
			if t == nil || !a.billed {
				return false
			}
			if a.unpriced {
				g.Unpriced--
			}
			if t == g {
				delete(t.told, a.call)
				return true
			}
			g.Exposure = g.Exposure.Minus(sumOf(a.exposure))
			t.Exposure.Add(a.exposure)
			g.unsure = true
			return true
		})
		for _, a := range g.open {
			g.bounds.Add(a.exposure)
		}
	}
	for _, k := range keys {
		g := c.groups[k]
		g.unsure = g.unsure || len(g.told) > 0
		if (k.model == "" && !c.whole || !g.named) && (len(g.open) > 0 || g.loose > 0) {
			odd := c.odd[k.day]
			odd.stray = true
			c.odd[k.day] = odd
		}
	}
}

func sumOf(p price.Pico) (s price.Sum) {
	s.Add(p)
	return s
}

// abs is the amount without its sign.
func abs(s price.Sum) price.Sum {
	if s.Sign() < 0 {
		return price.Sum{}.Minus(s)
	}
	return s
}

// within says whether the amount is no more than that, either way.
func within(s price.Sum, most price.Sum) bool { return abs(s).Cmp(most) <= 0 }

func (g *group) residual() price.Sum { return g.Billed.Minus(g.Ours) }

// tolerance is what the bill's rounding can make of a difference: half of it for each line. No line is one of nothing.
func (c *comparison) tolerance(g *group) (t price.Sum) {
	half := sumOf(c.opt.Rounding - c.opt.Rounding/2)
	for n := max(g.lines, 1); n > 0; n >>= 1 {
		if n&1 == 1 {
			t.AddSum(half)
		}
		half.AddSum(half)
	}
	return t
}
