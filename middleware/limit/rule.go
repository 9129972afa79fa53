package limit

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// A planned is a flow of the policy's.
type planned struct {
	unit             unit
	perMinute, burst int64
}

func newGroup(l policy.Limit) *group {
	return &group{limit: l, text: Describe(l), per: l.Dimensions(), zone: l.Location(), plan: planOf(&l),
		daily: l.RequestsPerDay > 0 || l.TokensPerDay > 0, buckets: make(map[string]*bucket)}
}

// planOf returns the flows of a limit.
func planOf(l *policy.Limit) (plan []planned) {
	for _, p := range [...]planned{
		{unitRequests, int64(l.RequestsPerMinute), int64(l.Bursts())},
		{unitTokens, l.TokensPerMinute, l.TokenBursts(l.TokensPerMinute)},
		{unitInput, l.InputTokensPerMinute, l.TokenBursts(l.InputTokensPerMinute)},
		{unitOutput, l.OutputTokensPerMinute, l.TokenBursts(l.OutputTokensPerMinute)},
	} {
		if p.perMinute > 0 {
			plan = append(plan, p)
		}
	}
	return plan
}

// zoneOf returns where a day ends.
func zoneOf(g *group, r *Request) *time.Location {
	switch {
	case g.zone != nil:
		return g.zone
	case r != nil && r.Zone != nil:
		return r.Zone
	}
	return time.UTC
}

// levels returns the levels of a bucket from which nothing was taken.
func (g *group) levels() (levels []Level) {
	for _, p := range g.plan {
		levels = append(levels, Level{Unit: perMinute[p.unit], Limit: p.perMinute, Left: p.burst, Most: p.burst})
	}
	return append(levels, g.daysLeft(0, 0, 0)...)
}

// daysLeft returns the levels of a day of which so much is used, and which ends after rest.
func (g *group) daysLeft(requests, tokens int64, rest time.Duration) (levels []Level) {
	for _, l := range [...]Level{
		{Unit: "requests per day", Limit: int64(g.limit.RequestsPerDay), Left: requests},
		{Unit: perDay, Limit: g.limit.TokensPerDay, Left: tokens},
	} {
		if l.Limit == 0 {
			continue
		}
		if l.Left != 0 {
			l.Full = rest
		}
		l.Left, l.Most = l.Limit-l.Left, l.Limit
		levels = append(levels, l)
	}
	return levels
}
