package limit

import (
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// marginShare is the part of the provider's limit that is left to others, if they use it up together with us: 1/50.
const marginShare = 50

// learn has the bucket learn from the answer to an attempt.
func (b *bucket) learn(now instant, n *notes, m *mark, a *Answer) {
	if b.learned == nil {
		b.learned = new(learned)
	}
	states := b.learnStated(now, n, a)
	b.learned.pace.learn(now.elapsed, n.since, a.Limited, states || b.learned.knows(now))
	b.setFlows(now)
	for i := range a.Quotas {
		if quota := &a.Quotas[i]; b.counts(n, quota) {
			b.learnRemaining(now, n.since, m, quota)
		}
	}
	if a.Limited && a.RetryAfter > 0 {
		b.block(now.Add(min(a.RetryAfter, longestBlock)))
	}
}

// counts reports whether a quota is about what the bucket counts. One for a single tier is, if all of the bucket's attempts
// ask for that.
func (b *bucket) counts(n *notes, quota *wire.Quota) bool {
	if quota.Tier == "" {
		return true
	}
	return quota.Tier == n.tier && (b.rule.limit.Tier == n.tier || slices.Contains(b.rule.per, "tier"))
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
func (b *bucket) learnStated(now instant, n *notes, a *Answer) (states bool) {
	l := b.learned
	var lowest [units]int64
	for i := range a.Quotas {
		quota := &a.Quotas[i]
		if !b.counts(n, quota) {
			continue
		}
		u := unitOf(quota.Unit)
		if f := perMinuteOf(quota); f > 0 && (lowest[u] == 0 || f < lowest[u]) {
			lowest[u] = f
		}
		if quota.Window == day && quota.Limit > 0 {
			l.days[u].limit, l.days[u].at = quota.Limit, now.elapsed
		}
		if quota.Window == day && quota.Remaining >= 0 {
			b.learnDay(now, n, a, quota)
		}
	}
	for u, f := range lowest {
		if f > 0 {
			l.stated[u], states = stated{f, now.elapsed}, true
		} else if s := l.stated[u]; s.perMinute > 0 && now.elapsed-s.at > forgetTime {
			l.stated[u] = stated{}
		}
	}
	return states
}

const day = 24 * time.Hour

// learnDay notes what remains of a day's limit. If that is nothing, or not enough for the attempt, the bucket is blocked until
// there is some again: when the answer says so, or else at midnight where the provider's day ends.
func (b *bucket) learnDay(now instant, n *notes, a *Answer, quota *wire.Quota) {
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
		_, midnight := policy.EveryDay.WindowAt(now.In(b.rule.zoneOf(n.zone)))
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
	if f == nil || perMinuteOf(quota) == 0 || now.elapsed-since > quota.Window {
		return
	}
	left := f.left(now.Time)
	if m.flows[u] {
		left = min(left, m.left[u]-(b.learned.drained[u]-m.drained[u]))
	}
	if n := left - (quota.Remaining - quota.Limit/marginShare); n > 0 {
		n = min(n, f.perMinute) // so that a wrong figure costs a minute at most
		f.take(now.Time, n)
		b.learned.drained[u] += n
	}
}
