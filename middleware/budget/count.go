package budget

import (
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Spend counts a row that no Hold stands for: of storage, of a bill, of a result that is fetched later, or of an earlier run of
// the program. A row of an attempt whose exposure is known replaces the amounts of its earlier row, if [ledger.Row.Replaces]
// says that it does, and else changes nothing.
//
// The exposures of the latest 65536 attempts are known, until they leave the windows. The exposure of an attempt before these
// goes on to count beside a row that replaces it; a Notice says so. Other attempts are not known: each row must be counted
// once. A bill without a time, of an attempt that is not known, changes nothing: its exposure has left the windows.
func (a *Accounts) Spend(now time.Time, row *ledger.Row) {
	at, e := nanos(now), &entry{row: row, amounts: amountsOf(row, 0)}
	if _, known := a.replace(at, e); !known && (row.PriceID != ledger.BillPriceID || !row.At.IsZero()) {
		a.count(at, a.matchRow(row), timeOf(row, at), e)
	}
}

// amountsOf returns what a row adds, if so much was held for it.
func amountsOf(row *ledger.Row, held price.Pico) amounts {
	n := amounts{cost: row.Cost.Pico, exposure: max(0, row.Exposure.Pico)}
	if row.Outcome != policy.Storage {
		n.cost = max(0, n.cost) // only corrections of storage are negative
	}
	switch {
	case free(row), row.Cost.Known, row.Exposure.Known:
	case held > 0:
		n.exposure = held
	default:
		n.unknown = 1
	}
	return n
}

// free reports whether the row says that nothing was sent that can have cost anything.
func free(row *ledger.Row) bool {
	unsent := row.Outcome == policy.NotSent || row.Outcome == policy.Rejected || row.Outcome == policy.Refused
	return unsent && !row.Cost.Known && !row.Exposure.Known && row.Unpriced == ""
}

// timeOf returns the time at which a row counts: now if it has none, or if its time is in the future, because the clock was
// set back.
func timeOf(row *ledger.Row, now int64) int64 {
	if row.At.IsZero() {
		return now
	}
	return min(nanos(row.At), now)
}

// replace counts a row in place of the earlier one of its attempt, where that counts, and returns these places. It returns false
// if no earlier one is known.
func (a *Accounts) replace(now int64, e *entry) (places []place, known bool) {
	row, n := e.row, e.amounts
	was := a.known.find(attempt{row.Call, row.Attempt})
	if was == nil || row.Outcome == policy.Storage {
		return nil, false
	}
	if !row.Replaces(&ledger.Row{Outcome: was.outcome}) {
		return was.places, true
	}
	a.known.forget(was.attempt)
	for i := range was.places {
		p := &was.places[i]
		if p.leaves <= now {
			continue
		}
		change := n
		if in := p.ref.book.open(p.ref.key, now); in.has(p.leaves, p.serial) {
			change = n.minus(was.amounts)
		}
		p.serial = a.post(now, p.ref, p.leaves, e, change)
	}
	a.remember(now, row, was.places, n)
	return was.places, true
}

// count counts a row in accounts, at a time.
func (a *Accounts) count(now int64, refs []Ref, at int64, e *entry) {
	row, n := e.row, e.amounts
	if n == (amounts{}) || len(refs) == 0 {
		return
	}
	var places []place
	for _, r := range refs {
		leaves := r.book.leaves(at, now)
		if leaves <= now {
			continue
		}
		serial := a.post(now, r, leaves, e, n)
		if !final(row, n) {
			places = append(places, place{r, leaves, serial})
		}
	}
	a.remember(now, row, places, n)
}

// post adds amounts to an account, and notes what the log should say. It returns the serial number of the slice.
func (a *Accounts) post(now int64, r Ref, leaves int64, e *entry, n amounts) uint32 {
	in := r.book.open(r.key, now)
	serial := r.book.add(in, leaves, now, n).serial
	if !r.book.removed {
		a.notices.look(r.book, in, now, e, n)
	}
	return serial
}

// remember notes where a row counts that a later one may replace.
func (a *Accounts) remember(now int64, row *ledger.Row, places []place, n amounts) {
	if final(row, n) || row.Call == "" {
		return
	}
	e := &exposed{attempt{strings.Clone(row.Call), row.Attempt}, row.Outcome, places, n}
	if e.left(now) {
		return
	}
	if was := a.known.find(e.attempt); was != nil { // it counts in other accounts, too
		if was.amounts == n {
			was.places = append(was.places, places...)
		}
		return
	}
	if a.known.add(e, now) {
		a.notices.forgot(row)
	}
}

// final reports whether it is known what a row's attempt cost, so that no later row replaces it.
func final(row *ledger.Row, n amounts) bool {
	return row.Outcome == policy.Storage || n.exposure == 0 && n.unknown == 0
}
