package limit

import (
	"errors"
	"hash/maphash"
	"iter"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A claim is what a waiter wants of budgets, or holds.
type claim struct {
	accounts []budget.Ref
	until    time.Duration // how long it may wait
	hold     budget.Hold
}

// refs returns the accounts that the waiter needs.
func (w *waiter) refs() []budget.Ref {
	if w.claim == nil {
		return nil
	}
	return w.claim.accounts
}

// ask returns what a waiter asks of budgets.
func (w *waiter) ask() *budget.Ask {
	r := w.request
	return &budget.Ask{Most: r.Cost, NoBound: r.NoBound, Cheapest: r.Cheapest}
}

// pays reports whether a budget has the money for a waiter. The budget of a line for which money is kept has that less.
func (q *Local) pays(now instant, w *waiter, late bool, l *line, ref budget.Ref, i int) bool {
	ask := w.ask()
	if p := q.money[ref]; p != nil {
		if first := p.first(); first != nil && first != l && first.before(late, w.arrived) {
			return false
		}
		if k := p.keeper; k != nil && k != l && k.before(late, w.arrived) {
			ask.Most.Pico = add(ask.Most.Pico, k.head.request.Cost.Pico)
		}
	}
	return q.accounts.Check(now.Time, w.claim.accounts[i:i+1], ask) == budget.Admits
}

// add returns a + b, or the largest amount if that exceeds it.
func add(a, b price.Pico) price.Pico { return price.Pico(sum(int64(a), int64(b))) }

// hurry ends a wait for money whose time is over. If rates hold the waiter back, and no money, it goes on to wait.
func (q *Local) hurry(w *waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	if w.state != isWaiting {
		return
	}
	for _, ref := range w.refs() {
		p := q.money[ref]
		if first := p.first(); first != nil && (first == w.line || first.before(w.line.late(), w.arrived)) || q.accounts.Check(now.Time, w.refs(), w.ask()) != budget.Admits {
			refusal := q.poor(now, w, errTooLong)
			q.leave(w)
			w.refuse(refusal)
			q.serve(now)
			return
		}
	}
}

// poor is the error of a waiter that money holds back: what others hold, or others that wait in front.
func (q *Local) poor(now instant, w *waiter, err error) error {
	return q.accounts.Explain(now.Time, w.refs(), w.ask(), err)
}

// Spend implements [Spender].
func (q *Local) Spend(row *ledger.Row) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	q.accounts.Spend(now.Time, row)
	for _, p := range q.money {
		q.touch(p)
	}
	q.serve(now)
}

// Since returns from when rows of attempts are needed, for the budgets that are new since the last [Local.Load]; false if there
// are none.
func (q *Local) Since(now time.Time) (time.Time, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	h, since := q.accounts.History(now)
	return since, h != nil
}

// Load counts rows of attempts, such as those of an earlier run of the program, in the budgets that are new since the last Load:
// see [budget.History.Read]. If it fails, nothing is counted.
func (q *Local) Load(rows iter.Seq2[ledger.Row, error]) error {
	q.mu.Lock()
	h, _ := q.accounts.History(time.Now())
	q.mu.Unlock()
	if h == nil {
		return nil
	}
	if err := h.Read(time.Now(), rows); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.accounts.Add(time.Now(), h)
	return nil
}

// Budgets returns how the budgets stand.
func (q *Local) Budgets() []budget.State {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.accounts.States(time.Now())
}

// Notices returns what the log should say about the budgets: see [budget.Accounts.Notices].
func (q *Local) Notices() []budget.Notice {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.accounts.Notices()
}

// errTooLong ends a wait for money.
var errTooLong = errors.New("it has waited as long as it may")

var seed = maphash.MakeSeed()

// hashRef returns a hash of an account.
func hashRef(r budget.Ref) uint64 { return maphash.Comparable(seed, r) }
