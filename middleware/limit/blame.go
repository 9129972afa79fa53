package limit

import (
	"slices"

	"github.com/skinflint-go/skinflint/policy"
)

// atOnce is the unit of a limit on concurrency.
const atOnce = "at once"

// error completes an error of the bucket.
func (b *bucket) error(e *Error) *Error {
	e.Name, e.Limit, e.Key = b.rule.limit.Name, b.rule.text, policy.KeyText(b.rule.per, b.key)
	return e
}

// tooLarge returns the error of an attempt that takes more than the bucket ever admits of one; nil if it does not.
func (b *bucket) tooLarge(a *amounts) error {
	for i := range b.flows {
		f := &b.flows[i]
		if n := a[f.unit]; n > f.most() {
			return b.error(&Error{Asked: n, Allowed: f.most(), Figure: f.perMinute, Unit: perMinute[f.unit], Learned: b.isLearned(f)})
		}
	}
	if n, most := a[unitTokens], b.rule.limit.TokensPerDay; most > 0 && n > most {
		return b.error(&Error{Asked: n, Allowed: most, Figure: most, Unit: perDay[unitTokens]})
	}
	return nil
}

// isLearned reports whether a flow's figures are not the policy's.
func (b *bucket) isLearned(f *flow) bool {
	return !slices.Contains(b.rule.plan, planned{f.unit, f.perMinute, f.burst})
}

// slow returns an error with the figure that holds an attempt back for longest, of those that time alone opens. The attempt
// takes a, after others that take ahead.
func (b *bucket) slow(now instant, e *Error, a, ahead *amounts) *Error {
	longest := b.untilLearned(now)
	e.Blocked = longest > 0
	for i := range b.flows {
		f := &b.flows[i]
		if wait := f.until(now.Time, a[f.unit], ahead[f.unit]); wait > longest {
			longest, e.Blocked, e.Figure, e.Unit, e.Learned = wait, false, f.perMinute, perMinute[f.unit], b.isLearned(f)
		}
	}
	if d := b.days; d != nil && d.until(now, &b.rule.limit, a, ahead) > longest {
		e.Blocked, e.Learned, e.Figure, e.Unit = false, false, b.rule.limit.TokensPerDay, perDay[unitTokens]
		if n := int64(b.rule.limit.RequestsPerDay); !fits(d.requests, a[unitRequests], ahead[unitRequests], n) {
			e.Figure, e.Unit = n, perDay[unitRequests]
		}
	}
	return b.error(e)
}

// stuck returns an error with the figure that holds the first of the bucket's waiters back, if that is known.
func (b *bucket) stuck(now instant, e *Error) *Error {
	if b.full() {
		e.Figure, e.Unit = int64(b.rule.limit.Concurrency), atOnce
		return b.error(e)
	}
	return b.slow(now, e, &b.queue.first().head.amounts, &amounts{})
}
