package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/ratelimiter"
	"golang.org/x/time/rate"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// An admit waits until a call is admitted, and ends the call at once.
type admit func(context.Context) error

// A way is a limiter whose limits are never reached.
type way struct {
	key  string
	name string
	does string
	make func() admit
}

// perSecond is the rate of limits that must not hold anything up.
const perSecond = 100_000_000

// subject is what calls are about.
var subject = policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}

// ours admits calls by a limiter of ours.
func ours(l limit.Limiter, r limit.Request, row *ledger.Row) admit {
	count := limit.Count{Requests: 1, Tokens: r.Tokens, Row: row}
	return func(ctx context.Context) error {
		request := r // of each call
		p, err := l.Wait(ctx, &request)
		switch {
		case err != nil:
			return err
		case p == nil:
			return errors.New("no limit matches")
		}
		p.Release(count)
		return nil
	}
}

const (
	oursRate = "skinflint"
	oursAll  = "skinflint_all"
)

// localWays returns what is measured in one process.
func localWays() []way {
	return []way{
		{oursRate, "skinflint, requests per minute", "one limit, and the permit's end", func() admit {
			l := policy.Limit{RequestsPerMinute: perSecond * 60, Burst: perSecond}
			return ours(limit.NewLocal([]policy.Limit{l}, nil), limit.Request{Subject: subject}, nil)
		}},
		{oursAll, "skinflint, everything", "requests, tokens, a day, permits, and a budget of money", func() admit {
			l := policy.Limit{RequestsPerMinute: perSecond * 60, Burst: perSecond, TokensPerMinute: perSecond * 6000, TokenBurst: perSecond * 100,
				RequestsPerDay: 1 << 30, Concurrency: 100_000}
			b := policy.Budget{Name: "month", Every: policy.EveryMonth, Cap: price.MustUSD("1000000")}
			cost := ledger.Amount{Known: true, Pico: price.MustUSD("0.000001")}
			return ours(limit.NewLocal([]policy.Limit{l}, []policy.Budget{b}),
				limit.Request{Subject: subject, Tokens: limit.Tokens{Input: 10, Output: 10}, Cost: cost},
				&ledger.Row{Cost: cost})
		}},
		{"xtime", "golang.org/x/time/rate", "one limit", func() admit {
			return rate.NewLimiter(perSecond, perSecond).Wait
		}},
		{"failsafe", "failsafe-go, smooth", "one limit", func() admit {
			return ratelimiter.NewSmooth[any](perSecond, time.Second).AcquirePermit
		}},
		{"failsafe_bursty", "failsafe-go, bursty", "one limit", func() admit {
			return ratelimiter.NewBursty[any](perSecond, time.Second).AcquirePermit
		}},
	}
}

// A localRow is what one way costs.
type localRow struct {
	way       way
	alone     bench.Timing // of one call
	contended bench.Timing
	allocs    float64
	bytes     float64
}

// measureLocal measures calls that are admitted at once.
func measureLocal(ctx context.Context, size effort) ([]localRow, error) {
	ways := localWays()
	rows := make([]localRow, len(ways))
	const xtime = 2 // the reference
	alone, err := bench.Interleave(size.rounds, len(ways), xtime, func(i int) (time.Duration, error) {
		call := ways[i].make()
		return bench.Repeat(size.calls/10, size.calls, func() error { return call(ctx) })
	})
	if err != nil {
		return nil, err
	}
	contended, err := bench.Interleave(size.rounds, len(ways), xtime, func(i int) (time.Duration, error) {
		return share(ctx, size.together, size.calls, ways[i].make())
	})
	if err != nil {
		return nil, err
	}
	for i, w := range ways {
		call := w.make()
		allocs, bytes, err := bench.Allocated(size.calls, func() error { return call(ctx) })
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w.name, err)
		}
		rows[i] = localRow{w, alone[i], contended[i], allocs, bytes}
	}
	return rows, nil
}

// share returns how long one of n calls takes when so many goroutines make them at once: the time of all, divided by their
// number.
func share(ctx context.Context, goroutines, n int, call admit) (time.Duration, error) {
	each := max(1, n/goroutines)
	begin := make(chan struct{})
	failed := make(chan error, goroutines)
	var ready, all sync.WaitGroup
	for range goroutines {
		ready.Add(1)
		all.Go(func() {
			ready.Done()
			<-begin
			for range each {
				if err := call(ctx); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	ready.Wait()
	start := time.Now()
	close(begin)
	all.Wait()
	took := time.Since(start)
	select {
	case err := <-failed:
		return 0, err
	default:
		return took / time.Duration(each*goroutines), nil
	}
}
