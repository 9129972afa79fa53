package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// The tags of rows.
const (
	batchTag = "batch" // the name of the batch
	lineTag  = "line"  // the id of the line
)

// An account is the ledger of a batch: files of rows, and the totals of all runs.
type account struct {
	*ledger.Writer
	dir    string
	totals *ledger.Memory // of the batch's rows, without their tags: a total for each line would take much memory
	ends   sync.Map       // of lines under way, by their tags: a context.CancelCauseFunc
}

// diskWait is how long the program waits for the disk at most: a request, until the ledger has its row; at the end, until all rows
// are safe. Tests shorten it.
var diskWait = 10 * time.Second

// errLedger is why a request is not sent. After a kill, the row is all that is known of a request.
var errLedger = errors.New("-ledger: it cannot be written, so nothing is sent")

// counts are of rows.
type counts struct {
	rejected, billed, fallbacks int64
	sum                         price.Sum // of what they cost
}

// openAccount opens the ledger in a folder. Attempts that were under way when an earlier run was killed become rows that say
// what they may have cost.
func openAccount(dir string, log *slog.Logger) (*account, error) {
	files, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
	if err != nil {
		return nil, fmt.Errorf("-ledger: %w", err)
	}
	a := newAccount(files, log)
	a.dir = dir
	return a, nil
}

func newAccount(sink ledger.Sink, log *slog.Logger) *account {
	return &account{
		Writer: ledger.NewWriter(sink, ledger.WriterConfig{OpenWait: diskWait, Memory: ledger.NewMemory(1), Logger: log}),
		totals: ledger.NewMemory(1),
	}
}

// guard returns a context for a line, which ends before anything is sent whose row the ledger does not have.
func (a *account) guard(ctx context.Context, tag string) (_ context.Context, done func()) {
	ctx, end := context.WithCancelCause(ctx)
	a.ends.Store(tag, end)
	return ctx, func() {
		a.ends.Delete(tag)
		end(nil)
	}
}

// Open implements [ledger.Opener].
func (a *account) Open(r ledger.Row) {
	began := time.Now()
	a.Writer.Open(r)
	if a.failure() == nil && time.Since(began) < diskWait {
		return
	}
	if end, ok := a.ends.Load(r.Tags[lineTag]); ok {
		end.(context.CancelCauseFunc)(errLedger)
	}
}

// failure returns why the ledger cannot be written; nil if it can.
func (a *account) failure() error {
	if err := a.Stats().Err; err != nil {
		return fmt.Errorf("%w: %w", errLedger, err)
	}
	return nil
}

// load reads the rows of earlier runs, and calls f with each of those that can have cost something.
func (a *account) load(ctx context.Context, name string, f func(*ledger.Row)) error {
	for row, err := range a.Scan(ctx, ledger.Filter{Tags: map[string]string{batchTag: name}}) {
		if err != nil {
			return fmt.Errorf("-ledger: it cannot be read, so it is not known which lines were paid for: %w", err)
		}
		a.note(row)
		if canCost(row.Outcome) {
			f(&row)
		}
	}
	return nil
}

// canCost reports whether attempts with an outcome can have cost something.
func canCost(outcome policy.Outcome) bool {
	switch outcome {
	case policy.Refused, policy.NotSent, policy.Rejected, policy.Open:
		return false
	}
	return true
}

// maybePaid reports whether an attempt has cost something, or may have.
func maybePaid(r *ledger.Row) bool {
	return canCost(r.Outcome) && (!r.Cost.Known || r.Cost.Pico > 0 || r.Exposure.Pico > 0)
}

// Flush implements [ledger.Flusher]. It waits for at most diskWait.
func (a *account) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, diskWait)
	defer cancel()
	if err := a.Writer.Flush(ctx); err != nil {
		return fmt.Errorf("-ledger: waited in vain until all rows were safe in %s: %w", a.dir, err)
	}
	return nil
}

// Close closes the ledger. The error says what is not safe.
func (a *account) Close(ctx context.Context) error {
	err := a.Writer.Close(ctx)
	if stats := a.Stats(); stats.Lost > 0 {
		return fmt.Errorf("-ledger: %d rows, with a cost of $%s, are not safe in %s: %w; the next run counts these attempts with the most that they may have cost",
			stats.Lost, stats.LostCost, a.dir, cmp.Or(stats.Err, err))
	}
	return err
}

// Add implements [ledger.Store].
func (a *account) Add(r ledger.Row) {
	a.Writer.Add(r)
	a.note(r)
}

// note adds a row to the totals.
func (a *account) note(r ledger.Row) {
	r.Tags = nil
	a.totals.Add(r)
}

// count counts the rows of the batch that the files have.
func (a *account) count(ctx context.Context, name string) (c counts, err error) {
	first := map[string]policy.Tier{} // of calls that were rejected on it
	for row, scanErr := range a.Scan(ctx, ledger.Filter{Tags: map[string]string{batchTag: name}}) {
		if scanErr != nil {
			return c, fmt.Errorf("-ledger: %w", scanErr)
		}
		c.sum.Add(row.Cost.Pico)
		switch row.Outcome {
		case policy.Rejected:
			c.rejected++
			if _, ok := first[row.Call]; !ok {
				first[row.Call] = row.AskedTier
			}
		case policy.Billed:
			c.billed++
			if tier, ok := first[row.Call]; ok && tier != row.AskedTier {
				c.fallbacks++
			}
		}
		if row.Outcome != policy.Rejected {
			delete(first, row.Call)
		}
	}
	return c, nil
}
