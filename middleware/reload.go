package middleware

import (
	"context"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// warnOfLimiter logs what a limiter of the program's own does not do for the budgets in force.
func (r *ruling) warnOfLimiter(e *engine) {
	rules := r.Load()
	if rules.limiter == nil || len(rules.resolver.Budgets()) == 0 {
		return
	}
	kind := fmt.Sprintf("%T", rules.limiter)
	if _, ok := rules.limiter.(limit.Loader); !ok {
		e.logger().Warn("skinflint: budgets begin with nothing spent: the limiter cannot count what was spent before, because it is no limit.Loader", "limiter", kind)
	}
	if rules.spender == nil {
		e.logger().Warn("skinflint: budgets count neither storage nor results of background calls nor bills: the limiter is no limit.Spender", "limiter", kind)
	}
}

// reload counts what the rows of a store say was spent within the windows of budgets that are new.
func (r *ruling) reload(ctx context.Context, store ledger.Store, e *engine) error {
	l, ok := r.Load().limiter.(limit.Loader)
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
