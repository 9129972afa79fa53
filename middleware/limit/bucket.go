package limit

import (
	"math"
	"time"

	"golang.org/x/time/rate"
)

// A unit is what a limit per minute counts.
type unit uint8

const (
	unitRequests unit = iota
	unitTokens
	unitInput
	unitOutput
	units
)

// amounts are what an attempt takes from each limit, by unit.
type amounts [units]int64

// mostTokens is more than an attempt can use. The sum of so many for each of a million attempts is still a number.
const mostTokens = 1 << 40

// amountsOf returns what an attempt takes that is estimated to use the tokens.
func amountsOf(t Tokens) amounts {
	in, out := min(max(t.Input, 0), mostTokens), min(max(t.Output, 0), mostTokens)
	return amounts{1, in + out, in, out}
}

// A bucket is a limit at work, for one of its keys. The limiter's lock guards it.
type bucket struct {
	group   *group
	key     string
	id      uint64
	flows   []flow   // of the units that the limit counts by the minute
	days    *days    // nil if the limit counts nothing by the day
	learned *learned // what the provider's answers have said; nil if nothing
	queue   *queue   // nil if no attempt waits for the bucket
	busy    int32    // attempts that hold a permit
}

// A flow is the token bucket of one unit. Its tokens are below zero after an attempt that took more than its burst.
type flow struct {
	rate.Limiter
	unit      unit
	perMinute int64
	burst     int64 // that of the Limiter, for which no lock is needed
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

// flow returns the flow of a unit; nil if the bucket has none.
func (b *bucket) flow(u unit) *flow {
	for i := range b.flows {
		if b.flows[i].unit == u {
			return &b.flows[i]
		}
	}
	return nil
}

// until returns how long it takes until rates and days admit an attempt that takes a, after others that take ahead.
func (b *bucket) until(now instant, a, ahead *amounts) (longest time.Duration) {
	for i := range b.flows {
		f := &b.flows[i]
		longest = max(longest, f.until(now.Time, a[f.unit], ahead[f.unit]))
	}
	if b.days != nil {
		longest = max(longest, b.days.until(now, b.group, a, ahead))
	}
	if b.learned != nil {
		longest = max(longest, b.learned.until.Sub(now.Time))
	}
	return longest
}

// open reports whether the bucket admits an attempt that takes a and leaves kept behind. If time alone will open it, it also
// returns after how long.
func (b *bucket) open(now instant, a, kept *amounts, permits int) (wait time.Duration, ok bool) {
	if c := b.group.limit.Concurrency; c > 0 && int(b.busy)+permits >= c {
		return 0, false
	}
	wait = b.until(now, a, kept)
	return wait, wait == 0
}

// full reports whether all permits are in use.
func (b *bucket) full() bool {
	return b.group.limit.Concurrency > 0 && int(b.busy) >= b.group.limit.Concurrency
}

// take admits an attempt that takes a.
func (b *bucket) take(now instant, a *amounts) {
	b.busy++
	for i := range b.flows {
		f := &b.flows[i]
		if n := a[f.unit]; n != 0 {
			f.take(now.Time, n)
		}
	}
	if b.days != nil {
		b.days.take(now, a)
	}
}

// settles reports whether an attempt counts for something else than it took, in what the bucket counts.
func (b *bucket) settles(took, counts *amounts) bool {
	for i := range b.flows {
		if u := b.flows[i].unit; took[u] != counts[u] {
			return true
		}
	}
	return b.days != nil && *took != *counts
}

// settle replaces what an attempt took at the time since by what it counts for.
func (b *bucket) settle(now instant, since time.Duration, took, counts *amounts) {
	for i := range b.flows {
		f := &b.flows[i]
		if n := counts[f.unit] - took[f.unit]; n != 0 {
			f.take(now.Time, n)
		}
	}
	if b.days != nil {
		b.days.settle(since, took, counts)
	}
}

// idle reports whether the bucket is as good as a new one.
func (b *bucket) idle(now instant) bool {
	if b.busy > 0 || b.queue != nil || b.learned != nil && b.learned.until.After(now.Time) {
		return false
	}
	for i := range b.flows {
		if !b.flows[i].full(now.Time) {
			return false
		}
	}
	return b.days == nil || b.days.unused(now)
}
