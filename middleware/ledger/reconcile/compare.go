package reconcile

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// Compare compares the rows with the bill, by day and model. A day is a day in UTC, and a row is on the day on which its
// attempt began. Only days that the bill covers are compared. Pass also the rows of the day before and of the day after,
// because a call near midnight may be billed on either day. The rows may come in any order, but each attempt only once, as
// from a [ledger.Scanner].
//
// A row is compared under the model that served it, or that it asked for. If the bill and the rows name different snapshots
// of a model, these are compared together. If the bill has a line without an item, everything of a day is compared together.
// Lines whose item names no model stand alone, because the ledger has nothing to compare with them.
//
// An error is one of the rows, or names the field of the Config that is invalid.
func Compare(rows iter.Seq2[ledger.Row, error], bill *Bill, config Config) (*Report, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	if bill == nil {
		return nil, errors.New("reconcile: the bill is nil")
	}
	c := newComparison(config)
	c.whole = slices.ContainsFunc(bill.Lines, func(l Line) bool { return l.Kind == kindWhole || l.Model == "" && l.Item == "" })
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
		if config.Provider == "" || row.Provider == config.Provider {
			c.addRow(&row)
		}
	}
	c.join()
	c.addOpen()
	return c.report(), nil
}

// report makes the Report.
func (c *comparison) report() *Report {
	r := &Report{Provider: c.c.Provider, Entries: []Entry{}, Resolutions: []Resolution{}}
	for _, k := range c.sorted() {
		g := c.groups[k]
		g.Residual = g.residual()
		if !c.covered[k.day] {
			r.addBeyond(k.day, &g.Figures)
			continue
		}
		r.Total.add(&g.Figures)
		r.Entries = append(r.Entries, Entry{
			k.day.begin(), k.model, slices.Sorted(maps.Keys(g.models)), g.Figures, c.tolerance(g), c.causes(k, g),
		})
		r.Resolutions = append(r.Resolutions, c.resolve(k, g)...)
	}
	return r
}

// addBeyond adds the rows of a day that the bill does not cover.
func (r *Report) addBeyond(d day, f *Figures) {
	if n := len(r.Beyond); n == 0 || !r.Beyond[n-1].Day.Equal(d.begin()) {
		r.Beyond = append(r.Beyond, Beyond{Day: d.begin()})
	}
	b := &r.Beyond[len(r.Beyond)-1]
	b.Rows += f.Rows
	b.Ours.AddSum(f.Ours)
	b.Exposure.AddSum(f.Exposure)
}
