package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	totals *ledger.Memory // of the batch's rows, without their tags: a total for each line would take much memory
}

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
	a := &account{totals: ledger.NewMemory(1)}
	// No request is sent before the ledger has its row: after a kill, that row is all that is known of it.
	a.Writer = ledger.NewWriter(files, ledger.WriterConfig{OpenWait: time.Minute, Memory: ledger.NewMemory(1), Logger: log})
	return a, nil
}

// load reads the rows of earlier runs, and calls f with each of those that may have cost something.
func (a *account) load(ctx context.Context, name string, f func(*ledger.Row)) error {
	for row, err := range a.Scan(ctx, ledger.Filter{Tags: map[string]string{batchTag: name}}) {
		if err != nil {
			return fmt.Errorf("-ledger: it cannot be read, so it is not known which lines were paid for: %w", err)
		}
		a.note(row)
		if maybePaid(&row) {
			f(&row)
		}
	}
	return nil
}

// maybePaid reports whether an attempt has cost something, or may have.
func maybePaid(r *ledger.Row) bool {
	switch r.Outcome {
	case policy.Refused, policy.NotSent, policy.Rejected, policy.Open:
		return false
	}
	return !r.Cost.Known || r.Cost.Pico > 0 || r.Exposure.Pico > 0
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

// count counts the rows of the batch that the files have. It is called when all calls have ended.
func (a *account) count(ctx context.Context, name string) (c counts, err error) {
	first := map[string]policy.Tier{} // of calls that were rejected on it
	err = a.Flush(ctx)
	for row, scanErr := range a.Scan(ctx, ledger.Filter{Tags: map[string]string{batchTag: name}}) {
		if scanErr != nil {
			return c, errors.Join(err, scanErr)
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
	return c, err
}
