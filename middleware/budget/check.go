package budget

import (
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// An Ask is what an attempt asks of budgets.
type Ask struct {
	Most    ledger.Amount // that it can cost
	NoBound string        // why that is not known

	// Cheapest says that it asks for the cheapest tier of its plan.
	Cheapest bool
}

// A Verdict is what the budgets of an attempt decide.
type Verdict uint8

const (
	Admits  Verdict = iota // all of them
	Waits                  // what others hold is in the way of one, and no budget refuses
	Refuses                // one refuses, and would also if others gave back all that they hold
)

// Check says whether the accounts admit an attempt. It takes nothing. An attempt that costs nothing is always admitted.
func (a *Accounts) Check(now time.Time, refs []Ref, ask *Ask) Verdict {
	switch o, _, _ := check(nanos(now), refs, ask); o {
	case nothing:
		return Admits
	case held:
		return Waits
	}
	return Refuses
}

// Frees returns when an attempt that waits will be admitted even if others go on to hold what they do, because enough of what
// was spent has left the windows; zero if that is not known. A waiter checks again then, and each time a Hold is
// settled.
func (a *Accounts) Frees(now time.Time, refs []Ref, ask *Ask) (frees time.Time) {
	at := nanos(now)
	for _, r := range refs {
		s := r.book.at(r.key, at)
		if r.book.removed || r.book.obstacle(&s, ask) == nothing {
			continue
		}
		t := r.book.frees(r.key, at, s.held, ask.Most.Pico)
		if t.IsZero() {
			return t
		}
		if t.After(frees) {
			frees = t
		}
	}
	return frees
}

// An obstacle is what is in the way of an attempt. One that weighs more is reported before others: without a bound no budget
// admits the attempt, and on another tier of its plan, all may.
type obstacle uint8

const (
	nothing obstacle = iota
	held             // what others hold
	spent            // what is spent, or the cap itself
	tier             // a tier that is not the cheapest of the plan
	bound            // that it is not known what it can cost
)

// check returns the greatest obstacle, the account that it is of, and how that stands.
func check(now int64, refs []Ref, ask *Ask) (most obstacle, in Ref, is sum) {
	if ask.Most == ledger.Known(0) {
		return nothing, in, is
	}
	for _, r := range refs {
		if r.book.removed {
			continue
		}
		s := r.book.at(r.key, now)
		if o := r.book.obstacle(&s, ask); o > most {
			most, in, is = o, r, s
		}
	}
	return most, in, is
}

// obstacle returns what is in the way of an attempt.
func (b *book) obstacle(s *sum, ask *Ask) obstacle {
	most, c := ask.Most.Pico, b.budget.Cap
	switch percent := b.budget.CheapestPercent; {
	case !ask.Most.Known, most < 0:
		return bound
	case b.awaits:
		return held
	case percent > 0 && !ask.Cheapest && s.spent >= b.budget.Share(percent):
		return tier
	case !fits(s.spent, 0, most, c):
		return spent
	case !fits(s.spent, s.held, most, c):
		return held
	}
	return nothing
}
