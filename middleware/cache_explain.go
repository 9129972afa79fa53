package middleware

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// explainCache says which registered cache a call would use, or why it uses none; "" if there is none for its key and model.
func (c *call) explainCache() string {
	u := c.prefix
	if !c.wire.Caches || c.engine.caching.registered.Load() == 0 {
		return ""
	}
	switch {
	case c.options.NoCache():
		return "none: the context has policy.NoCache"
	case u == nil:
		return "none: the body is left as it is"
	case c.wire.Prefix.TextOnly() && !c.settings.Cache.Compatible:
		return "none: the policy's cache.compatible is not set"
	case c.wire.Cache != "" || c.cache != "":
		return "the one that the caller names"
	}
	if u.scope = c.engine.caching.known(idOf(c, c.wire.Model)); u.scope == nil {
		return "none: content is registered for another model, key or host"
	}
	return u.scope.explain(u)
}

// explain says which registered cache of the scope a call would use, or why it uses none.
func (s *scope) explain(u *prefixUse) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if u.prefix.Problem == "" {
		u.measure()
		if h, _ := s.find(u); h != nil && h.usable(time.Now()) {
			return fmt.Sprintf("%s, of %d tokens", h.name, h.tokens)
		} else if h != nil {
			return "one that has to be created again"
		}
	}
	for _, h := range s.held {
		if h.handles > 0 {
			return "none: " + mismatch(h.elements, u.prefix)
		}
	}
	return ""
}

// explainHolding reads the body of a request for a context cache that is not sent.
func (c *call) explainHolding() error {
	if !c.holds() {
		return nil
	}
	copied, err := again(c.request)
	if err != nil {
		return err
	}
	if err := c.body.Load(copied, wire.HoldingPaths()); err != nil {
		return err
	}
	c.readHolding()
	return nil
}
