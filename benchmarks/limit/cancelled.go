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
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// slowRate is the rate at which waiters give up, each second.
const slowRate = 10

// slowWays returns limiters of 10 requests per second, one at once.
func slowWays() []way {
	return []way{
		{oursRate, "skinflint", "", func() admit {
			return ours(limit.NewLocal([]policy.Limit{{RequestsPerMinute: slowRate * 60, Burst: 1}}, nil), limit.Request{Subject: subject}, nil)
		}},
		{"xtime", "golang.org/x/time/rate", "", func() admit { return rate.NewLimiter(slowRate, 1).Wait }},
		{"failsafe", "failsafe-go, smooth", "", func() admit {
			return ratelimiter.NewSmooth[any](slowRate, time.Second).AcquirePermit
		}},
	}
}

// A cancelRow is how long a call waits after others have given up.
type cancelRow struct {
	way  way
	wait time.Duration // the median
}

// measureCancelled has waiters give up in each way at the same time, as all but the call at the end only sleep.
func measureCancelled(ctx context.Context, size effort) ([]cancelRow, error) {
	ways := slowWays()
	waits := make([][]float64, len(ways))
	for range min(3, size.rounds) {
		errs := make([]error, len(ways))
		var all sync.WaitGroup
		for i, w := range ways {
			all.Go(func() {
				wait, err := afterCancelled(ctx, w.make, size.cancelled)
				waits[i] = append(waits[i], float64(wait))
				if err != nil {
					errs[i] = fmt.Errorf("%s: %w", w.name, err)
				}
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			return nil, err
		}
	}
	rows := make([]cancelRow, len(ways))
	for i, w := range ways {
		rows[i] = cancelRow{w, time.Duration(bench.Median(waits[i]))}
	}
	return rows, nil
}

// errAdmitted is the error if a call was admitted that was to give up.
var errAdmitted = errors.New("the machine is too busy: a call that was to give up within 50 ms was admitted after 100 ms")

// afterCancelled returns how long a call waits after n have given up. On a busy machine it tries again with another limiter.
func afterCancelled(ctx context.Context, create func() admit, n int) (wait time.Duration, err error) {
	for range 20 {
		if wait, err = cancelOnce(ctx, create(), n); !errors.Is(err, errAdmitted) {
			break
		}
	}
	return wait, err
}

// cancelOnce takes what may be taken at once, has n calls wait and give up, and returns how long the next one waits.
func cancelOnce(ctx context.Context, call admit, n int) (time.Duration, error) {
	if err := call(ctx); err != nil {
		return 0, err
	}
	giveUp, cancel := context.WithCancel(ctx)
	admitted := make(chan bool, n)
	var all sync.WaitGroup
	for range n {
		all.Go(func() { admitted <- call(giveUp) == nil })
	}
	time.Sleep(50 * time.Millisecond) // until all wait
	cancel()
	all.Wait()
	close(admitted)
	for is := range admitted {
		if is {
			return 0, errAdmitted
		}
	}
	start := time.Now()
	err := call(ctx)
	return time.Since(start), err
}
