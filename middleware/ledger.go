package middleware

import (
	"errors"
	"log/slog"
	"slices"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/transport"
)

// Ledger returns the link that keeps account. The store gets a row for each attempt when its answer has been read to its
// end, closed, cut or forgotten, and a row for each call that the links beneath refuse. With a nil store every call is refused.
func Ledger(s ledger.Store) transport.Middleware {
	if isNil(s) {
		return alone(member{link: badLink{err: errors.New("Ledger: the store is nil")}, rank: ledgerRank})
	}
	l := new(ledgerLink)
	l.serve(s, slog.Default())
	return alone(member{link: l, rank: ledgerRank})
}

type ledgerLink struct {
	noLink
	sinks   []func(*ledger.Row)
	openers []func(*ledger.Row)
}

func (l *ledgerLink) begin(c *call) error {
	c.sinks = join(c.sinks, l.sinks)
	c.openers = join(c.openers, l.openers)
	return nil
}

// join returns the funcs of both, without a copy for the only ledger of a chain.
func join(a, b []func(*ledger.Row)) []func(*ledger.Row) {
	if len(a) == 0 {
		return slices.Clip(b)
	}
	return append(a, b...)
}

// serve makes rows go to a store.
func (l *ledgerLink) serve(s ledger.Store, log *slog.Logger) {
	add := func(row *ledger.Row) { s.Add(*row) }
	if p, ok := s.(ledger.Adder); ok {
		add = p.AddRow
	}
	l.sinks = append(l.sinks, guarded(add, log, "the store"))
	if o, ok := s.(ledger.Opener); ok {
		l.openers = append(l.openers, guarded(func(row *ledger.Row) { o.Open(*row) }, log, "the store"))
	}
}
