package middleware

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy"
)

// This file chooses the context cache of a call.

// chooseCache has the call use a context cache, if there is one, or if one is worth what it costs.
func (c *call) chooseCache() error {
	u, set := c.prefix, &c.settings.Cache
	if c.wire.Prefix.TextOnly() && !set.Compatible {
		if k := &c.engine.caching; k.registered.Load() > 0 && k.known(idOf(c, c.wire.Model)) != nil {
			c.noteCache("cache.compatible is not set")
		}
		return nil
	}
	if u.scope = c.scope(); u.scope == nil {
		c.noteCache(manyScopes)
		return nil
	}
	if p := u.prefix.Problem; p != "" {
		c.noteCache(p)
		return nil
	}
	u.measure()
	c.identify() // it may be the parent of a creation
	s := u.scope
	s.mu.Lock()
	h, turns := s.find(u)
	if h == nil {
		s.hints.note(u.prefix)
		s.noteMiss(u.prefix)
	}
	s.mu.Unlock()
	switch {
	case h != nil:
		return c.useRegistered(h, turns)
	case set.Mode == policy.CacheAuto:
		c.chooseByReuse(time.Now())
		return c.Context.Err()
	}
	return nil
}

// useRegistered has the call use a registered cache, which may have to be created again first.
func (c *call) useRegistered(h *held, turns int) error {
	s, set := c.prefix.scope, c.settings.Cache
	now := time.Now()
	wait, own := set.Create != policy.CacheBeside, int64(0)
	if wait {
		own = 1
	}
	s.mu.Lock()
	usable := h.usable(now)
	create := !usable && (h.making != nil || h.pays(own))
	s.mu.Unlock()
	if !usable {
		if !create {
			c.noteCache(fmt.Sprintf("it expired before another call used it, and is not created again for a while: calls come less often than its time to live, %v", h.ttl))
			return nil
		}
		if err := c.make(s.registered(h, c.id, c.options.Tags(), set, now), wait); err != nil {
			c.noteCache(err.Error())
			return c.Context.Err()
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now = time.Now(); !h.usable(now) {
		c.noteCache(cmp.Or(h.err, errSlow).Error())
		return nil
	}
	c.use(h, turns)
	if h.until.Sub(now) < h.ttl/2 && !h.busy {
		until, parent := now.Add(h.ttl), c.id
		s.caching.background(func() { s.extend(h, until, parent, set) })
	}
	return nil
}

// make creates a cache. If the call waits, the cache exists when there is no error. The creation goes on if the call ends.
func (c *call) make(n *creation, wait bool) error {
	s, start := c.prefix.scope, time.Now()
	if n.exceeds() && !wait {
		if !s.caching.background(func() { s.countAndCreate(n) }) {
			return errClosed
		}
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(c.Context, c.patience(), errSlow)
	defer cancel()
	defer func() {
		if wait {
			c.waited += time.Since(start)
		}
	}()
	if n.exceeds() {
		s.countFirst(ctx, n)
	}
	err := s.start(n, time.Now())
	if err != nil && !errors.Is(err, errExists) {
		return err
	}
	if err == nil && !s.caching.background(func() { s.create(n) }) {
		s.abandon(n)
		return errClosed
	}
	if !wait {
		return nil
	}
	if err := s.wait(ctx, n.held); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.held.name == "" {
		return n.held.err
	}
	return nil
}

var (
	errClosed = errors.New("the Stack is closed")
	errSlow   = errors.New("it is still being created")
)

// maxPatience is how long a call waits for a cache at most. The creation may take longer, and is for later calls then.
const maxPatience = time.Minute

// patience returns how long the call waits for a cache: most of its time is for its answer.
func (c *call) patience() time.Duration {
	if left := c.left(time.Since(c.start)); left >= 0 {
		return min(maxPatience, left/4)
	}
	return maxPatience
}

// abandon undoes start.
func (s *scope) abandon(n *creation) {
	s.spent.settle(n.most, 0, time.Now())
	s.spent.lives(n.lease, time.Time{})
	n.lease = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	n.held.failed(time.Time{}, errClosed)
	close(n.held.making)
	n.held.making = nil
}

// chooseByReuse has the call use a cache that package reuse holds, or creates one if it advises that.
func (c *call) chooseByReuse(now time.Time) {
	u, s, set := c.prefix, c.prefix.scope, c.settings.Cache
	rates, err := c.engine.book.Catalog().Caching(c.account(now).query(c.firstTier()), s.tokens(u.prefix.Size))
	if err == nil && rates.MinExplicit == 0 {
		err = errors.New(rates.NoExplicit)
	}
	if err != nil {
		c.noteCache(reasonOf(err))
		return
	}
	r := reuse.Rates{Input: rates.Input, Cached: rates.Cached, Create: rates.Create, Storage: rates.Storage}
	v := s.holder.Arrive(u.prompt(s, &rates, now), r, s.mode(set))
	u.visit = v
	s.follow(v.Changes, c.id, set)
	if v.Create != nil {
		c.createByReuse(v, now)
	}
	if v.Read != nil && u.held == nil {
		c.useRead(v.Read, now)
	}
}

// firstTier returns the tier that the call's first attempt is expected to ask for, before the link of tiers says so.
func (c *call) firstTier() policy.Tier {
	tier := c.wire.Tier
	if c.tiersOpen() != nil {
		tier = cmp.Or(c.settings.InTime(c.settings.Plan.First(), c.left(c.elapsed())), tier)
		for tier != "" && c.rejects(string(tier)) {
			tier, _ = c.settings.Plan.After(tier)
		}
	}
	if tier == "auto" {
		return policy.Standard
	}
	return cmp.Or(tier, policy.Standard)
}

// mode returns when package reuse may advise to create a cache.
func (s *scope) mode(set policy.Cache) reuse.Mode {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.never != "":
		return reuse.Never
	case set.Create == policy.CacheBefore:
		return reuse.Before
	}
	return reuse.Beside
}

// createByReuse creates the cache that package reuse advises. If the call is to wait, it then uses the cache.
func (c *call) createByReuse(v *reuse.Visit, now time.Time) {
	u, set := c.prefix, c.settings.Cache
	i, wait := v.Create.Node, set.Create == policy.CacheBefore
	body, err := c.creationBody(u.cuts[i])
	if err != nil {
		v.NotMade(now)
		c.noteCache(err.Error())
		return
	}
	q := c.account(now).query(policy.Standard)
	n := &creation{
		held: &held{sum: u.sums[i], query: q, tags: c.options.Tags(), media: u.media}, body: body, ttl: max(v.Create.For, shortestTTL) + reuseMargin,
		visit: v, errand: &errand{parent: c.id, tags: c.options.Tags()}, set: set,
	}
	u.scope.bound(n, q, u.media, now)
	if err := c.make(n, wait); err != nil {
		if n.lease == nil {
			v.NotMade(now) // otherwise create says what became of it
		}
		c.noteCache(err.Error())
		return
	}
	if wait {
		c.useSum(i)
	}
}

// shortestTTL is the shortest time to live that is asked for. A shorter one may be over before the cache is used.
const shortestTTL = 10 * time.Second

// tokens returns an estimate of the tokens of a text.
func (s *scope) tokens(bytes int64) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rate.of(bytes)
}

// useRead has the call use the cache that package reuse names, if that still exists.
func (c *call) useRead(read *reuse.Cached, now time.Time) {
	u := c.prefix
	for i := range u.sums {
		if u.sums[i].id() == read.Hash && c.useSum(i) {
			return
		}
	}
	u.scope.holder.Gone(read.Hash, now)
}

// useSum has the call use the cache that ends at the cut, if there is one.
func (c *call) useSum(cut int) bool {
	u, s := c.prefix, c.prefix.scope
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[u.sums[cut]]
	if h == nil || !h.usable(time.Now()) {
		return false
	}
	c.use(h, u.cuts[cut])
	return true
}

// use has the call use the cache, which holds the first turns of its request and all before them.
func (c *call) use(h *held, turns int) {
	c.prefix.held, c.prefix.turns, c.cache = h, turns, h.name
	h.uses++
}
