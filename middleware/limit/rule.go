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

// A rule is a limit of the policy, with what follows from it.
type rule struct {
	limit policy.Limit
	text  string // for errors
	per   []string
	zone  *time.Location // where its day ends; nil: the request says it
	plan  []planned      // the flows of a new bucket
	daily bool           // it counts by the day
}

func newRule(l policy.Limit) rule {
	return rule{limit: l, text: Describe(l), per: l.Dimensions(), zone: l.Location(), plan: planOf(&l),
		daily: l.RequestsPerDay > 0 || l.TokensPerDay > 0}
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

// zoneOf returns where a day ends: where the limit says, or else where the provider's day ends.
func (l *rule) zoneOf(provider *time.Location) *time.Location {
	switch {
	case l.zone != nil:
		return l.zone
	case provider != nil:
		return provider
	}
	return time.UTC
}

// levels returns the levels of a bucket from which nothing was taken.
func (l *rule) levels() (levels []Level) {
	for _, p := range l.plan {
		levels = append(levels, Level{Unit: perMinute[p.unit], Limit: p.perMinute, Left: p.burst, Most: p.burst})
	}
	return append(levels, l.daysLeft(0, 0, 0)...)
}

// daysLeft returns the levels of a day of which so much is used, and which ends after rest.
func (l *rule) daysLeft(requests, tokens int64, rest time.Duration) (levels []Level) {
	for _, v := range [...]Level{
		{Unit: perDay[unitRequests], Limit: int64(l.limit.RequestsPerDay), Left: requests},
		{Unit: perDay[unitTokens], Limit: l.limit.TokensPerDay, Left: tokens},
	} {
		if v.Limit == 0 {
			continue
		}
		if v.Left != 0 {
			v.Full = rest
		}
		v.Left, v.Most = v.Limit-v.Left, v.Limit
		levels = append(levels, v)
	}
	return levels
}
