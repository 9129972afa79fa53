package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// roundTrip: every field of a row is read back as it was written, unusual texts and amounts included. Writing no rows is no
// error.
func roundTrip(c *check) {
	c.compare()
	c.write()
	c.write(ledger.Row{Call: "nothing but a key"})
	rows := c.rowsOf(2500)
	for batch := range slices.Chunk(rows, 700) {
		c.write(batch...)
	}
	c.compare()
}

// replay: what a Writer does after failures changes nothing. Only some of the rows were kept, and all of them are written
// again, alone or with later ones, or in smaller batches.
func replay(c *check) {
	for range 20 {
		rows := c.history()
		for i := range rows {
			c.want.put(&rows[i])
		}
		c.writeUnreliably(rows)
	}
	c.compare()
	c.want = make(model)
	for _, row := range append(c.scan(ledger.Filter{}), c.scan(ledger.Filter{Outcome: policy.Open})...) {
		c.want.put(&row)
		c.send([]ledger.Row{row})
	}
	c.compare()
}

// history returns rows of some attempts in an order in which a Writer can write them: those of one attempt are in order,
// and rows of other attempts may stand between them.
func (c *check) history() (rows []ledger.Row) {
	for range 1 + c.random.IntN(60) {
		row := c.row()
		later := []ledger.Row{row}
		if c.random.IntN(2) == 0 {
			rows = append(rows, opened(&row))
		}
		if c.random.IntN(4) == 0 {
			later = append(later, settled(&row, price.Pico(c.random.Int64())))
		}
		if c.random.IntN(4) == 0 {
			later = append(later, billed(&row, price.Pico(c.random.Int64())))
		}
		if c.random.IntN(8) == 0 {
			later = append(later, opened(&row), row)
		}
		for _, r := range later {
			rows = append(rows, r)
			if n := len(rows); c.random.IntN(2) == 0 && n > 1 && rows[n-2].Call != r.Call {
				rows[n-1], rows[n-2] = rows[n-2], rows[n-1]
			}
		}
	}
	return rows
}

// writeUnreliably writes the rows as a Writer does while writes and syncs fail at random.
func (c *check) writeUnreliably(rows []ledger.Row) {
	for safe := 0; safe < len(rows); {
		end := safe + 1 + c.random.IntN(len(rows)-safe)
		var part []ledger.Row
		for _, row := range rows[safe:end] {
			if c.random.IntN(2) == 0 {
				part = append(part, row)
			}
		}
		switch c.random.IntN(4) {
		case 0:
			c.send(part) // the write failed after some of the rows
		case 1:
			c.send(rows[safe:end]) // the write was done, and its answer was lost
		case 2:
			c.send(rows[safe:end])
			safe += c.random.IntN(end - safe + 1) // a sync failed
		default:
			c.send(rows[safe:end])
			safe = end
		}
	}
}

// openGivesWay: the row of an attempt replaces its open row, and an open row that comes later is not kept. A scan returns
// open rows only if the filter selects them.
func openGivesWay(c *check) {
	together, apart, late, lateTogether, alone, twice := c.row(), c.row(), c.row(), c.row(), c.row(), c.row()
	c.write(opened(&apart), opened(&alone), opened(&twice))
	c.write(opened(&twice))
	c.write(opened(&together), together, lateTogether, opened(&lateTogether), late)
	c.write(apart)
	c.write(opened(&late), opened(&together))
	c.compare()
	if rows := c.scan(ledger.Filter{}); len(rows) != 4 {
		c.Errorf("%d rows of attempts that have ended, want 4", len(rows))
	}
	if rows := c.scan(ledger.Filter{Outcome: policy.Open}); len(rows) != 2 {
		c.Errorf("%d open rows, want 2", len(rows))
	}
}

// firstStays: of two rows of an attempt that has ended, the first one is kept.
func firstStays(c *check) {
	rows := c.rowsOf(10)
	c.write(rows...)
	for i := range rows {
		other := c.row()
		other.Call, other.Attempt, other.At = rows[i].Call, rows[i].Attempt, rows[i].At
		c.write(other)
		c.write(rows[i], other)
	}
	fresh := c.row()
	other := fresh
	other.Status++
	c.write(fresh, other)
	c.compare()
}

