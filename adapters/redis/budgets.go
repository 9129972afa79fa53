package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/policy"
)

//go:embed scripts/budget.lua
var budgetLua string

var budgetScript = withCommon(budgetLua)

// Budgets returns how the budgets of all limiters of the Store stand, each once. A budget with Per is left out: Redis has hashes
// of its values only. The Cap is that of the policy, also if a part of it is set aside: see [Config.BudgetShare].
//
// It fails if Redis cannot be reached, or does not know what was spent. It makes a round trip for each budget.
func (s *Store) Budgets(ctx context.Context) ([]budget.State, error) {
	return s.budgetStates(ctx, s.budgetPlans())
}

// Budgets is [Store.Budgets] for the budgets of the Limiter, within the timeouts of the client. It returns nil if it is not known
// how they stand. The methods Budgets and Explain of middleware.Stack call it.
func (l *Limiter) Budgets() []budget.State {
	if l.store.health.isDown() {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	states, err := l.store.budgetStates(ctx, l.budgets)
	if err != nil {
		return nil
	}
	return states
}

func (s *Store) budgetStates(ctx context.Context, plans []*budgetPlan) ([]budget.State, error) {
	states := make([]budget.State, 0, len(plans))
	for _, p := range plans {
		if len(p.budget.Per) > 0 {
			continue
		}
		state, err := s.budgetState(ctx, s.budgetAsk(p, ""))
		if err != nil {
			return nil, fmt.Errorf("redis: it is not known how the budget %s stands: %w", p.budget.Name, err)
		}
		states = append(states, state)
	}
	return states, nil
}

// budgetState returns how a budget stands, for one of its values.
func (s *Store) budgetState(ctx context.Context, b budgetAsk) (state budget.State, err error) {
	for range 2 { // the second time with Redis's clock
		arg := newPacker()
		arg.text(layout)
		b.window(&arg, s.now())
		before := time.Now()
		r, err := s.runScript(ctx, budgetScript, []string{s.keyState, b.key, b.slices, s.prefix + keyMark + b.id}, arg.b)
		if err != nil {
			return state, err
		}
		s.learnClock(before, r.n[1])
		switch r.code() {
		case replyDone:
			state = budget.State{Budget: b.budget, Key: policy.KeyText(b.budget.Per, b.value), Spent: picos(r.n[2]), Exposure: picos(r.n[3]), Held: picos(r.n[4])}
			state.From, state.Until = b.budget.WindowAt(time.UnixMicro(r.n[1]))
			return state, nil
		case replyClosed:
			return state, errClosed
		case replyUncounted:
			return state, errUncounted
		case replyVersion:
			return state, s.versionError(r.state)
		}
	}
	return state, errors.New("the clock of Redis differs from this process's by more than a window of the calendar")
}
