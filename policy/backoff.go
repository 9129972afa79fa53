package policy

import (
	"math"
	"math/bits"
	"time"
)

// backoff returns base doubled n times, but not more than most. It is the bound from which [Wait] draws a wait.
func backoff(n int, base, most time.Duration) time.Duration {
	if base <= 0 || most <= 0 || n < 0 {
		return 0
	}
	if n >= 62 || base > most>>n {
		return most
	}
	return base << n
}

// Wait returns how long to wait before an attempt: max(hint, U(0, bound)) + U(0, hint/10). The hint is the wait that the
// server asked for, and U(0, x) is drawn uniformly from [0, x). This is full jitter that is never earlier than the server
// said, and that spreads clients which got the same hint. The two halves of random are the two draws. Negative durations
// count as 0.
func Wait(hint, bound time.Duration, random uint64) time.Duration {
	hint, bound = max(hint, 0), max(bound, 0)
	wait := max(hint, share(bound, uint32(random)))
	spread := share(hint/10, uint32(random>>32))
	if wait > math.MaxInt64-spread {
		return math.MaxInt64
	}
	return wait + spread
}

// share returns d * r / 2^32.
func share(d time.Duration, r uint32) time.Duration {
	hi, lo := bits.Mul64(uint64(d), uint64(r))
	return time.Duration(hi<<32 | lo>>32)
}
