package limit

import (
	"cmp"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A learned is what a bucket has learned about the provider's own limits.
type learned struct {
	until  time.Time     // nothing is admitted before
	stated [units]stated // what answers have said about limits by the minute
	days   [units]dayStated
	pace   pace

	// drained is what was taken from each flow because others use the provider's limit too, ever.
	drained [units]int64
}

// A stated is a limit by the minute that an answer has stated. The zero stated is none.
type stated struct {
	perMinute int64
	at        time.Duration
}

// A dayStated is a limit of a day that an answer has stated. The zero dayStated is none.
type dayStated struct {
	limit, remaining int64
	until            time.Time // when it is available again; zero if that is not known
	at               time.Duration
}

// knows reports whether a limit by the minute was stated.
func (l *learned) knows(now instant) bool {
	return slices.ContainsFunc(l.stated[:], func(s stated) bool { return s.perMinute > 0 && now.elapsed-s.at <= forgetTime })
}

// inForce reports whether something is learned.
func (l *learned) inForce(now instant) bool {
	return l != nil && (l.pace.perMinute > 0 || l.knows(now) || len(l.daysLearned(now, new(policy.Limit))) > 0)
}

// setFlows gives the bucket the rates in force: for each unit the lowest of the policy's, the stated one and the one that was
// found.
func (b *bucket) setFlows(now instant) {
	l := &b.group.limit
	for u := range units {
		var p planned
		for _, is := range b.group.plan {
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
			b.setRate(now.Time, u, rate, burst)
		}
	}
}

// lower returns the lower one of two figures of which zero is none.
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

// daysLearned returns the levels of the days that answers have stated, where the policy has none that are lower.
func (l *learned) daysLearned(now instant, policy *policy.Limit) (levels []Level) {
	ours := [units]int64{unitRequests: int64(policy.RequestsPerDay), unitTokens: policy.TokensPerDay}
	for u, d := range l.days {
		if d.limit == 0 || now.elapsed-d.at > longestBlock || ours[u] > 0 && ours[u] <= d.limit {
			continue
		}
		v := Level{Unit: perDayOf[u], Limit: d.limit, Left: d.limit, Most: d.limit, Learned: true}
		if rest := d.until.Sub(now.Time); rest > 0 {
			v.Left, v.Full = d.remaining, rest
		}
		levels = append(levels, v)
	}
	return levels
}

// perDayOf names what limits of a day count.
var perDayOf = [units]string{"requests per day", perDay, "input tokens per day", "output tokens per day"}

// setRate has the bucket admit so many of a unit in a minute, and so many at once after a pause. A unit that the bucket has
// not counted so far begins with all of its burst. The caller then calls [Local.changed].
func (b *bucket) setRate(now time.Time, u unit, perMinute, burst int64) {
	f := b.flow(u)
	if f == nil {
		b.flows = append(b.flows, flow{unit: u})
		f = &b.flows[len(b.flows)-1]
		f.set(time.Time{}, perMinute, burst)
		return
	}
	f.set(now, perMinute, burst)
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
