package middleware

import (
	"cmp"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
)

// A CacheReport says how the context caches of one model and one key have served, and what they earned.
type CacheReport struct {
	Provider string
	Model    string
	Live     []LiveCache  // explicit caches that exist, those that expire first before the others
	Reuse    reuse.Report // of explicit caches, by prefix
	Prompts  PromptTally  // of all answers
	Hints    []CacheHint  // why requests do not repeat a prefix, although they are much like earlier ones
	Never    string       // why no explicit cache is made: "the key is on the provider's free tier"; "" if one can be
}

// A LiveCache is an explicit cache that exists.
type LiveCache struct {
	Name       string
	Tokens     int64
	Since      time.Time
	Expires    time.Time
	Uses       int64 // calls
	Registered bool  // by Ensure
}

// Caches reports on the context caches that the stack makes, by provider and model. There is nothing to report of calls for
// which the policy has no cache settings, unless content is registered.
func (s *Stack) Caches() (reports []CacheReport) {
	if !s.ready() {
		return nil
	}
	for _, sc := range s.engine.caching.all() {
		reports = append(reports, sc.report(time.Now()))
	}
	slices.SortFunc(reports, func(a, b CacheReport) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	return reports
}

func (s *scope) report(now time.Time) CacheReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := CacheReport{Provider: s.provider, Model: s.model, Prompts: s.prompts, Hints: s.hints.list(), Never: s.never}
	if holder := s.holder.made.Load(); holder != nil {
		r.Reuse = holder.Report(now)
	}
	for _, h := range s.held {
		if h.name != "" && now.Before(h.until) {
			r.Live = append(r.Live, LiveCache{Name: h.name, Tokens: h.tokens, Since: h.from, Expires: h.until, Uses: h.uses, Registered: h.handles > 0})
		}
	}
	slices.SortFunc(r.Live, func(a, b LiveCache) int {
		return cmp.Or(a.Expires.Compare(b.Expires), cmp.Compare(a.Name, b.Name))
	})
	return r
}
