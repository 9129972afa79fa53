package reconcile

import (
	"cmp"
	"maps"
	"slices"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A comparison is the state of [Compare].
type comparison struct {
	c       Config
	whole   bool // the bill has no items: everything of a day is in one group
	groups  map[key]*group
	covered map[day]bool // days that the bill is about
	odd     map[day]oddities
	names   names
}

// oddities make the residuals of a day less certain than they look.
type oddities struct {
	tools     bool // the bill has lines of tools
	other     bool // the bill has lines that are not understood
	unmatched bool // there are rows of unknown cost that may be billed under any model
}

func newComparison(c Config) *comparison {
	return &comparison{c: c, groups: make(map[key]*group), covered: make(map[day]bool), odd: make(map[day]oddities), names: newNames()}
}

// group returns the group of that key. It creates the group if there is none.
func (c *comparison) group(k key) *group {
	g := c.groups[k]
	if g == nil {
		g = newGroup()
		c.groups[k] = g
	}
	return g
}

// sorted returns the keys of the groups, by day and model.
func (c *comparison) sorted() []key {
	return slices.SortedFunc(maps.Keys(c.groups), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.model, b.model))
	})
}

// addLine adds a line of the bill.
func (c *comparison) addLine(l *Line) {
	k := key{dayOf(l.Day), ""}
	c.covered[k.day] = true
	if !c.whole {
		k.model = canonical(l.Model)
	}
	g := c.group(k)
	if k.model != "" {
		c.names.billed[k.model] = true
		g.models[k.model] = true
	} else if odd := c.odd[k.day]; !c.whole && l.Amount != 0 {
		odd.tools = odd.tools || l.Kind == kindTool
		odd.other = odd.other || l.Kind != kindTool && l.Kind != kindStorage
		c.odd[k.day] = odd
	}
	g.addLine(l)
}

// addRow adds a row.
func (c *comparison) addRow(r *ledger.Row) {
	k := key{dayOf(r.At), ""}
	model := canonical(cmp.Or(r.ServedModel, r.Model))
	if !c.whole {
		k.model = model
	}
	if k.model != "" {
		c.names.addRow(r, mayCost(r))
	}
	g := c.group(k)
	if model != "" {
		g.models[model] = true
	}
	g.addRow(r, nearEnds(r, c.c.Boundary))
	g.alts.add(r, c.c.Prices)
}

// join joins the groups of models that have to be compared together.
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
			to.join(g)
		} else {
			joined[k] = g
		}
		joined[k].named = billed[k.model] || c.whole
	}
	c.groups = joined
}

// addOpen adds up what the open attempts may cost, and notes the days with some that may be billed under any model.
func (c *comparison) addOpen() {
	for k, g := range c.groups {
		for _, a := range g.open {
			g.openMost.Add(a.exposure)
		}
		if (k.model == "" && !c.whole || !g.named) && (len(g.open) > 0 || g.unbounded > 0) {
			odd := c.odd[k.day]
			odd.unmatched = true
			c.odd[k.day] = odd
		}
	}
}

// tolerance returns how large a difference the rounding of the bill can make: half a unit for each line. A group without
// lines has the tolerance of one line.
func (c *comparison) tolerance(g *group) (t price.Sum) {
	half := sumOf(c.c.Rounding - c.c.Rounding/2)
	for n := max(g.lines, 1); n > 0; n >>= 1 { // half times n, by doubling
		if n&1 == 1 {
			t.AddSum(half)
		}
		half.AddSum(half)
	}
	return t
}
