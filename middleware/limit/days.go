package limit

import (
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// longestDay is longer than any day: one on which clocks go back has 25 hours.
const longestDay = 25 * time.Hour

// days count by the day, of a zone. A new day begins when the clock passes midnight, and as much time has passed as the day
// had left when it began: a clock that is set forwards does not end it. If the clock is set back, the day that was begun goes
// on, so that no day is granted twice; but for no longer than longestDay, because a clock that was wrong by years would else
// keep the limit shut.
type days struct {
	zone      *time.Location
	from, end int64         // in Unix seconds
	begun     time.Duration // when the limiter began to count this day
	passed    time.Duration // when as much time has passed as the day had left then
	since     uint64        // how many attempts were admitted before
	requests  int64
	tokens    int64
}

// roll begins a new day if it is time.
func (d *days) roll(now instant) {
	unix := now.Unix()
	switch age := now.elapsed - d.begun; {
	case d.end == 0: // it is the first day
	case age < longestDay && (unix < d.end || now.elapsed < d.passed-slack), unix >= d.from && unix < d.end:
		return
	}
	from, until := policy.EveryDay.WindowAt(now.In(d.zone))
	*d = days{zone: d.zone, from: from.Unix(), end: until.Unix(), begun: now.elapsed, passed: now.elapsed + until.Sub(now.Time), since: now.turn}
}

// take counts an attempt.
func (d *days) take(now instant, a *amounts) {
	d.roll(now)
	d.requests += a[unitRequests]
	d.tokens = sum(d.tokens, a[unitTokens])
}

// settle replaces what was counted for an attempt, unless the day on which it was admitted is over.
func (d *days) settle(turn uint64, took, counts *amounts) {
	if turn <= d.since {
		return
	}
	d.requests += counts[unitRequests] - took[unitRequests]
	d.tokens = sum(d.tokens, counts[unitTokens]-took[unitTokens])
}

// until returns how long it takes until the day has room for an attempt that takes a, after others that take ahead.
func (d *days) until(now instant, l *policy.Limit, a, ahead *amounts) time.Duration {
	d.roll(now)
	if fits(d.requests, a[unitRequests], ahead[unitRequests], int64(l.RequestsPerDay)) &&
		fits(d.tokens, a[unitTokens], ahead[unitTokens], l.TokensPerDay) {
		return 0
	}
	return d.rest(now)
}

// rest returns how long the day still takes.
func (d *days) rest(now instant) time.Duration {
	rest := time.Duration(d.end-now.Unix())*time.Second - time.Duration(now.Nanosecond())
	return max(1, min(max(rest, d.passed-slack-now.elapsed), d.begun+longestDay-now.elapsed))
}

// fits reports whether a day's limit, if there is one, has room for n more than is used and taken ahead. An attempt that takes
// nothing always fits.
func fits(used, n, ahead, limit int64) bool {
	return limit == 0 || n == 0 || sum(sum(used, ahead), n) <= limit
}

// unused reports whether nothing is counted for this day.
func (d *days) unused(now instant) bool {
	d.roll(now)
	return d.requests == 0 && d.tokens == 0
}
