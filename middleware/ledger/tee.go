package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A Tee is a [Store] that passes rows on to all of its stores, for instance to a [Writer] over files and to one over a
// database. What is read, [Tee.Totals], [Tee.Rows] and [Tee.Scan], is read from the first that can. It is safe for
// concurrent use if its stores are.
type Tee []Store

// Add implements [Store].
func (t Tee) Add(r Row) {
	for _, s := range t {
		s.Add(r)
	}
}

// Open implements [Opener], for those of the stores that do.
func (t Tee) Open(r Row) {
	for _, s := range t {
		if o, ok := s.(Opener); ok {
			o.Open(r)
		}
	}
}

// Flush implements [Flusher], for those of the stores that do.
func (t Tee) Flush(ctx context.Context) error {
	var errs []error
	for _, s := range t {
		if f, ok := s.(Flusher); ok {
			errs = append(errs, f.Flush(ctx))
		}
	}
	return errors.Join(errs...)
}

// Resolve implements [Resolver], for those of the stores that do. It fails if one of them does, or if there is none.
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

// Totals returns the totals of the first store that has some.
func (t Tee) Totals() Totals {
	for _, s := range t {
		if s, ok := s.(interface{ Totals() Totals }); ok {
			return s.Totals()
		}
	}
	return Totals{}
}

// Rows returns the latest rows of the first store that has some.
func (t Tee) Rows() []Row {
	for _, s := range t {
		if s, ok := s.(interface{ Rows() []Row }); ok {
			return s.Rows()
		}
	}
	return nil
}

// Scan implements [Source], by the first of the stores that does.
func (t Tee) Scan(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	for _, s := range t {
		if s, ok := s.(Source); ok {
			return s.Scan(ctx, f)
		}
	}
	return func(yield func(Row, error) bool) {
		yield(Row{}, fmt.Errorf("ledger: none of the %d stores can be read", len(t)))
	}
}
