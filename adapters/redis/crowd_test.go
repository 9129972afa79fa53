package redis_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A thousand calls of three processes against a cap of $5, of which 30 % fail in some way, and of which many are asked for
// while others hold what they need.
func TestCap(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	const limitOf = 5 * dollar
	budgets := []policy.Budget{{Name: "b", Every: policy.EveryMonth, Cap: limitOf}}
	c := redis.Config{Group: newGroup(), Replicas: 3}
	var limiters []limit.Limiter
	var stores []*redis.Store
	for range 3 {
		s := newStore(t, client, c)
		stores, limiters = append(stores, s), append(limiters, limiterOf(t, s, nil, budgets))
	}
	var paid atomic.Int64
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			r := newRequest(20 * dollar / 1000)
			r.MaxWait = 3 * time.Second
			p, err := limiters[i%3].Wait(context.Background(), r)
			var e *budget.Error
			if err != nil {
				if !errors.As(err, &e) {
					t.Error(err)
				}
				return
			}
			time.Sleep(time.Duration(rand.IntN(3)) * time.Millisecond)
			cost := price.Pico(rand.Int64N(int64(r.Cost.Pico)))
			switch rand.IntN(10) {
			case 0: // never sent
				p.Release(limit.Count{})
			case 1: // it was cut, and it is not known what it cost
				paid.Add(int64(cost))
				row := rowOf(r, 0)
				row.Outcome, row.Exposure = policy.Ambiguous, ledger.Known(r.Cost.Pico)
				p.Release(limit.Count{Requests: 1, Row: row})
			case 2:
				p.Release(limit.Count{Requests: 1, Row: &ledger.Row{Call: r.Call, Attempt: 1, Outcome: policy.Rejected}})
			default:
				paid.Add(int64(cost))
				p.Release(limit.Count{Requests: 1, Row: rowOf(r, cost)})
			}
		})
	}
	all.Wait()
	for _, s := range stores {
		if err := s.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	s, held := spent(t, limiters[0], limitOf)
	if held != 0 || s > limitOf || s < limitOf*8/10 || price.Pico(paid.Load()) > s {
		t.Errorf("%v spent, %v held of %v; the calls cost %v", s, held, limitOf, price.Pico(paid.Load()))
	}
}

// Two processes that ask for as much as they get are admitted at the limit, and not above it. A large attempt of one is not
// starved by the small ones of the other.
func TestRateOfFleet(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	limits := []policy.Limit{{Name: "r", TokensPerMinute: 600_000, TokenBurst: 2_000}} // 10,000 a second
	c := redis.Config{Group: newGroup(), Replicas: 2}
	small := limiterOf(t, newStore(t, client, c), limits, nil)
	large := limiterOf(t, newStore(t, client, c), limits, nil)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	var used, larges atomic.Int64
	var all sync.WaitGroup
	begin := time.Now()
	work := func(l limit.Limiter, tokens int64, counts *atomic.Int64) {
		for ctx.Err() == nil {
			r := newRequest(0)
			r.Tokens.Input = tokens
			if p, err := l.Wait(ctx, r); err == nil {
				used.Add(tokens)
				counts.Add(1)
				p.Release(limit.Count{Requests: 1, Tokens: r.Tokens})
			}
		}
	}
	var smalls atomic.Int64
	for range 4 {
		all.Go(func() { work(small, 100, &smalls) })
	}
	all.Go(func() { work(large, 2_000, &larges) })
	all.Wait()
	most := 2_000 + int64(time.Since(begin).Seconds()*10_000)
	if n := used.Load(); n > most || n < most*85/100 {
		t.Errorf("%d tokens were used, want %d", n, most)
	}
	if larges.Load() < 1 {
		t.Error("the large attempts were starved")
	}
	t.Logf("%d small, %d large", smalls.Load(), larges.Load())
}
