package middleware

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
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

// A prefixUse is what a call does with the prefix of its request.
type prefixUse struct {
	prefix *wire.Prefix
	cuts   []int       // the turns before which a cache may end
	sums   []prefixSum // of what a cache would hold, for each of the cuts
	bytes  []int64     // of its text, for each of the cuts
	media  bool        // some of it may be no text

	scope   *scope
	visit   *reuse.Visit   // of the explicit caches
	writing *reuse.Writing // of the priced writes
	held    *held          // the cache that the call uses; nil if it uses none
	turns   int            // that the cache holds
}

// readsPrefix reports whether the prefix of the call's request is to be read.
func (c *call) readsPrefix() bool {
	return c.wire.Prefix != nil && c.wire.Kind == wire.Billable && c.chain != nil && c.chain.parts&policy.CachePart != 0 &&
		(c.rules.caches || c.engine.caching.registered.Load() > 0) && !c.options.NoCache()
}

// loadPrefix reads the body, and the prefix in it.
func (c *call) loadPrefix(also ...io.Writer) error {
	r := wire.NewPrefixReader(c.wire.Prefix)
	defer r.Release()
	if err := c.body.Load(c.request, c.wire.Prefix.Paths, append(also, r)...); err != nil {
		return err
	}
	if c.body.Written() {
		c.prefix = &prefixUse{prefix: r.Prefix().Clone()}
	}
	return nil
}

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
			u.writing.Failed() // what it read and wrote is not known
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
		u.scope.follow(u.visit.Answered(now, usage.Output, usage.CachedInput), c.id, c.settings.Cache)
	}
	if u.writing != nil {
		u.writing.Answered(usage.CachedInput, usage.CacheWrite+usage.CacheWrite1h+usage.CacheWrite12h, now)
	}
}

// failed learns that the call has failed.
func (u *prefixUse) failed() {
	if u.writing != nil {
		u.writing.Failed()
	}
}

// cacheRejected reports whether the provider rejected the last attempt, perhaps because of a cache that we chose. The request
// was then changed by us, so any rejection that is about the request counts.
func (c *call) cacheRejected(resp *http.Response) bool {
	if c.prefix == nil || c.prefix.held == nil || resp == nil || c.refusal != nil {
		return false
	}
	last := c.last()
	if last == nil || last.Outcome != policy.Rejected || last.Reason == policy.TierRejected || last.Reason == policy.UsageRejected {
		return false
	}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound:
		return true
	}
	return false
}

// dropCache makes the call one without the cache that the provider rejected. The attempt with it does not count as one of those
// that the policy allows. If the provider does not say that it is because of the cache, dropCache returns a func to call if the
// provider serves the call without it.
func (c *call) dropCache() (blame func()) {
	u, h, name, reason := c.prefix, c.prefix.held, c.cache, c.last().Reason
	c.results = c.results[:len(c.results)-1]
	c.noteCache(fmt.Sprintf("%s was rejected (%s)", name, cmp.Or(string(reason), "without a known reason")))
	u.held, c.cache = nil, ""
	switch reason {
	case policy.CacheDead, policy.CacheMismatch, policy.CacheConflict, policy.CacheTooSmall, policy.NoCaches:
		u.scope.lost(h, name, reason)
		return nil
	}
	return func() { u.scope.lost(h, name, reason) }
}

// leaveCache makes the call one without the cache that was chosen.
func (c *call) leaveCache(why string) {
	c.noteCache(why)
	c.prefix.held, c.cache = nil, ""
}

// refreshCache has the attempt use the cache as it is now: the call may have waited since it was chosen. It reports whether
// there is none any more.
func (c *call) refreshCache() (gone bool) {
	u := c.prefix
	if u == nil || u.held == nil {
		return false
	}
	u.scope.mu.Lock()
	name, usable := u.held.name, u.held.usable(time.Now())
	u.scope.mu.Unlock()
	if !usable {
		c.leaveCache("it was lost, or has expired, before the call was sent")
		return true
	}
	c.cache = name
	return false
}

// want has the attempt's request changed as was chosen.
func (u *prefixUse) want(w *wire.Want) {
	if u.held != nil {
		w.Held = wire.Held{Prefix: u.prefix, Turns: u.turns}
	}
}

// cachesBy reports whether a policy says something about context caches.
func cachesBy(p *policy.Policy) bool {
	return p.Cache != (policy.Cache{}) || slices.ContainsFunc(p.Rules, func(r policy.Rule) bool { return r.Set.Cache != (policy.Cache{}) })
}
