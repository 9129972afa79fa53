package ledgertest

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// A check is the state of one item's test.
type check struct {
	*testing.T
	ctx    context.Context
	dir    string
	open   func(t *testing.T, dir string) ledger.Sink
	sink   ledger.Sink // nil while it is closed
	source ledger.Scanner
	random *rand.Rand
	want   model
	rows   int // how many rows were generated
}

// reopen closes the sink if it is open, and opens it.
func (c *check) reopen() {
	c.Helper()
	c.close()
	c.sink = c.open(c.T, c.dir)
	var ok bool
	if c.source, ok = c.sink.(ledger.Scanner); !ok {
		c.Fatalf("a %T is not a ledger.Scanner", c.sink)
	}
}

// close closes the sink, if it is open.
func (c *check) close() {
	c.Helper()
	if c.sink == nil {
		return
	}
	if err := c.sink.Close(); err != nil {
		c.Errorf("Close: %v", err)
	}
	c.sink = nil
}

// write writes the rows to the sink and to the model of what it should hold.
func (c *check) write(rows ...ledger.Row) {
	c.Helper()
	c.send(rows)
	for i := range rows {
		c.want.put(&rows[i])
	}
}

// send writes the rows to the sink only, not to the model.
func (c *check) send(rows []ledger.Row) {
	c.Helper()
	if err := c.sink.Write(c.ctx, rows); err != nil {
		c.Fatalf("Write of %d rows: %v", len(rows), err)
	}
}

// scan returns the rows that a filter selects.
func (c *check) scan(f ledger.Filter) []ledger.Row {
	c.Helper()
	var rows []ledger.Row
	for row, err := range c.source.Scan(c.ctx, f) {
		if err != nil {
			c.Fatalf("Scan(%+v): %v", f, err)
		}
		rows = append(rows, row)
	}
	return rows
}

// compare scans all rows and compares them with the model.
func (c *check) compare() {
	c.Helper()
	c.compareRows(append(c.scan(ledger.Filter{}), c.scan(ledger.Filter{Outcome: policy.Open})...))
}

// compareRows compares rows with the model.
func (c *check) compareRows(rows []ledger.Row) {
	c.Helper()
	seen := make(map[key]bool, len(rows))
	for i := range rows {
		k := keyOf(&rows[i])
		want, ok := c.want[k]
		switch {
		case seen[k]:
			c.Errorf("attempt %d of call %.40q is there twice", k.attempt, k.call)
		case !ok:
			c.Errorf("attempt %d of call %.40q is there, and should not be", k.attempt, k.call)
		case text(&rows[i]) != text(&want):
			c.Errorf("attempt %d of call %.40q\ngot  %.2000s\nwant %.2000s", k.attempt, k.call, text(&rows[i]), text(&want))
		}
		seen[k] = true
	}
	for k := range c.want {
		if !seen[k] {
			c.Errorf("attempt %d of call %.40q is lost", k.attempt, k.call)
		}
	}
}
