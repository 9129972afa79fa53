package redis_test

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// Budgets says what is spent, held, and may have been charged, of sliding windows and of those of the calendar.
func TestBudgets(t *testing.T) {
	server := redistest.Start(t)
	client := newClient(t, server.Addr())
	group := newGroup()
	c := redis.Config{Group: group, Replicas: 2}
	store, other := newStore(t, client, c), newStore(t, client, c)
	budgets := []policy.Budget{
		{Name: "sliding", Window: time.Hour, Cap: 10 * dollar},
		{Name: "monthly", Every: policy.EveryMonth, Cap: 20 * dollar},
		{Name: "per model", Per: []string{"model"}, Window: time.Hour, Cap: 10 * dollar},
	}
	l := limiterOf(t, store, nil, budgets)
	m := limiterOf(t, other, nil, budgets)

	paid, lost, held := newRequest(2*dollar), newRequest(3*dollar), newRequest(4*dollar)
	mustWait(t, l, paid).Release(limit.Count{Requests: 1, Row: rowOf(paid, dollar)})
	row := rowOf(lost, 0)
	row.Outcome, row.Cost, row.Exposure = policy.Ambiguous, ledger.Amount{}, ledger.Known(3*dollar)
	mustWait(t, l, lost).Release(limit.Count{Requests: 1, Row: row})
	p := mustWait(t, m, held)
	defer p.Release(limit.Count{})
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	states := m.(*redis.Limiter).Budgets() // as the other process sees them
	if len(states) != 2 {
		t.Fatalf("%v, want those of two budgets", states)
	}
	for i, s := range states {
		if s.Budget.Name != budgets[i].Name || s.Budget.Cap != budgets[i].Cap || s.Spent != 4*dollar || s.Exposure != 3*dollar || s.Held != 4*dollar {
			t.Errorf("%v, exposure %v", s, s.Exposure)
		}
		if from, until := budgets[i].WindowAt(time.Now()); s.From.Sub(from).Abs() > time.Minute || !s.Until.Equal(until) {
			t.Errorf("%s: from %v until %v, want %v and %v", s.Budget.Name, s.From, s.Until, from, until)
		}
	}

	if err := server.RestartEmpty(); err != nil {
		t.Fatal(err)
	}
	if states, err := store.Budgets(t.Context()); err == nil {
		t.Errorf("%v after Redis has lost its data", states)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	if states := l.(*redis.Limiter).Budgets(); states != nil {
		t.Errorf("%v without Redis", states)
	}
}
