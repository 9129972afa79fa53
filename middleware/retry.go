package middleware

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Retry returns the link that sends a call again; no other link does. [policy.Next] decides whether, how and when, by the
// outcomes of the attempts so far. In the end the caller gets the last answer, its body unread, or the last error.
func Retry(p policy.Policy) transport.Middleware {
	return alone(member{link: new(retryLink), rank: retryRank, enforces: policy.RetryPart, policy: p})
}

// A retryLink decides whether a call is sent again. Its quota is shared by all calls of the chains that it is in.
type retryLink struct {
	noLink
	quotas quotas
}

// begin refuses a call that the client above repeats on its own if it was or may have been billed, or still runs.
func (l *retryLink) begin(c *call) error {
	if c.retries != nil || !c.costs() {
		return nil // another link decides, or there is nothing to pay twice
	}
	c.retries = l
	if c.repeat.known && c.sdkRetry > 0 && !c.settings.AllowDoubleBilling && c.engine.repeats.knows(c.repeat.try) {
		return c.refuse(&Error{Kind: ErrRepeat,
			Detail: "the SDK above sends it again on its own, and what it sent before may have been billed",
			Hint:   "turn the SDK's own retries off, or allow this by policy.AllowDoubleBilling"})
	}
	return c.refuseHidden()
}

// next implements decider.
func (l *retryLink) next(c *call) policy.Decision {
	if last := c.last(); last != nil && last.Reason == policy.TierRejected && !c.tiers {
		return policy.Decision{Why: "no link of the chain changes the tier"}
	}
	d := policy.Next(history(c))
	c.paid = d.Send && d.UsesQuota
	if !c.paid {
		return d
	}
	quota := quotaOf(c)
	if !l.quotas.take(quota, c.settings.RetryQuota) {
		c.paid = false
		c.exhausted = int32(min(c.settings.RetryQuota, math.MaxInt32))
		return policy.Decision{Why: "the retry quota is used up"}
	}
	c.atEnd = append(c.atEnd, func(row *ledger.Row) {
		if row == nil {
			l.quotas.give(quota, retryCost) // it was never sent
		}
	})
	return d
}

// after gives tokens back to the quota for a success.
func (l *retryLink) after(c *call) {
	last := c.last()
	if c.retries != l || last == nil || last.Outcome != policy.Billed || !l.quotas.any.Load() {
		return
	}
	tokens := successGives
	if c.paid {
		tokens = retryCost
	}
	l.quotas.give(quotaOf(c), tokens)
}

// history is what [policy.Next] decides by.
func history(c *call) policy.History {
	var elapsed time.Duration
	if last := c.last(); last != nil {
		elapsed = last.Ended // just now, so the clock need not be read
	}
	return policy.History{
		Settings: c.settings, Results: c.results, Elapsed: elapsed, Left: c.left(elapsed),
		Replayable: c.body.Replayable(), MaxBilled: int(c.maxBilled), Random: rand.Uint64(),
	}
}

func quotaOf(c *call) quotaKey {
	return quotaKey{c.wire.Provider, c.request.URL.Host, credentialsOf(c.request, c.headers).fingerprint()}
}
