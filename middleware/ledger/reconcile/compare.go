package reconcile

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Options say what is compared, and how closely. The zero Options compare every row with the bill, to a millionth of a
// dollar for each of its lines.
type Options struct {
	// Provider is whose bill it is, as rows name it: rows of others are passed over. None: all rows are meant.
	Provider string
	// Rounding is what the lines of the bill are rounded to: a cent, say. A difference of half of it for each line is
	// none. 0 is DefaultRounding; 1, a picodollar, is as exact as can be.
	Rounding price.Pico
	// Boundary is how near to midnight a call may be billed on the other day; 0 is an hour.
	Boundary time.Duration
	// Complete is until when the bill is complete. Providers are hours late: nothing is settled from a day that ends
	// after it. The zero time says that all of the bill is.
	Complete time.Time
	// Prices are those by which the rows were priced; nil: those of [price.Embedded].
	Prices *price.Catalog
}

// DefaultRounding is what the lines of a bill are taken to be rounded to unless told otherwise: a millionth of a dollar.
const DefaultRounding = price.USD / 1e6

const maxBoundary = 12 * time.Hour

// check fills in what is not given.
func (o *Options) check() error {
	o.Rounding = cmp.Or(o.Rounding, DefaultRounding)
	o.Boundary = cmp.Or(o.Boundary, time.Hour)
	if o.Prices == nil {
		o.Prices = price.Embedded()
	}
	switch {
	case o.Rounding < 0:
		return fmt.Errorf("reconcile: Rounding: it cannot be negative, as $%s is", o.Rounding)
	case o.Boundary < 0 || o.Boundary > maxBoundary:
		return fmt.Errorf("reconcile: Boundary: want one from 0 to %s, not %s", maxBoundary, o.Boundary)
	}
	return nil
}

// Compare compares the rows with the bill, by day and model. The days are those of UTC, and of a row that on which its
// attempt began. Only days that the bill is about are compared; include the rows of the day before and of the day after,
// as calls about midnight may be billed on either. The rows may come in any order, but each attempt only once, as from a
// [ledger.Scanner].
//
// A row is compared under the model that served it, or that it asked for. Where the bill tells the snapshots of a model
// apart in another way than the rows do, they are compared together. A bill that has a line without any item is compared
// by day only. Lines whose item names no model are by themselves: nothing of ours stands against them.
//
// An error is one of the rows', or says which option is refused.
func Compare(rows iter.Seq2[ledger.Row, error], bill *Bill, opt Options) (*Report, error) {
	if err := opt.check(); err != nil {
		return nil, err
	}
	if bill == nil {
		return nil, errors.New("reconcile: the bill is nil")
	}
	c := comparison{opt: opt, groups: make(map[key]*group), covered: make(map[day]bool), odd: make(map[day]oddities)}
	c.names = names{make(set), make(set), make(set), make(map[string]set)}
	c.whole = slices.ContainsFunc(bill.Lines, func(l Line) bool { return l.Kind == Whole || l.Model == "" && l.Item == "" })
	for i := range bill.Lines {
		c.addLine(&bill.Lines[i])
	}
	for _, t := range bill.Days {
		c.covered[dayOf(t)] = true
	}
	for row, err := range rows {
		if err != nil {
			return nil, fmt.Errorf("reconcile: reading the rows: %w", err)
		}
		if opt.Provider == "" || row.Provider == opt.Provider {
			c.addRow(&row)
		}
	}
	c.join()
	c.settleBackground()
	return c.report(), nil
}

// A day is a day of UTC, in days since 1970.
type day int64

func dayOf(t time.Time) day {
	n := t.Unix()
	d := n / daySecs
	if n%daySecs < 0 {
		d--
	}
	return day(d)
}

func (d day) begin() time.Time { return time.Unix(int64(d)*daySecs, 0).UTC() }

// A key names a group. The group without a model is that of the items that name none, or of all there is.
type key struct {
	day   day
	model string
}

// A comparison is a Report in the making.
type comparison struct {
	opt     Options
	whole   bool // the bill tells no items: everything is in one group for each day
	groups  map[key]*group
	covered map[day]bool
	odd     map[day]oddities
	names   names
}

func (c *comparison) group(k key) *group {
	g := c.groups[k]
	if g == nil {
		g = &group{models: make(set), items: make(map[Kind]price.Sum), told: make(set)}
		c.groups[k] = g
	}
	return g
}

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
		odd.tools = odd.tools || l.Kind == Tool
		odd.other = odd.other || l.Kind != Tool && l.Kind != Storage
		c.odd[k.day] = odd
	}
	g.unsure = g.unsure || l.Amount < 0
	g.lines++
	g.Billed.Add(l.Amount)
	sum := g.items[l.Kind]
	sum.Add(l.Amount)
	g.items[l.Kind] = sum
}

func (c *comparison) addRow(r *ledger.Row) {
	k := key{dayOf(r.At), ""}
	model := canonical(cmp.Or(r.ServedModel, r.Model))
	open := r.Exposure.Known && r.Exposure.Pico > 0
	loose := r.Unpriced != "" && !r.Exposure.Known
	if !c.whole {
		k.model = model
	}
	if k.model != "" {
		c.names.rows[k.model] = true
		if r.ServedModel == "" {
			c.names.asked[k.model] = c.names.asked[k.model] || open || loose
		} else if asked := canonical(r.Model); asked != "" {
			if c.names.served[asked] == nil {
				c.names.served[asked] = make(set)
			}
			c.names.served[asked][k.model] = true
		}
	}
	g := c.group(k)
	if model != "" {
		g.models[model] = true
	}
	g.Rows++
	g.Ours.Add(r.Cost.Pico)
	g.Reported.Add(r.Reported.Pico)
	g.Exposure.Add(r.Exposure.Pico)
	if r.Unpriced != "" {
		g.Unpriced++
	}
	if loose {
		g.loose++
	}
	near := c.near(r)
	for side, is := range near {
		if is {
			g.near[side].Add(r.Cost.Pico)
			g.stir[side].Add(r.Cost.Pico)
			g.stir[side].Add(max(r.Exposure.Pico, 0))
			g.busy[side] = g.busy[side] || r.Cost.Pico != 0 || open || loose
			g.hangs[side] = g.hangs[side] || open || loose
		}
	}
	if open {
		g.open = append(g.open, attempt{
			r.Call, r.Attempt, r.Cost.Pico, r.Exposure.Pico, near, r.Outcome == policy.Billed, r.Unpriced != "",
		})
	}
	if r.Parent != "" && r.Exposure.Known && r.Exposure.Pico < 0 {
		g.told[r.Parent] = true
	}
	g.alts.add(r, c.opt.Prices)
	g.tools = g.tools || usesTools(&r.Usage)
}

func usesTools(u *price.Usage) bool {
	return u.WebSearches != 0 || u.MapSearches != 0 || u.FileSearches != 0 || u.CodeSessions != 0
}

// sorted are the keys of the groups, by day and model.
func (c *comparison) sorted() []key {
	return slices.SortedFunc(maps.Keys(c.groups), func(a, b key) int {
		return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.model, b.model))
	})
}
