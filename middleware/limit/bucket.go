package limit

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A bucket is a limit at work, for one of its keys. The limiter's lock guards it.
type bucket struct {
	rule    *rule
	key     string
	id      uint64
	zone    *time.Location // where the provider's day ends, as its first request says; nil: UTC
	flows   []flow         // of the units that the limit counts by the minute
	days    *days          // nil if the limit counts nothing by the day
	learned *learned       // what the provider's answers have said; nil if nothing
	queue   *queue         // nil if no attempt waits for the bucket
	busy    int32          // attempts that hold a permit
}

// A mark is how a bucket stood when it had admitted an attempt.
type mark struct {
	bucket        *bucket
	left, drained [units]int64
	flows         [units]bool // that the bucket had
}

// notes are what buckets that learn need to know of an attempt when its answer has come.
type notes struct {
	since time.Duration // when it was admitted
	tier  policy.Tier
	zone  *time.Location
	marks []mark
}

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
		longest = max(longest, b.days.until(now, &b.rule.limit, a, ahead))
	}
	return max(longest, b.untilLearned(now))
}

// untilLearned returns for how long the provider has asked that nothing is sent.
func (b *bucket) untilLearned(now instant) time.Duration {
	if b.learned == nil {
		return 0
	}
	return max(0, b.learned.until.Sub(now.Time))
}

// open reports whether the bucket admits an attempt that takes a and leaves kept behind. If time alone will open it, it also
// returns after how long.
func (b *bucket) open(now instant, a, kept *amounts, permits int) (wait time.Duration, ok bool) {
	if c := b.rule.limit.Concurrency; c > 0 && int(b.busy)+permits >= c {
		return 0, false
	}
	wait = b.until(now, a, kept)
	return wait, wait == 0
}

// full reports whether all permits are in use.
func (b *bucket) full() bool {
	return b.rule.limit.Concurrency > 0 && int(b.busy) >= b.rule.limit.Concurrency
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
func (b *bucket) settles(turn uint64, took, counts *amounts) bool {
	for i := range b.flows {
		f := &b.flows[i]
		if f.took(turn, took[f.unit]) != counts[f.unit] {
			return true
		}
	}
	return b.days != nil && *took != *counts
}

// settle replaces what the attempt of a turn took by what it counts for.
func (b *bucket) settle(now instant, turn uint64, took, counts *amounts) {
	for i := range b.flows {
		f := &b.flows[i]
		if n := counts[f.unit] - f.took(turn, took[f.unit]); n != 0 {
			f.take(now.Time, n)
		}
	}
	if b.days != nil {
		b.days.settle(turn, took, counts)
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

// mark returns how the bucket stands.
func (b *bucket) mark(now instant) mark {
	m := mark{bucket: b}
	for i := range b.flows {
		f := &b.flows[i]
		m.left[f.unit], m.flows[f.unit] = f.left(now.Time), true
	}
	if b.learned != nil {
		m.drained = b.learned.drained
	}
	return m
}
