package main

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// A growthRow is what it costs to admit a call behind a few others, and behind many.
type growthRow struct {
	name   string
	few    time.Duration // for each call
	many   time.Duration
	growth float64 // many over few, in the same round
}

// queues are limits that calls wait for.
var queues = []struct {
	name  string
	limit policy.Limit
}{
	{"permits: 1 at once", policy.Limit{Concurrency: 1}},
	{"permits and a rate", policy.Limit{Concurrency: 1, RequestsPerMinute: perSecond * 60, Burst: perSecond, TokensPerMinute: perSecond * 600}},
}

// measureGrowth measures queues of both lengths.
func measureGrowth(ctx context.Context, size effort) ([]growthRow, error) {
	var rows []growthRow
	for _, q := range queues {
		lengths := []int{size.few, size.many}
		took, err := bench.Interleave(size.rounds, len(lengths), 0, func(i int) (time.Duration, error) {
			return behind(ctx, q.limit, lengths[i], size.many)
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.name, err)
		}
		rows = append(rows, growthRow{q.name, took[0].Time, took[1].Time, took[1].Ratio})
	}
	return rows, nil
}

// behind returns how long one of n calls takes while so many others wait: each goroutine that is admitted ends its call and
// waits again, so that the queue keeps its length.
func behind(ctx context.Context, l policy.Limit, waiters, n int) (time.Duration, error) {
	limiter := limit.NewLocal([]policy.Limit{l}, nil)
	hold, err := limiter.Wait(ctx, &limit.Request{Subject: subject})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var admitted atomic.Int64
	finished := make(chan time.Time, 1)
	failed := make(chan error, waiters)
	var all sync.WaitGroup
	for range waiters {
		all.Go(func() {
			for {
				p, err := limiter.Wait(ctx, &limit.Request{Subject: subject})
				if err != nil {
					if ctx.Err() == nil {
						failed <- err
						cancel()
					}
					return
				}
				if int(admitted.Add(1)) == n {
					finished <- time.Now()
					cancel() // before the permit ends, so that no further call is admitted
				}
				p.Release(limit.Count{Requests: 1})
			}
		})
	}
	for limiter.States()[0].Waiting < waiters {
		if ctx.Err() != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	runtime.GC()
	start := time.Now()
	hold.Release(limit.Count{Requests: 1})
	all.Wait()
	select {
	case err := <-failed:
		return 0, err
	case end := <-finished:
		return end.Sub(start) / time.Duration(n), nil
	default:
		return 0, context.Cause(ctx)
	}
}
