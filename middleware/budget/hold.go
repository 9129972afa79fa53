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
func (a *Accounts) Settle(now time.Time, h *Hold, row *ledger.Row) { a.SettleBoth(now, h, row, nil) }

// SettleBoth is [Accounts.Settle] for an attempt that has also added to the storage of a context cache. The row of that is
// counted beside the attempt's; nil if there is none. If its cost is not known, and it has no exposure, what was held counts,
// without what the attempt's row counts for.
func (a *Accounts) SettleBoth(now time.Time, h *Hold, row, storage *ledger.Row) {
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
	most := was.most
	if row != nil {
		n := amountsOf(row, most)
		a.settle(at, was, &entry{row, n, true, most})
		most = max(0, most-max(0, n.cost)-n.exposure)
	}
	if storage != nil {
		a.settle(at, was, &entry{storage, amountsOf(storage, most), true, most})
	}
}

// settle counts a row of an attempt for which money was held.
func (a *Accounts) settle(at int64, was Hold, e *entry) {
	var fresh []Ref
	if was.version != a.version {
		fresh = a.matchNew(was.refs, e.row)
	}
	if places, known := a.replace(at, e); known { // a history has its open row, of budgets that are new
		was.refs, fresh = without(was.refs, places), without(fresh, places)
	}
	counts := timeOf(e.row, at)
	if e.amounts.cost >= 0 { // a correction counts where what it corrects does
		counts = max(counts, shifted(was.at, a.clock-was.clock))
	}
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
