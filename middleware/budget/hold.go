package budget

import (
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Hold is what an attempt under way may cost. The zero Hold holds nothing.
type Hold struct {
	refs    []Ref
	most    price.Pico
	at      int64
	version int   // of the Accounts
	clock   int64 // of the Accounts
}

// Hold holds what an attempt can cost in all the accounts, after Check has admitted it: under the same lock, at the same now,
// and with the same refs, which the Hold keeps. Each Hold must be settled.
func (a *Accounts) Hold(now time.Time, refs []Ref, most price.Pico) Hold {
	h := Hold{refs: refs, most: max(0, most), at: nanos(now), version: a.version, clock: a.clock}
	for _, r := range refs {
		in := r.book.open(r.key, h.at)
		in.held = plus(in.held, h.most)
	}
	return h
}

// Settle gives back what is held, and counts the attempt's row instead; nil if it was never sent. The row counts at its time,
// or at that of Hold if that is later. If its cost is unknown and has no bound, what was held counts as its exposure. The Hold
// is zero afterwards; settling it again does nothing.
func (a *Accounts) Settle(now time.Time, h *Hold, row *ledger.Row) {
	was := *h
	*h = Hold{}
	if was.version == 0 {
		return
	}
	at := nanos(now)
	for _, r := range was.refs {
		in := r.book.open(r.key, at)
		in.held = max(0, in.held-was.most)
	}
	if row == nil {
		return
	}
	e := &entry{row, amountsOf(row, was.most), true, was.most}
	var fresh []Ref
	if was.version != a.version {
		fresh = a.matchNew(was.refs, row)
	}
	if places, known := a.replace(at, e); known { // a history has its open row, of budgets that are new
		was.refs, fresh = without(was.refs, places), without(fresh, places)
	}
	counts := max(shifted(was.at, a.clock-was.clock), timeOf(row, at))
	a.count(at, was.refs, counts, e)
	unheld := *e
	unheld.holds = false
	a.count(at, fresh, counts, &unheld)
}

// without returns the accounts that are in none of the places.
func without(refs []Ref, places []place) []Ref {
	return slices.DeleteFunc(slices.Clone(refs), func(r Ref) bool {
		return slices.ContainsFunc(places, func(p place) bool { return p.ref.book == r.book })
	})
}

// matchNew returns the accounts beside refs that a row belongs to, of budgets that have come since.
func (a *Accounts) matchNew(refs []Ref, row *ledger.Row) (fresh []Ref) {
	for _, r := range a.matchRow(row) {
		if !slices.ContainsFunc(refs, func(old Ref) bool { return old.book == r.book }) {
			fresh = append(fresh, r)
		}
	}
	return fresh
}
