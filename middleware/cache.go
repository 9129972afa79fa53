package middleware

import (
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Cache returns the link that has calls use context caches, as [policy.Cache] says. It finds prefixes that repeat. Where a
// provider has explicit caches (Gemini), it creates one of a prefix when that is expected to earn more than it costs; where
// writes to a prefix cache have a price (OpenAI, Anthropic), it decides which prefixes are written. A call whose request begins
// with what is in an explicit cache names the cache, and exactly that is taken out of the request.
//
// No call fails because of a cache that the link chose: if the provider rejects it, the call is sent again as it was. A cache
// that the request names, or [policy.CachedContent], is left alone.
//
// Caches that the link has created are deleted by [Stack.Close]; those of a link that stands alone expire.
func Cache(p policy.Policy) transport.Middleware {
	return alone(member{link: cacheLink{}, rank: cacheRank, enforces: policy.CachePart, policy: p})
}

type cacheLink struct{ noLink }

func (cacheLink) begin(c *call) error {
	switch {
	case c.prefix == nil || c.wire.Cache != "" || c.cache != "" || c.body.Skipped() != "":
		return nil
	case c.wire.Caches:
		return c.chooseCache()
	}
	c.chooseWrite()
	return nil
}

// before has what becomes of the attempt reported to what chose the cache.
func (cacheLink) before(c *call) error {
	if u := c.prefix; u != nil && u.scope != nil {
		c.atEnd = append(c.atEnd, func(row *ledger.Row) { u.ended(c, row) })
	}
	return nil
}

// ended learns from the end of an attempt.
func (u *prefixUse) ended(c *call, row *ledger.Row) {
	if row == nil {
		return
	}
	if row.UsageSource != ledger.Measured {
		if u.writing != nil && (row.Outcome == policy.Billed || row.Outcome == policy.Partial) {
			u.writing.Unknown(time.Now())
		}
		return
	}
	now, usage := time.Now(), &row.Usage
	u.scope.mu.Lock()
	u.scope.prompts.add(row)
	if !u.media {
		u.scope.rate.learn(usage.Prompt(), u.prefix.Size)
	}
	u.scope.mu.Unlock()
	if u.visit != nil {
		if row.Cache == "" || usage.CachedInput == 0 {
			u.visit.Inline() // the cache was lost meanwhile, or is not there yet
		}
		u.scope.follow(u.visit.Answered(now, usage.Output, usage.CachedInput), c.id, c.settings.Cache)
	}
	if u.writing != nil {
		u.writing.Answered(usage.CachedInput, usage.CacheWrite+usage.CacheWrite1h+usage.CacheWrite12h, now)
	}
}
