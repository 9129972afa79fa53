package limit

import (
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// How a bucket learns.
const (
	// forgetTime is how long a limit holds that was stated once, and not again.
	forgetTime = time.Hour

	// longestBlock is the longest time for which a provider can have a bucket admit nothing. It is a little more than a day.
	longestBlock = 25 * time.Hour

	// marginShare is the part of the provider's limit that is left to others, if they use it up together with us: 1/50.
	marginShare = 50

	// The rate that is found without figures falls to fallTenths of what was achieved, and never below one floorShare of the
	// best that was ever achieved. In every riseTime with a success it rises by one riseShare of that.
	fallTenths = 7
	floorShare = 20
	riseShare  = 20
	riseTime   = 10 * time.Second
)

// learns reports whether the limit is one that learns, and matches the request.
func (g *group) learns(r *Request) bool {
	return g.limit.Learn && g.limit.Selects(&r.Subject, r.Tier, r.Tags)
}

// Learns implements [Learner].
func (q *Local) Learns(r *Request) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.ContainsFunc(q.groups, func(g *group) bool { return g.learns(r) })
}

// Learn implements [Learner], for each limit of the policy that learns and matches the request.
//
//   - A stated limit by the minute replaces the policy's where it is lower, or where the policy has none. It holds until an
//     answer states another, and for an hour at most. So nothing is ever admitted faster than the policy says.
//   - If less remains at the provider than we have left, others use its limit too. What we have left is then lowered to what
//     remains, less 1/50 of the limit. Both figures include our own attempts that are under way, as far as the provider had
//     seen them. Because it is not known when it looked, what we have left is the lower one of two: when this attempt was
//     admitted, and now. What was lowered in between for another answer is not lowered again. An answer that is more than a
//     window late says nothing.
//   - A rejection that says how long to wait admits nothing for so long. An answer that comes later but was on its way
//     before does not undo that.
//   - If nothing remains for the day, nothing is admitted until there is some again.
//   - A rejection where no limit is stated lowers the rate of requests to 7/10 of the one that was achieved in the last
//     minute, once for all attempts that were admitted until then, and not below 1/20 of the best until then. Every ten
//     seconds with a success raise it by 1/20 of that best, until it is twice as much and is no limit any more.
//
// How long an answer takes counts for nothing.
func (q *Local) Learn(r *Request, a Answer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	for _, g := range q.groups {
		if g.learns(r) {
			b := q.bucket(now, g, r)
			b.learn(now, r, &a)
			q.changed(now, b)
		}
	}
}

// learn has the bucket learn from the answer to a request.
func (b *bucket) learn(now instant, r *Request, a *Answer) {
	if b.learned == nil {
		b.learned = new(learned)
	}
	since, m := r.admittedTo(now, b)
	states := b.learnStated(now, r, a)
	b.learned.pace.learn(now.elapsed, since, a.Limited, states || b.learned.knows(now))
	b.setFlows(now)
	for i := range a.Quotas {
		if quota := &a.Quotas[i]; b.counts(r, quota) {
			b.learnRemaining(now, since, m, quota)
		}
	}
	if a.Limited && a.RetryAfter > 0 {
		b.block(now.Add(min(a.RetryAfter, longestBlock)))
	}
}

// admittedTo returns when the request was admitted, and how the bucket stood then. If that is not known, it is now and nil.
func (r *Request) admittedTo(now instant, b *bucket) (time.Duration, *mark) {
	if r.waiter != nil {
		for i := range r.waiter.marks {
			if m := &r.waiter.marks[i]; m.bucket == b {
				return r.waiter.since, m
			}
		}
	}
	return now.elapsed, nil
}

// counts reports whether a quota is about what the bucket counts. One for a single tier is, if all of the bucket's attempts
// ask for that.
func (b *bucket) counts(r *Request, quota *wire.Quota) bool {
	if quota.Tier == "" {
		return true
	}
	return quota.Tier == r.Tier && (b.group.limit.Tier == r.Tier || slices.Contains(b.group.per, "tier"))
}

