package redis

import (
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/policy"
)

// maxNotices is how many notices are kept until they are taken, and maxWarned of how many budgets it is known that they were
// warned of.
const (
	maxNotices = 100
	maxWarned  = 10_000
)

// notices are what the log should say about budgets.
type notices struct {
	mu     sync.Mutex
	all    []budget.Notice
	warned map[string]time.Time // until when nothing more is said, by the key of the budget
}

// look notes the budgets of which so much is spent that the log should warn.
func (n *notices) look(budgets []budgetAsk, spent []int64, now time.Time) {
	for i := range spent {
		b := &budgets[i]
		if percent := b.budget.Warns(); percent < 100 && picos(spent[i]) >= b.budget.Share(percent) {
			n.warn(b, spent[i], now)
		}
	}
}

// warn adds a notice, once in a window.
func (n *notices) warn(b *budgetAsk, spent int64, now time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if now.Before(n.warned[b.key]) || len(n.all) >= maxNotices {
		return
	}
	if n.warned == nil || len(n.warned) >= maxWarned {
		n.warned = make(map[string]time.Time)
	}
	from, until := b.budget.WindowAt(now)
	n.warned[b.key] = until
	if until.IsZero() {
		n.warned[b.key] = now.Add(b.budget.Window)
	}
	n.all = append(n.all, budget.Notice{Kind: budget.Warned, State: budget.State{
		Budget: b.budget, Key: policy.KeyText(b.budget.Per, b.value), From: from.UTC(), Until: until, Spent: picos(spent)}})
}

// Notices returns what the log should say about budgets since the last call: that much of one is spent, once in a window for
// each process.
func (l *Limiter) Notices() []budget.Notice {
	n := &l.notices
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.all
	n.all = nil
	return all
}