// billReplaces: a row whose cost is from a bill replaces any row, another such row included, and is replaced by no other.
func billReplaces(c *check) {
	rows := c.rowsOf(6)
	for i := range rows {
		rows[i].PriceID = "a price"
	}
	c.write(rows[:2]...)
	c.write(billed(&rows[0], 100))
	c.write(rows[0], opened(&rows[0]))
	c.write(billed(&rows[1], 100), billed(&rows[1], 200))
	c.write(billed(&rows[1], 300))
	c.write(rows[2], billed(&rows[2], 0), rows[2])
	c.write(billed(&rows[3], 5))
	c.write(rows[3])
	c.write(opened(&rows[4]))
	c.write(billed(&rows[4], 7), rows[4])
	c.write(billed(&rows[5], 8), billed(&rows[5], 9), rows[5])
	c.compare()
}

// settledReplaces: a row that settles another one replaces any row, another such row included, but not one whose cost is from
// a bill. It is replaced by a bill, and by no first row.
func settledReplaces(c *check) {
	rows := c.rowsOf(6)
	for i := range rows {
		rows[i].PriceID, rows[i].Unpriced = "", "it is not known yet"
	}
	c.write(rows[:2]...)
	c.write(settled(&rows[0], 100))
	c.write(rows[0], opened(&rows[0]))
	c.write(settled(&rows[1], 100), settled(&rows[1], 200))
	c.write(rows[2], settled(&rows[2], 5), billed(&rows[2], 6))
	c.write(settled(&rows[2], 5))
	c.write(settled(&rows[3], 5), rows[3])
	c.write(opened(&rows[4]), rows[4], settled(&rows[4], 0), rows[4])
	c.write(billed(&rows[5], 8), settled(&rows[5], 9))
	c.compare()
	c.reopen()
	c.compare()
	if got := c.scan(ledger.Filter{Tier: policy.Flex, Call: rows[0].Call}); len(got) != 1 {
		c.Errorf("%d rows of the tier that served, want 1", len(got))
	}
}

// order: rows are scanned in the order in which they were stored, or by time.
func order(c *check) {
	const n = 1500
	at := make([]time.Time, n)
	for i := range at {
		at[i] = begin.Add(time.Duration(i) * time.Duration(1+c.random.IntN(2)) * time.Microsecond)
	}
	slices.SortFunc(at, time.Time.Compare)
	at = slices.CompactFunc(at, time.Time.Equal)
	c.random.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
	at[0] = begin.Add(-365 * 24 * time.Hour)
	var stored []ledger.Row
	for i := range at {
		row := c.row()
		row.At = at[i]
		stored = append(stored, row)
	}
	for batch := range slices.Chunk(stored, 400) {
		c.write(batch...)
	}
	got := c.scan(ledger.Filter{})
	c.compareRows(got)
	byTime := slices.IsSortedFunc(got, func(a, b ledger.Row) int { return a.At.Compare(b.At) })
	byStore := slices.EqualFunc(got, stored, func(a, b ledger.Row) bool { return a.At.Equal(b.At) })
	if !byTime && !byStore {
		c.Error("the rows are neither in the order of their times nor in that in which they were stored")
	}
}

