package redis

import (
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// maxStates is how many keys of the limits with Per have a State.
const maxStates = 100

// unitsPerDay name what a limit counts by the day.
const (
	requestsPerDay = "requests per day"
	tokensPerDay   = "tokens per day"
)

// States returns how the limits stand, in their order. The methods Limits and Explain of middleware.Stack call it. It makes one
// round trip.
//
// Levels and Busy are those of all processes. Levels is nil, and Busy counts only the attempts of this process, if Redis does not
// answer. Waiting and Holders are those of this process. A limit with Per has a State for each of its keys that an attempt of this
// process holds a permit of, at most 100; one that has none has one State, without a key and without Levels.
func (l *Limiter) States() []limit.State {
	asks := l.limitsInUse()
	texts := l.store.values(asks)
	states := make([]limit.State, len(asks))
	for i := range asks {
		a := &asks[i]
		if a.bucket == nil {
			states[i] = limit.State{Limit: a.limit}
			continue
		}
		states[i] = l.store.holders(a)
		states[i].Waiting = l.store.lines.waitingFor(a.key)
		if texts != nil {
			a.read(&states[i], texts[i], l.store.now())
		}
	}
	return states
}

// limitsInUse returns the limits, each for the keys for which it is known to be in use. One with Per for which none is has no bucket.
func (l *Limiter) limitsInUse() (asks []limitAsk) {
	s := l.store
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range l.limits {
		if len(p.per) == 0 {
			asks = append(asks, limitAsk{limitPlan: p, bucket: p.buckets.of(s.limitPrefix, "", p.id, ""), zone: p.zone})
			continue
		}
		n := len(asks)
		for permit := range s.live {
			for _, a := range permit.ask.limits {
				known := slices.ContainsFunc(asks[n:], func(b limitAsk) bool { return a.key == b.key })
				if a.limitPlan == p && !known && len(asks)-n < maxStates {
					asks = append(asks, a)
				}
			}
		}
		if len(asks) == n {
			asks = append(asks, limitAsk{limitPlan: p})
		}
		slices.SortFunc(asks[n:], func(a, b limitAsk) int {
			if a.bucket == nil || b.bucket == nil {
				return 0
			}
			return strings.Compare(a.value, b.value)
		})
	}
	return asks
}

// values returns what Redis has of limits; nil if it does not answer.
func (s *Store) values(asks []limitAsk) []string {
	if len(asks) == 0 || s.health.isDown() {
		return nil
	}
	keys := make([]string, len(asks))
	for i := range asks {
		if keys[i] = s.keyState; asks[i].bucket != nil {
			keys[i] = asks[i].key
		}
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	values, err := s.client.MGet(ctx, keys...).Result()
	if err != nil {
		return nil
	}
	texts := make([]string, len(asks))
	for i, v := range values {
		texts[i], _ = v.(string)
	}
	return texts
}

// read reads the value that Redis has of a limit: see common.lua. An empty one is that of a limit from which nothing was taken.
func (l *limitAsk) read(state *limit.State, text string, now time.Time) {
	var n [11]int64 // by their places in the value, from 1 on
	b := text
	for i := 1; i < len(n) && len(b) > 0; i++ {
		long := size(b)
		if long == 0 || long > len(b) {
			return
		}
		n[i], b = number(b[:long]), b[long:]
	}
	elapsed := max(0, now.UnixMicro()-n[2])
	for _, r := range l.rates {
		const minute = int64(time.Minute / time.Microsecond)
		short := n[r.place]
		if short > 0 && elapsed > short/r.rate {
			short = 0
		}
		if short > 0 {
			short -= elapsed * r.rate
		}
		state.Levels = append(state.Levels, limit.Level{Unit: unitsOfRates[r.place], Limit: r.rate, Most: r.burst,
			Left: r.burst - (short+minute-1)/minute, Full: time.Duration(short/r.rate) * time.Microsecond})
	}
	if l.daily {
		zone := l.zone
		if zone == nil {
			zone = time.UTC
		}
		day := l.calendar.around(policy.EveryDay, zone, now)
		requests, tokens := n[9], n[10]
		if n[8] < day.at[1] {
			requests, tokens = 0, 0
		}
		for _, v := range []limit.Level{
			{Unit: requestsPerDay, Limit: int64(l.limit.RequestsPerDay), Left: requests},
			{Unit: tokensPerDay, Limit: l.limit.TokensPerDay, Left: tokens},
		} {
			if v.Limit == 0 {
				continue
			}
			if v.Left != 0 {
				v.Full = time.Unix(day.at[2], 0).Sub(now)
			}
			v.Left, v.Most = v.Limit-v.Left, v.Limit
			state.Levels = append(state.Levels, v)
		}
	}
	state.Busy = int(min(n[3], math.MaxInt32))
}

// BudgetStates returns how the budgets that match a request stand, each for the request's key. The method Explain of
// middleware.Stack calls it. It makes a round trip for each budget. An error says why it is not known how they stand.
func (l *Limiter) BudgetStates(r *limit.Request) ([]budget.State, error) {
	s := l.store
	asks := l.matchBudgets(&r.Subject, r.Tier, r.Key, r.Tags)
	if _, err := s.outage(); err != nil && len(asks) > 0 {
		return nil, err
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	states := make([]budget.State, 0, len(asks))
	for _, a := range asks {
		state, err := s.budgetState(ctx, a)
		if err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	return states, nil
}

// Refuses returns the error with which [Limiter.Wait] would refuse the request at once because of a budget; nil if it would not. It
// makes a round trip for each budget that matches. Frees is not set.
func (l *Limiter) Refuses(r *limit.Request) *budget.Error {
	asks := l.matchBudgets(&r.Subject, r.Tier, r.Key, r.Tags)
	if len(asks) == 0 {
		return nil
	}
	a := &ask{store: l.store, budgets: asks, most: nanosUp(r.Cost.Pico)}
	if err := a.noBound(r); err != nil {
		return err
	}
	states, err := l.BudgetStates(r)
	if err != nil {
		return unavailable(&asks[0], r, err)
	}
	for i, s := range states {
		b := &asks[i]
		only := b.only >= 0 && !r.Cheapest && nanosUp(s.Spent) >= b.only
		if a.most == 0 || !only && nanosUp(s.Spent)+a.most <= b.cap {
			continue
		}
		return &budget.Error{Budget: b.budget.Name, Key: s.Key, Window: budget.WindowText(&b.budget), Cap: picos(b.cap), Spent: s.Spent,
			Held: s.Held, Most: r.Cost.Pico, OnlyCheapest: only}
	}
	return nil
}
