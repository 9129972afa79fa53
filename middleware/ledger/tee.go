package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A Tee is a [Store] that gives each row to all of its stores, for example to a [Writer] for files and to one for a
// database. [Tee.Totals], [Tee.Rows] and [Tee.Scan] read from the first store that can be read. It is safe for concurrent
// use if its stores are.
type Tee []Store

// Add implements [Store].
func (t Tee) Add(r Row) {
	for _, s := range t {
		s.Add(r)
	}
}

// Open implements [Opener] by calling every store that does.
func (t Tee) Open(r Row) {
	for _, s := range t {
		if o, ok := s.(Opener); ok {
			o.Open(r)
		}
	}
}

// Flush implements [Flusher] by calling every store that does.
func (t Tee) Flush(ctx context.Context) error {
	var errs []error
	for _, s := range t {
		if f, ok := s.(Flusher); ok {
			errs = append(errs, f.Flush(ctx))
		}
	}
	return errors.Join(errs...)
}

// Resolve implements [Resolver] by calling every store that does. It returns an error if one of them fails, or if no store
// does.
func (t Tee) Resolve(call string, attempt int, cost price.Pico) error {
	var errs []error
	found := false
	for _, s := range t {
		if r, ok := s.(Resolver); ok {
			found = true
			errs = append(errs, r.Resolve(call, attempt, cost))
		}
	}
	if !found {
		return errors.New("ledger: none of the stores can resolve what an attempt has cost")
	}
	return errors.Join(errs...)
}

// Totals returns the totals of the first store that has the method.
func (t Tee) Totals() Totals {
	for _, s := range t {
		if s, ok := s.(interface{ Totals() Totals }); ok {
			return s.Totals()
		}
	}
	return Totals{}
}

// Rows returns the latest rows of the first store that has the method.
func (t Tee) Rows() []Row {
	for _, s := range t {
		if s, ok := s.(interface{ Rows() []Row }); ok {
			return s.Rows()
		}
	}
	return nil
}

// Scan implements [Scanner] by the first store that does.
func (t Tee) Scan(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	for _, s := range t {
		if s, ok := s.(Scanner); ok {
			return s.Scan(ctx, f)
		}
	}
	return func(yield func(Row, error) bool) {
		yield(Row{}, fmt.Errorf("ledger: none of the %d stores can be read", len(t)))
	}
}
