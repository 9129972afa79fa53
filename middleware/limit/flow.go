package limit

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// A flow is the token bucket of one unit. Its tokens are below zero after an attempt that took more than its burst.
type flow struct {
	rate.Limiter
	unit      unit
	perMinute int64
	burst     int64  // that of the Limiter, for which no lock is needed
	since     uint64 // how many attempts were admitted before the bucket had it, which have taken nothing from it
}

// took returns what the attempt of a turn took from the flow, if that is n for flows that were there when it was admitted.
func (f *flow) took(turn uint64, n int64) int64 {
	if turn <= f.since {
		return 0
	}
	return n
}

// set gives the flow a rate and a burst. What is left of the old burst stays, as far as the new one has room for it.
func (f *flow) set(now time.Time, perMinute, burst int64) {
	f.SetLimitAt(now, rate.Limit(float64(perMinute)/60))
	f.SetBurstAt(now, whole(burst))
	f.perMinute, f.burst = perMinute, burst
}

// most returns how much a single attempt may take.
func (f *flow) most() int64 { return max(f.perMinute, f.burst) }

// left returns what the flow has left, rounded down; below zero it is a debt.
func (f *flow) left(now time.Time) int64 { return int64(math.Floor(f.TokensAt(now))) }

// until returns how long it takes until the flow admits an attempt that takes n, after others that take ahead. One that takes
// more than the burst goes when the bucket is full.
func (f *flow) until(now time.Time, n, ahead int64) time.Duration {
	if n == 0 {
		return 0
	}
	missing := float64(min(n, f.burst)) + float64(ahead) - f.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	ns := missing / float64(f.Limit()) * float64(time.Second)
	switch {
	case ns < 1: // a rounding error
		return 0
	case ns >= math.MaxInt64:
		return math.MaxInt64
	}
	return time.Duration(math.Ceil(ns))
}

// take takes n from the flow, or gives -n back. Only ReserveN changes the tokens, and no reservation is ever cancelled:
// after a negative one, CancelAt gives back too much.
func (f *flow) take(now time.Time, n int64) {
	if n <= f.burst {
		f.ReserveN(now, whole(n))
		return
	}
	// ReserveN takes no more than the burst at once.
	f.SetBurstAt(now, whole(n))
	f.ReserveN(now, whole(n))
	f.SetBurstAt(now, whole(f.burst))
}

// full reports whether nothing is missing.
func (f *flow) full(now time.Time) bool { return f.until(now, f.burst, 0) == 0 }

// whole returns n as an int, or the nearest one.
func whole(n int64) int { return int(max(math.MinInt, min(n, math.MaxInt))) }
