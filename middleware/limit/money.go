package limit

import (
	"iter"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

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

// Since returns the time from which rows of attempts are needed, for the budgets that are new since the last [Local.Load]; false if there
// are none.
func (q *Local) Since(now time.Time) (time.Time, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.now() // the accounts learn whether the clock was set
	h, since := q.accounts.History(now)
	return since, h != nil
}

// Load counts rows of attempts, such as those of an earlier run of the program, in the budgets that are new since the last Load:
// see [budget.History.Read]. If it fails, nothing is counted.
func (q *Local) Load(rows iter.Seq2[ledger.Row, error]) error {
	q.mu.Lock()
	began := q.now()
	h, _ := q.accounts.History(began.Time)
	q.mu.Unlock()
	if h == nil {
		return nil
	}
	if err := h.Read(began.Time, rows); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	q.accounts.Add(now.Time, h)
	for _, p := range q.money {
		q.touch(p)
	}
	q.serve(now)
	return nil
}

// Refuses returns the error with which [Local.Wait] would refuse the request at once because of a budget; nil if it would not.
func (q *Local) Refuses(r *Request) *budget.Error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now().Time
	refs := q.accounts.Match(nil, &r.Subject, r.Tier, r.Key, r.Tags)
	ask := budget.Ask{Most: r.Cost, NoBound: r.NoBound, Cheapest: r.Cheapest}
	if len(refs) == 0 || q.accounts.Check(now, refs, &ask) != budget.Refuses {
		return nil
	}
	return q.accounts.Refusal(now, refs, &ask, nil)
}

// Budgets returns how the budgets stand.
func (q *Local) Budgets() []budget.State {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.accounts.States(q.now().Time)
}

// Notices returns what the log should say about the budgets: see [budget.Accounts.Notices].
func (q *Local) Notices() []budget.Notice {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.accounts.Notices()
}
