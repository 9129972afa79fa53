package ledgertest

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// TestSink tests the sinks that open makes, one item of the contract in each subtest. Each sink must be a
// [ledger.Scanner], too.
//
// Every subtest has a directory of its own, which open is given and need not use: what is opened with the same
// directory again, after the sink before was closed, must have the same rows, but that an open one may have become
// what [ledger.Abandoned] makes of it. Open fails the test itself if it cannot. Sinks are closed by TestSink.
//
// Write is called by one goroutine at a time, as a Writer does, and Scan by several, at any time. All rows of an
// attempt have the same time, and the order of a scan is tested with times that are a microsecond or more apart.
func TestSink(t *testing.T, open func(t *testing.T, dir string) ledger.Sink) {
	for _, it := range items {
		t.Run(it.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a sink that hangs shall say so
			defer cancel()
			seed := fnv.New64a()
			seed.Write([]byte(it.name))
			c := &check{T: t, ctx: ctx, dir: t.TempDir(), open: open, random: rand.New(rand.NewPCG(seed.Sum64(), 1)), want: make(model)}
			c.reopen()
			defer func() { c.close() }()
			it.test(c)
		})
	}
}

// items are the contract.
var items = []struct {
	name string
	test func(c *check)
}{
	{"round_trip", roundTrip},
	{"replay", replay},
	{"open", openGivesWay},
	{"first_stays", firstStays},
	{"bill", billReplaces},
	{"order", order},
	{"filters", filters},
	{"sums", sums},
	{"break", breakOff},
	{"scan_while_writing", scanWhileWriting},
	{"write_while_scanning", writeWhileScanning},
	{"cancelled", cancelled},
	{"reopen", reopen},
}

// A check is one item under way.
type check struct {
	*testing.T
	ctx    context.Context
	dir    string
	open   func(t *testing.T, dir string) ledger.Sink
	sink   ledger.Sink // nil while it is closed
	source ledger.Scanner
	random *rand.Rand
	want   model
	rows   int // made so far
}

// reopen opens the sink, again if it has been before.
func (c *check) reopen() {
	c.Helper()
	c.close()
	c.sink = c.open(c.T, c.dir)
	var ok bool
	if c.source, ok = c.sink.(ledger.Scanner); !ok {
		c.Fatalf("a %T is no ledger.Scanner", c.sink)
	}
}

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

// write writes the rows to the sink and to what is wanted.
func (c *check) write(rows ...ledger.Row) {
	c.Helper()
	c.send(rows)
	for i := range rows {
		c.want.put(&rows[i])
	}
}

// send writes the rows to the sink only.
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

// compare scans all rows, and compares them with those that are wanted.
func (c *check) compare() {
	c.Helper()
	c.compareRows(append(c.scan(ledger.Filter{}), c.scan(ledger.Filter{Outcome: openOutcome})...))
}

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
