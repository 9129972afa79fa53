package middleware

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// A loader is a limiter whose budgets can count what an earlier run of the program has spent.
type loader interface {
	// Since returns from when rows are needed, for the budgets that have not been loaded yet; false if there are none.
	Since(now time.Time) (time.Time, bool)

	// Load counts the rows in these budgets.
	Load(rows iter.Seq2[ledger.Row, error]) error
}

// reload counts what the rows of a store say was spent within the windows of budgets that are new.
func (r *ruling) reload(ctx context.Context, store ledger.Store, e *engine) error {
	l, ok := r.Load().limiter.(loader)
	if !ok {
		return nil
	}
	now := time.Now()
	since, ok := l.Since(now)
	if !ok {
		return nil
	}
	scanner, ok := store.(ledger.Scanner)
	if !ok {
		e.logger().Warn("skinflint: budgets begin with nothing spent: the rows of the store cannot be read", "store", fmt.Sprintf("%T", store))
		return l.Load(func(func(ledger.Row, error) bool) {})
	}
	if f, ok := store.(ledger.Flusher); ok { // rows that are not written yet would not be found
		if err := f.Flush(ctx); err != nil {
			return fmt.Errorf("skinflint: budgets: %w", err)
		}
	}
	err := l.Load(func(yield func(ledger.Row, error) bool) {
		f := ledger.Filter{Since: since}
		for _, outcome := range []policy.Outcome{"", policy.Open} { // open rows are returned only if they are asked for
			f.Outcome = outcome
			for row, err := range scanner.Scan(ctx, f) {
				if !yield(row, err) {
					return
				}
			}
		}
	})
	if err != nil {
		return fmt.Errorf("skinflint: %w", err)
	}
	return nil
}
