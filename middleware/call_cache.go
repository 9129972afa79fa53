package middleware

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// This file is what a call does about the context cache that was chosen for it.

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

// noteCache says in the row why no cache is used.
func (c *call) noteCache(why string) { c.skipped = both(c.skipped, "cache: "+why) }
