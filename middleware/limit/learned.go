package limit

import (
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

const (
	// forgetTime is how long a limit holds that was stated once, and not again.
	forgetTime = time.Hour

	// longestBlock is the longest time for which a provider can have a bucket admit nothing. It is a little more than a day.
	longestBlock = 25 * time.Hour
)

// A learned is what a bucket has learned about the provider's own limits.
type learned struct {
	until  time.Time     // nothing is admitted before
	stated [units]stated // what answers have said about limits by the minute
	days   [units]dayStated
	pace   pace

	// drained is all that was ever taken from each flow because others use the provider's limit too.
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

// daysLearned returns the levels of the days that answers have stated, where the policy has none that are lower.
func (l *learned) daysLearned(now instant, policy *policy.Limit) (levels []Level) {
	ours := [units]int64{unitRequests: int64(policy.RequestsPerDay), unitTokens: policy.TokensPerDay}
	for u, d := range l.days {
		if d.limit == 0 || now.elapsed-d.at > longestBlock || ours[u] > 0 && ours[u] <= d.limit {
			continue
		}
		v := Level{Unit: perDay[u], Limit: d.limit, Left: d.limit, Most: d.limit, Learned: true}
		if rest := d.until.Sub(now.Time); rest > 0 {
			v.Left, v.Full = d.remaining, rest
		}
		levels = append(levels, v)
	}
	return levels
}
