package limit

import (
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/skinflint-go/skinflint/policy"
)

// A bucket is one limit at work. Its queue's lock guards it.
type bucket struct {
	limit policy.Limit
	rate  *rate.Limiter // nil: any rate
	busy  int           // permits in use
	said  time.Time     // when the log last said who holds them

	// While the queue is served, places that are kept for lines that were overtaken too often:
	keptPermits int
	keptTokens  int
}

func newBucket(l policy.Limit) *bucket {
	b := &bucket{limit: l}
	if l.RequestsPerMinute > 0 {
		b.rate = rate.NewLimiter(rate.Limit(float64(l.RequestsPerMinute)/60), l.Bursts())
	}
	return b
}

// open reports whether the bucket admits one more attempt, apart from what it keeps for others. If its rate does not, it
// also returns after how long the rate will.
func (b *bucket) open(now time.Time) (wait time.Duration, ok bool) {
	if b.limit.Concurrency > 0 && b.busy+b.keptPermits >= b.limit.Concurrency {
		return 0, false
	}
	wait = b.until(now, 1+b.keptTokens)
	return wait, wait == 0
}

// until returns how long it takes until the bucket's rate admits n attempts.
func (b *bucket) until(now time.Time, n int) time.Duration {
	if b.rate == nil {
		return 0
	}
	missing := float64(n) - b.rate.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return time.Duration(math.Ceil(missing / float64(b.rate.Limit()) * float64(time.Second)))
}

// full reports whether all permits are in use.
func (b *bucket) full() bool { return b.limit.Concurrency > 0 && b.busy >= b.limit.Concurrency }

// take admits one attempt.
func (b *bucket) take(now time.Time) {
	b.busy++
	if b.rate != nil {
		b.rate.AllowN(now, 1)
	}
}

// interval returns the time between two tokens of the bucket's rate.
func (b *bucket) interval() time.Duration {
	return time.Minute / time.Duration(b.limit.RequestsPerMinute)
}
