package budget

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Accounts are the accounts of some budgets. They must be made by [New]. They are not safe for concurrent use: a lock of their
// owner guards them, under which it checks and holds in one go. Nothing in them blocks, waits or calls back.
//
// A method's now is the time of its call.
type Accounts struct {
	books   []*book
	version int // 1, and one more after each Update
	known   known
	notices notices
}

// A Ref names the account of a budget that an attempt belongs to. Two Refs of the same account are equal.
type Ref struct {
	book *book
	key  string
}

// Budget returns the budget of the account. It must not be changed.
func (r Ref) Budget() *policy.Budget { return &r.book.budget }

// An Ask is what an attempt asks of budgets.
type Ask struct {
	Most    ledger.Amount // that it can cost
	NoBound string        // why that is not known

	// Cheapest says that it asks for the cheapest tier of its plan.
	Cheapest bool
}

// A Verdict is what budgets say to an attempt.
type Verdict uint8

const (
	Admits  Verdict = iota // all of them
	Waits                  // what others hold is in the way of one, and no budget refuses
	Refuses                // one does, and would if others gave back all that they hold
)

// A Hold is what an attempt under way may cost. The zero Hold holds nothing.
type Hold struct {
	refs    []Ref
	most    price.Pico
	at      int64
	version int // of the Accounts
}

// New returns the accounts of budgets, with nothing spent. The budgets must be valid: see [policy.Policy.Validate].
func New(budgets []policy.Budget) *Accounts {
	a := &Accounts{version: 1, known: newKnown()}
	for _, b := range budgets {
		a.books = append(a.books, newBook(b))
	}
	return a
}

// Update replaces the budgets, which must be valid. A budget of a name that was there before keeps what was spent and is held;
// what its Match selects, its Cap and its percents may change. It is an error, and nothing changes, if its window or its Per
// differs, because it is not known what was spent within the other window: it then needs another name. A budget of a new name
// begins with nothing spent. One that is left out is forgotten. An attempt that waits must be matched again.
func (a *Accounts) Update(budgets []policy.Budget) error {
	var books []*book
	for i := range budgets {
		b := &budgets[i]
		n := slices.IndexFunc(a.books, func(old *book) bool { return old.budget.Name == b.Name })
		switch {
		case n < 0:
			books = append(books, newBook(*b))
		case !sameWindow(&a.books[n].budget, b):
			return fmt.Errorf("budget %s: its window or its per was changed while it is in use, and what was spent is not known for the new one: give it another name, or restart", b.Name)
		default:
			books = append(books, a.books[n])
		}
	}
	for _, old := range a.books {
		old.removed = !slices.Contains(books, old)
	}
	for i, b := range books {
		b.budget = budgets[i]
	}
	a.books = books
	a.version++
	return nil
}

// Match appends the accounts that an attempt belongs to to refs. It allocates nothing if that is none. The parameters are those
// of [policy.KeyOf].
func (a *Accounts) Match(refs []Ref, s *policy.Subject, tier policy.Tier, key string, tags map[string]string) []Ref {
	for _, b := range a.books {
		if b.budget.Match.Matches(s, tags) {
			refs = append(refs, Ref{b, policy.KeyOf(b.budget.Per, s, tier, key, tags)})
		}
	}
	return refs
}

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

// Refusal returns why the accounts do not admit an attempt: that of them which is most in the way. err is why the wait for what
// others hold ended; nil if there was none. Refusal returns nil if nothing is in the way.
func (a *Accounts) Refusal(now time.Time, refs []Ref, ask *Ask, err error) *Error {
	at := nanos(now)
	o, in, is := check(at, refs, ask)
	if o == nothing {
		return nil
	}
	e := in.refusal(is, ask, err)
	switch {
	case o == bound:
		e.NoBound = cmp.Or(ask.NoBound, "the caller does not say why")
	case o == tier:
		e.OnlyCheapest = true
	case o == spent && e.Most <= e.Cap:
		e.Frees = in.book.frees(in.key, at, 0, e.Most)
	case o == held:
		e.Frees = in.book.frees(in.key, at, is.held, e.Most)
	}
	return e
}

// refusal returns an Error with the figures of an account.
func (r Ref) refusal(is sum, ask *Ask, err error) *Error {
	b := &r.book.budget
	return &Error{
		Budget: b.Name, Key: policy.KeyText(b.Per, r.key), Window: WindowText(b), Cap: b.Cap,
		Spent: is.spent, Held: is.held, Most: ask.Most.Pico, Err: err,
	}
}

// Frees returns when an attempt that waits will be admitted even if others go on to hold what they do, because enough of what
// was spent has left the windows; zero if that is not known. Whoever waits checks again then, and each time when a Hold was
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
	case percent > 0 && !ask.Cheapest && s.spent >= b.budget.Share(percent):
		return tier
	case !fits(s.spent, 0, most, c):
		return spent
	case !fits(s.spent, s.held, most, c):
		return held
	}
	return nothing
}

// Hold holds what an attempt can cost in all the accounts, after Check has admitted it: under the same lock, at the same now,
// and with the same refs, which the Hold keeps. Each Hold must be settled.
func (a *Accounts) Hold(now time.Time, refs []Ref, most price.Pico) Hold {
	h := Hold{refs: refs, most: max(0, most), at: nanos(now), version: a.version}
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
	if was.version != a.version {
		was.refs = a.matchNew(was.refs, row)
	}
	n := amountsOf(row, was.most)
	if places, known := a.replace(at, row, n); known { // a history has its open row, of budgets that are new
		was.refs = without(was.refs, places)
	}
	a.count(at, was.refs, max(was.at, timeOf(row, at)), row, n)
}

// without returns the accounts that are in none of the places.
func without(refs []Ref, places []place) []Ref {
	return slices.DeleteFunc(slices.Clone(refs), func(r Ref) bool {
		return slices.ContainsFunc(places, func(p place) bool { return p.ref.book == r.book })
	})
}

// matchNew returns refs with the accounts that a row also belongs to, of budgets that have come since.
func (a *Accounts) matchNew(refs []Ref, row *ledger.Row) []Ref {
	all := slices.Clone(refs)
	for _, r := range a.matchRow(row) {
		if !slices.ContainsFunc(refs, func(old Ref) bool { return old.book == r.book }) {
			all = append(all, r)
		}
	}
	return all
}

// matchRow returns the accounts that a row belongs to.
func (a *Accounts) matchRow(row *ledger.Row) []Ref {
	subject := policy.Subject{Provider: row.Provider, Operation: row.Operation, Model: row.Model}
	return a.Match(nil, &subject, row.AskedTier, "", row.Tags)
}

// Spend counts a row that no Hold stands for: of storage, of a bill, of a result that is fetched later, or of an earlier run of
// the program. A row of an attempt whose exposure is known replaces the amounts of its earlier row, if [ledger.Row.Replaces]
// says that it does, and else changes nothing.
//
// The exposures of the latest 65536 attempts are known, until they leave the windows. The exposure of an attempt before these
// goes on to count beside a row that replaces it; a Notice says so. Other attempts are not known: each row must be counted
// once.
func (a *Accounts) Spend(now time.Time, row *ledger.Row) {
	at, n := nanos(now), amountsOf(row, 0)
	if _, known := a.replace(at, row, n); !known && n != (amounts{}) {
		a.count(at, a.matchRow(row), timeOf(row, at), row, n)
	}
}

// Notices returns what the log should say since the last call, the oldest first. Each is given once in a window for each key;
// between two calls at most 100 are kept, and a last one says how many more there were.
func (a *Accounts) Notices() []Notice { return a.notices.take() }
