package limit

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/skinflint-go/skinflint/policy"
)

// Update puts other limits and budgets in force, which must be valid. What is used up stays used up: a limit that differs only
// in its figures keeps what was taken and who holds permits, and a budget of the same name what was spent and is held. A limit
// that differs in what it matches or in Per begins anew, without the attempts that are under way. Those that wait are matched
// again, and those of them that need more than a limit now admits are refused.
//
// If history is set, [Local.Load] comes next: until then, budgets of a new name have attempts wait.
//
// It fails, and changes nothing, if a budget's window or Per changes while its name does not: see [budget.Accounts.Update].
func (q *Local) Update(limits []policy.Limit, budgets []policy.Budget, history bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.accounts.Update(budgets, history); err != nil {
		return err
	}
	q.policies = slices.Clone(budgets)
	now := q.now()
	waiters := q.clear()
	old := q.groups
	q.groups = make([]*group, 0, len(limits))
	for _, l := range limits {
		n := slices.IndexFunc(old, func(g *group) bool { return g != nil && alike(&g.limit, &l) })
		if n < 0 {
			q.groups = append(q.groups, newGroup(l))
			continue
		}
		old[n].change(now, l)
		q.groups = append(q.groups, old[n])
		old[n] = nil
	}
	for _, w := range waiters {
		q.rejoin(now, w)
	}
	q.serve(now)
	return nil
}

// alike reports whether two limits match the same attempts and keep the same apart, whatever their figures.
func alike(a, b *policy.Limit) bool {
	return a.Name == b.Name && a.Tier == b.Tier && a.Zone == b.Zone && a.Learn == b.Learn &&
		reflect.DeepEqual(a.Match, b.Match) && slices.Equal(a.Dimensions(), b.Dimensions())
}

// clear takes all waiters out of all lines and returns them, interactive ones first and then the oldest first.
func (q *Local) clear() (waiters []*waiter) {
	for _, l := range q.lines {
		for ; l != nil; l = l.next {
			q.lift(l)
			for w := l.head; w != nil; w = w.next {
				waiters = append(waiters, w)
			}
			for i := range l.spots {
				p := l.spots[i].queue
				q.alarms.set(p, 0)
				if p.bucket != nil {
					p.bucket.queue = nil
				}
			}
		}
	}
	clear(q.lines)
	clear(q.money)
	slices.SortFunc(waiters, func(a, b *waiter) int {
		if a.batch != b.batch {
			return cmp.Compare(rank(a), rank(b))
		}
		return cmp.Compare(a.arrived, b.arrived)
	})
	for _, w := range waiters {
		w.line, w.prev, w.next = nil, nil, nil
	}
	return waiters
}

// rank is 0 for interactive waiters, and 1 for batch.
func rank(w *waiter) int {
	if w.batch {
		return 1
	}
	return 0
}

// rejoin matches a waiter again.
func (q *Local) rejoin(now instant, w *waiter) {
	q.match(now, w.request)
	if w.holder == nil && q.holds() {
		h := holderOf(w.request)
		w.holder = &h
	}
	if err := q.join(now, w); err != nil {
		w.refuse(err)
	}
}
