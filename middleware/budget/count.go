package budget

import (
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An amounts is what a row adds to an account.
type amounts struct {
	cost, exposure price.Pico
	unknown        int64 // 1 if it is not known what else it cost
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

// timeOf returns the time at which a row counts: now if it has none.
func timeOf(row *ledger.Row, now int64) int64 {
	if row.At.IsZero() {
		return now
	}
	return nanos(row.At)
}

// count counts a row that adds the amounts in the accounts that match returns, or in place of its earlier row.
func (a *Accounts) count(now, at int64, row *ledger.Row, n amounts, match func() []Ref) {
	if was := a.known.find(attempt{row.Call, row.Attempt}); was != nil && row.Outcome != policy.Storage {
		if row.Replaces(&ledger.Row{Outcome: was.outcome}) {
			a.replace(now, was, row, n)
		}
		return
	}
	if n == (amounts{}) {
		return
	}
	refs := match()
	places := make([]place, 0, len(refs))
	for _, r := range refs {
		if p := (place{r, r.book.leaves(at)}); p.leaves > now {
			places = append(places, p)
			a.post(now, p, n, row)
		}
	}
	a.remember(now, row, places, n)
}

// replace replaces the amounts of an attempt's earlier row where they counted.
func (a *Accounts) replace(now int64, was *exposed, row *ledger.Row, n amounts) {
	a.known.forget(was.attempt)
	change := amounts{n.cost - was.amounts.cost, n.exposure - was.amounts.exposure, n.unknown - was.amounts.unknown}
	for _, p := range was.places {
		a.post(now, p, change, row)
	}
	a.remember(now, row, was.places, n)
}

// remember notes an attempt whose row a later one may replace.
func (a *Accounts) remember(now int64, row *ledger.Row, places []place, n amounts) {
	final := row.Outcome == policy.Storage || row.Outcome != policy.Open && row.Unpriced == "" && n.exposure == 0
	e := &exposed{attempt{row.Call, row.Attempt}, row.Outcome, places, n}
	if final || row.Call == "" || e.left(now) {
		return
	}
	if a.known.add(e, now) {
		a.notices.forgot(row)
	}
}

// post adds amounts to an account, and notes what the log should say.
func (a *Accounts) post(now int64, p place, n amounts, row *ledger.Row) {
	b := p.ref.book
	in := b.open(p.ref.key, now)
	in.add(p.leaves, now, n.cost, n.exposure, n.unknown)
	if !b.removed {
		a.notices.look(b, in, now, n.unknown > 0, row)
	}
}