// filters: a filter selects the rows that [ledger.Filter.Match] matches, and no others.
func filters(c *check) {
	rows := c.rowsOf(200)
	for i := range rows {
		r := &rows[i]
		if c.random.IntN(2) == 0 {
			r.Tags = map[string]string{"tenant": pick(c, texts[:4]), pick(c, texts): pick(c, texts[:3])}
		}
		if c.random.IntN(10) == 0 {
			rows[i] = opened(r)
		}
	}
	c.write(rows...)
	for i := range rows {
		rows[i] = readBack(&rows[i])
	}
	wanted := []ledger.Filter{
		{}, {Unpriced: true}, {Outcome: policy.Open}, {Outcome: "no such"}, {Call: "no such"}, {Tags: map[string]string{}},
		{Tags: map[string]string{"tenant": ""}}, {Provider: "\xff\xfe"}, {Tags: map[string]string{"\xff\xfe": "acme"}},
		{Since: begin, Until: begin}, {Since: begin.Add(1), Until: begin}, {Until: time.Time{}.Add(1)}, {Since: time.Time{}.Add(1)},
		{Since: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)}, {Until: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)},
		{Since: time.Date(-12000, 1, 1, 0, 0, 0, 0, time.UTC)}, {Until: time.Date(-12000, 1, 1, 0, 0, 0, 0, time.UTC)},
	}
	for _, s := range texts {
		wanted = append(wanted,
			pick(c, []ledger.Filter{{Call: s}, {Provider: s}, {Operation: s}, {Model: s}, {Tier: policy.Tier(s)}}),
			pick(c, []ledger.Filter{{Tags: map[string]string{"tenant": s}}, {Tags: map[string]string{s: "acme"}}}))
	}
	for _, o := range outcomes {
		wanted = append(wanted, ledger.Filter{Outcome: o})
	}
	for range 100 { // several fields, mostly of one row
		r := pick(c, rows)
		var f ledger.Filter
		maybe := func(set func()) {
			if c.random.IntN(4) == 0 {
				set()
			}
		}
		maybe(func() { f.Since = r.At })
		maybe(func() { f.Since = r.At.Add(1) })
		maybe(func() { f.Until = r.At })
		maybe(func() { f.Until = r.At.Add(1) })
		maybe(func() { f.Call = r.Call })
		maybe(func() { f.Provider = r.Provider })
		maybe(func() { f.Operation = r.Operation })
		maybe(func() { f.Model = r.Model })
		maybe(func() { f.Model = r.ServedModel })
		maybe(func() { f.Tier = r.ServedTier })
		maybe(func() { f.Outcome = r.Outcome })
		maybe(func() { f.Tags = r.Tags })
		maybe(func() { f.Unpriced = true })
		wanted = append(wanted, f)
	}
	for _, f := range wanted {
		c.want = make(model)
		for i := range rows {
			if f.Match(&rows[i]) {
				c.want.put(&rows[i])
			}
		}
		c.compareRows(c.scan(f))
		if c.Failed() {
			c.Fatalf("the filter was %+v", f)
		}
	}
}

// sums: the amounts that are read add up to those that were written, even if an int64 or a float cannot hold the sum.
func sums(c *check) {
	c.write(c.rowsOf(800)...)
	add := func(s *[5]price.Sum, r *ledger.Row) {
		for i, a := range [...]ledger.Amount{r.Cost, r.List, r.Implicit, r.Exposure, r.Reported} {
			if a.Known {
				s[i].Add(a.Pico)
			}
		}
	}
	var got, want [5]price.Sum
	for _, r := range c.want {
		add(&want, &r)
	}
	for _, r := range c.scan(ledger.Filter{}) {
		add(&got, &r)
	}
	if got != want {
		c.Errorf("cost, list, implicit, exposure and reported are %v in all, want %v", got, want)
	}
}

// stopEarly: a scan may stop at any row, and the sink still works.
func stopEarly(c *check) {
	c.write(c.rowsOf(1200)...)
	for i := range 25 {
		n := 0
		for _, err := range c.source.Scan(c.ctx, ledger.Filter{}) {
			if err != nil {
				c.Fatalf("scan %d: %v", i, err)
			}
			if n++; n > 2*i*i {
				break
			}
		}
	}
	c.write(c.rowsOf(10)...)
	c.compare()
}

// scanWhileWriting: a scan during writes returns every row that was safe when it began, none twice, and none that was not
// written.
func scanWhileWriting(c *check) {
	w := writing{batches: make([][]ledger.Row, 30), written: make(model)}
	for i := range w.batches {
		w.batches[i] = c.rowsOf(40)
		for j := range w.batches[i] {
			w.written.put(&w.batches[i][j])
		}
	}
	var done atomic.Bool
	var scans sync.WaitGroup
	for range 3 {
		scans.Go(func() {
			for !done.Load() {
				if err := w.scan(c); err != nil {
					c.Errorf("a scan during writes: %v", err)
					return
				}
			}
		})
	}
	var failure error
	for _, batch := range w.batches {
		if failure = c.sink.Write(c.ctx, batch); failure != nil {
			break
		}
		w.safe.Add(1)
	}
	done.Store(true)
	scans.Wait()
	if failure != nil {
		c.Fatalf("Write during scans: %v", failure)
	}
	c.want = w.written
	c.compare()
}

