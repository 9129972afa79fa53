package budget

import (
	"fmt"
	"iter"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A History is what rows say was spent in budgets before these were made. It is filled without the lock of the accounts, because
// reading rows can take long, and is then added to them.
type History struct {
	accounts Accounts
	books    []*book // those of the accounts that need it, in the order of its own
}

// History returns an empty history for the budgets that are new since the last [Accounts.Add], and when the earliest of their
// windows begins: rows of attempts that began before since count nowhere. It returns nil if no budget is new.
func (a *Accounts) History(now time.Time) (h *History, since time.Time) {
	for _, b := range a.books {
		if b.loaded {
			continue
		}
		if h == nil {
			h = &History{accounts: Accounts{version: 1, known: newKnown(), clock: a.clock}}
		}
		h.books = append(h.books, b)
		h.accounts.books = append(h.accounts.books, newBook(b.budget))
		if from, _ := b.budget.WindowAt(now); since.IsZero() || from.Before(since) {
			since = from
		}
	}
	return h, since
}

// Read counts rows, such as those that a [ledger.Scanner] returns, and its rows of outcome open, which it returns only when they
// are asked for. Each row must be there once. now is that of the call of [Accounts.History]. It stops at the first error and returns it: it is then not known what was spent.
func (h *History) Read(now time.Time, rows iter.Seq2[ledger.Row, error]) error {
	for row, err := range rows {
		if err != nil {
			return fmt.Errorf("budget: reading what was spent: %w", err)
		}
		h.accounts.Spend(now, &row)
	}
	return nil
}

// Add adds a history to the accounts. A budget to which one was added already stays as it is.
func (a *Accounts) Add(now time.Time, h *History) {
	if d := a.clock - h.accounts.clock; d != 0 {
		h.accounts.ClockSet(now, time.Duration(d))
	}
	at := nanos(now)
	to := map[*book]*book{}
	for i, b := range h.accounts.books {
		if h.books[i].loaded {
			continue
		}
		to[b], h.books[i].loaded, h.books[i].awaits = h.books[i], true, false
		for _, from := range b.all {
			h.books[i].merge(from, at)
		}
	}
	for e := h.accounts.known.order.Front(); e != nil; e = e.Next() {
		a.adopt(e.Value.(*exposed), to, at)
	}
	for _, n := range h.accounts.notices.take() {
		a.notices.add(n)
	}
}

// merge adds what was spent in another account of the same key.
func (b *book) merge(other *account, now int64) {
	in := b.open(other.key, now)
	for _, p := range other.slices {
		if p.leaves > now {
			b.add(in, p.leaves, now, amounts{p.cost, p.exposure, p.unknown})
		}
	}
}

// adopt makes an attempt of a history known, whose later row then replaces its amounts in the accounts.
func (a *Accounts) adopt(e *exposed, to map[*book]*book, now int64) {
	var places []place
	for _, p := range e.places {
		b := to[p.ref.book]
		if b == nil {
			continue
		}
		if in := b.accounts[p.ref.key]; in != nil && p.leaves > now {
			if i, found := in.find(p.leaves); found {
				places = append(places, place{Ref{b, p.ref.key}, p.leaves, in.slices[i].serial})
			}
		}
	}
	if was := a.known.find(e.attempt); was != nil {
		if was.amounts == e.amounts { // it also counts in budgets that are not new
			was.places = append(was.places, places...)
		}
		return
	}
	if e.places = places; !e.left(now) {
		a.known.add(e, now)
	}
}
