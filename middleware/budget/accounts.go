package budget

import (
	"fmt"
	"slices"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// Accounts are the accounts of some budgets. They must be made by [New]. They are not safe for concurrent use: a lock of their
// owner guards them, under which it checks and holds in one go. Nothing in them blocks, waits or calls back.
//
// A method's now is the time of its call, by one clock. Clocks are set: the owner compares its clock with the time that has passed,
// and says by [Accounts.ClockSet] when they differ.
type Accounts struct {
	books   []*book
	version int   // 1, and one more after each Update
	clock   int64 // by how much it was set forwards so far
	known   known
	notices notices
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
// begins with nothing spent. If a history of it is to come, it has attempts wait until [Accounts.Add]. One that is left out is
// forgotten. An attempt that waits must be matched again.
func (a *Accounts) Update(budgets []policy.Budget, history bool) error {
	var books []*book
	for i := range budgets {
		b := &budgets[i]
		n := slices.IndexFunc(a.books, func(old *book) bool { return old.budget.Name == b.Name })
		switch {
		case n < 0:
			fresh := newBook(*b)
			fresh.awaits = history
			books = append(books, fresh)
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
		b.lowered = b.lowered || budgets[i].Cap < b.budget.Cap
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

// matchRow returns the accounts that a row belongs to.
func (a *Accounts) matchRow(row *ledger.Row) []Ref {
	subject := row.Subject()
	return a.Match(nil, &subject, row.AskedTier, "", row.Tags)
}

// Notices returns what the log should say since the last call, the oldest first. Each is given once in a window for each key;
// between two calls at most 100 are kept, and a last one says how many more there were.
func (a *Accounts) Notices() []Notice { return a.notices.take() }