// writing is the state of writes that other goroutines scan.
type writing struct {
	batches [][]ledger.Row
	written model        // all rows of the batches
	safe    atomic.Int64 // how many batches are written
}

// scan scans once, and returns an error if a row is wrong or missing.
func (w *writing) scan(c *check) error {
	before := int(w.safe.Load())
	seen := make(map[key]bool)
	for row, err := range c.source.Scan(c.ctx, ledger.Filter{}) {
		if err != nil {
			return err
		}
		k := keyOf(&row)
		want, ok := w.written[k]
		if !ok || seen[k] || text(&row) != text(&want) {
			return fmt.Errorf("attempt %d of call %.40q: written: %t, twice: %t, as %s", k.attempt, k.call, ok, seen[k], text(&row))
		}
		seen[k] = true
	}
	for i := range before {
		for j := range w.batches[i] {
			row := readBack(&w.batches[i][j])
			if !seen[keyOf(&row)] {
				return fmt.Errorf("a row of batch %d is missing, though it was safe before", i)
			}
		}
	}
	return nil
}

// writeWhileScanning: a row may be written between two rows of a scan.
func writeWhileScanning(c *check) {
	c.write(c.rowsOf(30)...)
	n := 0
	for _, err := range c.source.Scan(c.ctx, ledger.Filter{}) {
		if err != nil {
			c.Fatal(err)
		}
		if n++; n <= 5 {
			row := c.row()
			row.At = begin.AddDate(0, -3*n, 0)
			c.write(row)
		}
	}
	if n < 30 {
		c.Errorf("%d rows, want the 30 that were there", n)
	}
	c.compare()
}

// cancelled: a write or a scan whose context is done either fails or is complete, and the sink still works.
func cancelled(c *check) {
	rows := c.rowsOf(1200)
	done, cancel := context.WithCancel(c.ctx)
	cancel()
	for range 3 {
		if err := c.sink.Write(done, rows[:500]); err == nil {
			c.compareAfter(rows[:500])
		}
	}
	c.write(rows...)
	c.compare()

	scan := func(ctx context.Context, stop func()) {
		n := 0
		for row, err := range c.source.Scan(ctx, ledger.Filter{}) {
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					c.Errorf("a scan that is cancelled says %v, want context.Canceled", err)
				}
				if text(&row) != text(new(ledger.Row)) {
					c.Errorf("with the error comes a row that is not the zero Row: %s", text(&row))
				}
				return
			}
			n++
			stop()
		}
		if n != len(rows) {
			c.Errorf("a scan that is cancelled ends after %d of %d rows without an error", n, len(rows))
		}
	}
	for range 5 {
		scan(done, func() {})
		soon, cancel := context.WithCancel(c.ctx)
		scan(soon, cancel)
		cancel()
	}
	c.compare()
}

// compareAfter compares after a write that reported no error.
func (c *check) compareAfter(rows []ledger.Row) {
	c.Helper()
	for i := range rows {
		c.want.put(&rows[i])
	}
	c.compare()
}

// reopen: a sink that is opened again has the rows that were written, and writing them again changes nothing.
func reopen(c *check) {
	c.reopen() // empty
	rows := c.rowsOf(300)
	rows = append(rows, billed(&rows[0], 5), billed(&rows[1], 6), billed(&rows[1], 7))
	c.write(rows...)
	sent := c.row()
	c.write(opened(&sent))
	for range 3 {
		c.reopen()
		abandoned := ledger.Abandoned(opened(&sent))
		abandoned = readBack(&abandoned)
		for _, row := range c.scan(ledger.Filter{Call: sent.Call}) {
			if text(&row) == text(&abandoned) {
				c.want.put(&abandoned)
			}
		}
		c.compare()
		c.write(rows...)
		c.write(rows[10:20]...)
		c.compare()
	}
}