// unitOf returns the unit of a quota.
func unitOf(u wire.QuotaUnit) unit {
	switch u {
	case wire.QuotaTokens:
		return unitTokens
	case wire.QuotaInputTokens:
		return unitInput
	case wire.QuotaOutputTokens:
		return unitOutput
	}
	return unitRequests
}

// perMinuteOf returns a quota's limit for a minute; 0 if it states none, or none by the minute. The limits of windows of some
// seconds are for a minute what they admit in one.
func perMinuteOf(quota *wire.Quota) int64 {
	const most = int64(1e15) // the largest that package wire reads
	if quota.Limit <= 0 || quota.Limit > most || quota.Window < time.Second || quota.Window > time.Hour {
		return 0
	}
	return max(1, int64(float64(quota.Limit)*float64(time.Minute)/float64(quota.Window)))
}

// learnStated takes the limits over that the answer states: of several for one unit the lowest. It reports whether there is
// one by the minute.
func (b *bucket) learnStated(now instant, r *Request, a *Answer) (states bool) {
	l := b.learned
	var lowest [units]int64
	for i := range a.Quotas {
		quota := &a.Quotas[i]
		if !b.counts(r, quota) {
			continue
		}
		u := unitOf(quota.Unit)
		if n := perMinuteOf(quota); n > 0 && (lowest[u] == 0 || n < lowest[u]) {
			lowest[u] = n
		}
		if quota.Window == day && quota.Limit > 0 {
			l.days[u].limit, l.days[u].at = quota.Limit, now.elapsed
		}
		if quota.Window == day && quota.Remaining >= 0 {
			b.learnDay(now, r, a, quota)
		}
	}
	for u, n := range lowest {
		if n > 0 {
			l.stated[u], states = stated{n, now.elapsed}, true
		} else if s := l.stated[u]; s.perMinute > 0 && now.elapsed-s.at > forgetTime {
			l.stated[u] = stated{}
		}
	}
	return states
}

const day = 24 * time.Hour

// learnDay notes what remains of a day's limit. If that is nothing, or not enough for the attempt, the bucket is blocked until
// there is some again: when the answer says so, or else at midnight where the provider's day ends.
func (b *bucket) learnDay(now instant, r *Request, a *Answer, quota *wire.Quota) {
	d := &b.learned.days[unitOf(quota.Unit)]
	var wait time.Duration
	switch {
	case quota.Reset >= 0 && quota.Limit > 0 && quota.Remaining == 0 && (quota.Reset-day).Abs() <= day/100:
		// It does not come back all at once, but evenly: the first of it comes now.
		wait = day / time.Duration(min(quota.Limit, int64(day)))
	case quota.Reset >= 0:
		wait = quota.Reset
	case a.RetryAfter > 0:
		wait = a.RetryAfter
	default:
		_, midnight := policy.EveryDay.WindowAt(now.In(zoneOf(b.group, r)))
		wait = midnight.Sub(now.Time)
	}
	d.remaining, d.until = quota.Remaining, now.Add(wait)
	if quota.Remaining == 0 || quota.Reset < 0 && a.RetryAfter > 0 {
		b.block(now.Add(min(wait, longestBlock)))
	}
}

// learnRemaining lowers what is left in a flow if less remains at the provider. See [Local.Learn].
func (b *bucket) learnRemaining(now instant, since time.Duration, m *mark, quota *wire.Quota) {
	if quota.Remaining < 0 {
		return
	}
	if quota.Window == 0 && quota.Remaining == 0 && quota.Reset > 0 {
		b.block(now.Add(min(quota.Reset, time.Minute))) // a window of a length that is not known, but its end is
		return
	}
	u := unitOf(quota.Unit)
	f := b.flow(u)
	if f == nil || perMinuteOf(quota) == 0 || m != nil && now.elapsed-since > quota.Window {
		return
	}
	left := f.left(now.Time)
	if m != nil && m.flows[u] {
		left = min(left, m.left[u]-(b.learned.drained[u]-m.drained[u]))
	}
	if n := left - (quota.Remaining - quota.Limit/marginShare); n > 0 {
		n = min(n, f.perMinute) // so that a wrong figure costs a minute at most
		f.take(now.Time, n)
		b.learned.drained[u] += n
	}
}
