package limit

import (
	"cmp"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// plan gives a bucket the flows and days of its rule. Those that are there keep what was taken from them.
func (b *bucket) plan(now instant) {
	l := b.rule
	old := bucket{flows: b.flows}
	b.flows = make([]flow, len(l.plan))
	for i, p := range l.plan {
		f := &b.flows[i]
		f.unit = p.unit
		f.set(time.Time{}, p.perMinute, p.burst) // a flow of which the last change was so long ago is full
		f.since = now.turn
		if was := old.flow(p.unit); was != nil {
			f.since = was.since
			if missing := was.burst - was.left(now.Time); missing > 0 {
				f.take(now.Time, missing)
			}
		}
	}
	switch {
	case !l.daily:
		b.days = nil
	case b.days == nil:
		b.days = &days{zone: l.zoneOf(b.zone)}
		b.days.roll(now)
	}
	if b.learned != nil {
		b.setFlows(now)
	}
}

// setFlows gives the bucket the rates in force: for each unit the lowest of the policy's, the stated one and the one that was
// found.
func (b *bucket) setFlows(now instant) {
	l := &b.rule.limit
	for u := range units {
		var p planned
		for _, is := range b.rule.plan {
			if is.unit == u {
				p = is
			}
		}
		rate := lower(p.perMinute, b.learned.stated[u].perMinute)
		if u == unitRequests {
			rate = lower(rate, b.learned.pace.perMinute)
		}
		burst := p.burst
		if rate != p.perMinute {
			burst = lower(p.burst, burstOf(l, u, rate))
		}
		f := b.flow(u)
		switch {
		case rate == 0:
			b.unset(u)
		case f == nil || f.perMinute != rate || f.burst != burst:
			b.setRate(now, u, rate, burst)
		}
	}
}

// lower returns the lower of two figures. Zero is no figure.
func lower(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// burstOf returns how much of a learned rate may be taken at once: what the policy says, or its default for such a rate.
func burstOf(l *policy.Limit, u unit, perMinute int64) int64 {
	if u == unitRequests {
		return min(perMinute, cmp.Or(int64(l.Burst), max(1, perMinute/60)))
	}
	return min(perMinute, l.TokenBursts(perMinute))
}

// setRate has the bucket admit so many of a unit in a minute, and so many at once after a pause. A unit that the bucket has
// not counted so far begins with all of its burst. The caller then calls [Local.changed].
func (b *bucket) setRate(now instant, u unit, perMinute, burst int64) {
	f := b.flow(u)
	if f == nil {
		b.flows = append(b.flows, flow{unit: u, since: now.turn})
		f = &b.flows[len(b.flows)-1]
		f.set(time.Time{}, perMinute, burst)
		return
	}
	f.set(now.Time, perMinute, burst)
}

// unset has the bucket count a unit no longer. The caller then calls [Local.changed].
func (b *bucket) unset(u unit) {
	for i := range b.flows {
		if b.flows[i].unit == u {
			b.flows = append(b.flows[:i], b.flows[i+1:]...)
			return
		}
	}
}

// block has the bucket admit nothing until a time. The caller then calls [Local.changed].
func (b *bucket) block(until time.Time) {
	if b.learned == nil {
		b.learned = new(learned)
	}
	if until.After(b.learned.until) {
		b.learned.until = until
	}
}
