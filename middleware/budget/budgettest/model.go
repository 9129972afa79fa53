// Package budgettest has an exact model of budgets, against which implementations are tested: [budget.Accounts], and one on a
// shared store.
package budgettest

import (
	"math/big"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Model keeps every amount with its time for ever, and adds them up anew each time. It is not safe for concurrent use.
type Model struct {
	budgets  []policy.Budget
	payments []*payment
	holds    map[int]hold
	latest   int // hold
}

// An Account is one key of a budget.
type Account struct {
	Budget int // its index
	Key    string
}

// A payment is what a row counts in an account.
type payment struct {
	account  Account
	row      ledger.Row
	at       time.Time
	cost     *big.Int
	exposure *big.Int
	unknown  int
	gone     bool // it was seen to have left the window
	extra    bool // it may be counted, and need not be
}

type hold struct {
	accounts []Account
	most     price.Pico
	at       time.Time
}

// New returns a Model with nothing spent.
func New(budgets []policy.Budget) *Model {
	return &Model{budgets: budgets, holds: make(map[int]hold)}
}

// Match returns the accounts of an attempt.
func (m *Model) Match(s *policy.Subject, tier policy.Tier, key string, tags map[string]string) (all []Account) {
	for i := range m.budgets {
		if m.budgets[i].Match.Matches(s, tags) {
			all = append(all, Account{i, policy.KeyOf(m.budgets[i].Per, s, tier, key, tags)})
		}
	}
	return all
}

// Hold holds an amount, and returns the number by which it is settled.
func (m *Model) Hold(now time.Time, accounts []Account, most price.Pico) int {
	m.latest++
	m.holds[m.latest] = hold{accounts, most, now}
	return m.latest
}

// Settle gives back what is held, and counts a row; nil if there is none.
func (m *Model) Settle(now time.Time, number int, row *ledger.Row) {
	h := m.holds[number]
	delete(m.holds, number)
	if row == nil {
		return
	}
	at := row.At
	if at.Before(h.at) {
		at = h.at
	}
	m.pay(h.accounts, at, row, h.most)
}

// Spend counts a row that no hold stands for.
func (m *Model) Spend(row *ledger.Row) {
	s := policy.Subject{Provider: row.Provider, Operation: row.Operation, Model: row.Model}
	m.pay(m.Match(&s, row.AskedTier, "", row.Tags), row.At, row, 0)
}

// pay counts a row, or has it replace the earlier one of its attempt.
func (m *Model) pay(accounts []Account, at time.Time, row *ledger.Row, held price.Pico) {
	known := false
	for _, p := range m.payments {
		same := p.row.Call == row.Call && p.row.Attempt == row.Attempt && row.Outcome != policy.Storage
		if !same || p.exposure.Sign() == 0 && p.unknown == 0 || p.extra {
			continue
		}
		known = true
		replaces := row.Replaces(&p.row)
		if p.gone { // an implementation may have forgotten it, and then counts both
			extra := *p
			if !replaces {
				extra.set(row, held)
			}
			extra.extra = true
			m.payments = append(m.payments, &extra)
		}
		if replaces {
			p.set(row, held)
		}
	}
	if known {
		return
	}
	for _, a := range accounts {
		p := &payment{account: a, at: at}
		p.set(row, held)
		m.payments = append(m.payments, p)
	}
}

// set takes the amounts of a row.
func (p *payment) set(row *ledger.Row, held price.Pico) {
	p.row = *row
	p.cost, p.exposure, p.unknown = big.NewInt(int64(row.Cost.Pico)), big.NewInt(int64(row.Exposure.Pico)), 0
	if row.Unpriced != "" && !row.Exposure.Known {
		if held > 0 {
			p.exposure.SetInt64(int64(held))
		} else {
			p.unknown = 1
		}
	}
}

// Look has the model see the time: what has left its window by then may be forgotten for good.
func (m *Model) Look(now time.Time) {
	for _, p := range m.payments {
		if b := &m.budgets[p.account.Budget]; left(b, p.at, now, 0) {
			p.gone = true
		}
	}
}

// left reports whether an amount of a time has left the window that contains now. late is for how much longer it counts in a
// sliding one.
func left(b *policy.Budget, at, now time.Time, late time.Duration) bool {
	if b.Every == "" {
		return !at.After(now.Add(-b.Window - late))
	}
	_, until := b.WindowAt(at)
	return !until.After(now)
}

// Held returns what is held in an account.
func (m *Model) Held(a Account) *big.Int {
	sum := new(big.Int)
	for _, h := range m.holds {
		for _, other := range h.accounts {
			if a == other {
				sum.Add(sum, big.NewInt(int64(h.most)))
			}
		}
	}
	return sum
}

// Spent returns what an account must count as spent at least, and may at most: the amounts that are within the window, and
// those that left a sliding one less than a sixtieth of it ago, or were seen to have left it before the clock was set back. It
// also returns the exposure in each.
func (m *Model) Spent(now time.Time, a Account) (least, most, leastExposure, mostExposure *big.Int) {
	least, most, leastExposure, mostExposure = new(big.Int), new(big.Int), new(big.Int), new(big.Int)
	b := &m.budgets[a.Budget]
	for _, p := range m.payments {
		if p.account != a {
			continue
		}
		if !p.gone && !p.extra && !left(b, p.at, now, 0) {
			least.Add(least, p.cost).Add(least, p.exposure)
			leastExposure.Add(leastExposure, p.exposure)
		}
		if !left(b, p.at, now, b.Window/60+1) {
			most.Add(most, p.cost).Add(most, p.exposure)
			mostExposure.Add(mostExposure, p.exposure)
		}
	}
	return least, most, leastExposure, mostExposure
}

// Accounts returns the accounts in which something was ever held or spent.
func (m *Model) Accounts() []Account {
	seen := make(map[Account]bool)
	var all []Account
	add := func(a Account) {
		if !seen[a] {
			seen[a] = true
			all = append(all, a)
		}
	}
	for _, p := range m.payments {
		add(p.account)
	}
	for _, h := range m.holds {
		for _, a := range h.accounts {
			add(a)
		}
	}
	return all
}

// Worst returns the most that was ever spent within one window of an account, wherever it begins.
func (m *Model) Worst(a Account) *big.Int {
	worst := new(big.Int)
	b := &m.budgets[a.Budget]
	for _, end := range m.payments {
		sum := new(big.Int)
		for _, p := range m.payments {
			if p.account == a && end.account == a && !p.extra && within(b, p.at, end.at) {
				sum.Add(sum, p.cost).Add(sum, p.exposure)
			}
		}
		if sum.Cmp(worst) > 0 {
			worst = sum
		}
	}
	return worst
}

// within reports whether a time is in the window that ends at end, or that contains it.
func within(b *policy.Budget, t, end time.Time) bool {
	from, until := b.WindowAt(end)
	if b.Every == "" {
		return t.After(from) && !t.After(end)
	}
	return !t.Before(from) && t.Before(until)
}
