package middleware

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// createTimeout bounds how long a creation may take. A call that waits for it also ends with its own context.
const createTimeout = 10 * time.Minute

// A creation is a context cache that is to be created.
type creation struct {
	held   *held
	body   []byte // of the request, without the time to live
	ttl    time.Duration
	tokens int64      // as the provider counts them; 0 if it was not asked
	most   price.Pico // that it may cost, with its storage
	noMost error      // why that has no bound
	visit  *reuse.Visit
	errand *errand
	set    policy.Cache
	lease  *lease        // nil: it was not started
	skew   time.Duration // of the provider's clock
}

// errExists says that the cache exists, or that another call creates it.
var errExists = errors.New("it exists")

// start notes that the cache is being created, so that no other call does the same. The error says why it must not be created.
func (s *scope) start(n *creation, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.held[n.held.sum]; known != nil {
		n.held = known
	}
	h := n.held
	switch {
	case h.making != nil, h.usable(now):
		return errExists
	case s.ended:
		return errors.New(manyScopes)
	case s.never != "":
		return errors.New(s.never)
	case now.Before(h.again):
		return h.err
	case n.noMost != nil:
		return &causedError{fmt.Sprintf("what the context cache may cost has no bound: %v", n.noMost), ErrCost}
	case n.most > n.set.MaxCost:
		return &causedError{fmt.Sprintf("the context cache may cost $%s%s, and max_cost is $%s", n.most, n.basis(), n.set.MaxCost), ErrCost}
	}
	l := &lease{now.Add(createTimeout + n.ttl)}
	if err := s.spent.reserve(n.most, &n.set, now, l); err != nil {
		return err
	}
	n.lease = l
	s.expired(h, now)
	h.making = make(chan struct{})
	s.held[h.sum] = h
	return nil
}

// create creates the cache for which start returned no error, and reports to package reuse and to those who wait for it.
func (s *scope) create(n *creation) {
	ctx, cancel := context.WithTimeout(context.Background(), createTimeout)
	defer cancel()
	err := s.createOnce(ctx, n)
	now := time.Now()
	s.spent.settle(n.most, n.errand.cost(), now)
	s.mu.Lock()
	h := n.held
	if err != nil {
		s.failed(n, err, now)
		s.log("was not created", err)
	}
	s.sweep(now)
	close(h.making)
	h.making = nil
	tokens, from, until := h.tokens, h.from, h.until
	unwanted := n.visit == nil && h.handles == 0
	s.mu.Unlock()
	switch {
	case unwanted && err == nil:
		s.delete(context.Background(), h, "") // its registration was given up in the meantime
	case n.visit == nil:
	case err != nil:
		n.visit.NotMade(now)
	default:
		n.visit.Made(tokens, from, until.Add(-reuseMargin))
	}
}

// createOnce creates the cache, unless another replica has it.
func (s *scope) createOnce(ctx context.Context, n *creation) error {
	k, key := s.caching, s.key(n.held)
	if k.registry != nil {
		entry, err := k.claim(ctx, key)
		switch {
		case err != nil:
			return fmt.Errorf("the registry of context caches: %w", err)
		case entry.Name != "":
			s.exists(n, entry)
			return nil
		}
	}
	made, err := s.request(ctx, n)
	if err == nil {
		err = s.date(ctx, n, &made)
	}
	if err != nil {
		if k.registry != nil {
			err = errors.Join(err, k.registry.Release(context.WithoutCancel(ctx), key, k.owner))
		}
		return err
	}
	shared := made
	if k.registry != nil {
		if shared, err = k.registry.Publish(ctx, key, made); err != nil || shared.Name == "" {
			shared = made // no other replica sees it
		}
	}
	s.exists(n, shared)
	if shared.Name != made.Name {
		surplus := &held{name: made.Name, lease: &lease{made.Expires}, tags: n.errand.tags}
		_ = s.remove(ctx, surplus, n.errand.parent) // a failure is logged, and close tries again
	}
	return nil
}

// request asks the provider for the cache. If the answer is lost, it looks whether the cache exists.
func (s *scope) request(ctx context.Context, n *creation) (cachedcontent.Entry, error) {
	e := n.errand
	e.most = n.most
	display := "skinflint " + rand.Text() // by which it is found
	err := s.send(ctx, e, http.MethodPost, "", append([]byte(`{"ttl":"`+seconds(n.ttl)+`","displayName":"`+display+`",`), n.body[1:]...))
	made := cachedcontent.Entry{Name: e.stored.Name, Tokens: e.stored.Tokens, Created: e.stored.Created, Expires: e.stored.Expires, Owner: s.caching.owner}
	named := isCacheName(made.Name)
	if e.row.Outcome == policy.Ambiguous || e.row.Status >= 500 || e.served() && !named {
		if found, ok := s.orphan(ctx, e, display); ok {
			s.mu.Lock()
			q := n.held.query
			s.mu.Unlock()
			s.caching.found(e.row, q, found)
			return found, nil
		}
	}
	switch {
	case named:
		return made, nil
	case err != nil:
		return made, err
	case e.served():
		return made, errors.New("the provider's answer does not name the context cache")
	}
	return made, e.rejection()
}

// date sets the times of a new cache by our clock. A cache that is over before it can be used is deleted.
func (s *scope) date(ctx context.Context, n *creation, made *cachedcontent.Entry) error {
	e := n.errand
	life := lifeOf(*made, n.ttl, e.row.At)
	if life <= expiryMargin {
		return errors.Join(fmt.Errorf("the provider holds it for %v only", life), s.remove(ctx, &held{name: made.Name, lease: n.lease, tags: e.tags}, e.parent))
	}
	ours := e.row.At.Add(life)
	if !made.Expires.IsZero() {
		n.skew = made.Expires.Sub(ours)
	}
	made.Created, made.Expires = e.row.At, ours
	return nil
}

// isCacheName reports whether an answer names a cache: "cachedContents/ID", after a project and a location on Vertex AI.
func isCacheName(name string) bool {
	parent, id, ok := strings.Cut(name, "cachedContents/")
	return ok && id != "" && !strings.ContainsAny(id, "/?#%. ") && (parent == "" || strings.HasPrefix(parent, "projects/") && strings.HasSuffix(parent, "/"))
}

// lifeOf returns for how long the provider holds a new cache. It is computed by the provider's clock, which may not be ours.
func lifeOf(made cachedcontent.Entry, ttl time.Duration, asked time.Time) time.Duration {
	switch {
	case made.Expires.IsZero():
		return ttl
	case made.Created.IsZero():
		return made.Expires.Sub(asked)
	}
	return made.Expires.Sub(made.Created)
}

// claim returns the cache that another replica has, or claims its creation. While another replica creates it, claim waits.
func (k *caching) claim(ctx context.Context, key cachedcontent.Key) (cachedcontent.Entry, error) {
	for {
		c, err := k.registry.Claim(ctx, key, k.owner, createTimeout)
		if err != nil || c.Mine || c.Entry.Name != "" {
			return c.Entry, err
		}
		select {
		case <-time.After(min(c.Wait, claimInterval)):
		case <-ctx.Done():
			return c.Entry, fmt.Errorf("another replica still creates it: %w", context.Cause(ctx))
		}
	}
}

// claimInterval is how often the registry is asked whether another replica has created a cache.
const claimInterval = 500 * time.Millisecond

// exists notes that a cache exists.
func (s *scope) exists(n *creation, e cachedcontent.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := n.held
	h.usesBefore = h.uses
	h.lease, h.skew, h.fixed = n.lease, n.skew, time.Time{}
	s.spent.lives(h.lease, e.Expires)
	h.name, h.tokens, h.from, h.until, h.err = e.Name, e.Tokens, e.Created, e.Expires, nil
	h.cost = n.errand.row.Cost.Pico + n.errand.row.Exposure.Pico
	h.others = s.caching.registry != nil && e.Owner != s.caching.owner
}

// failed notes why the cache was not created, and when that may be tried again.
func (s *scope) failed(n *creation, err error, now time.Time) {
	h, row := n.held, &n.errand.row
	if row.Outcome == policy.Ambiguous || n.errand.served() {
		s.spent.lives(n.lease, now.Add(n.ttl)) // it may exist
	} else {
		s.spent.lives(n.lease, now)
	}
	var again time.Duration
	switch {
	case row.Reason == policy.CacheTooSmall:
		s.least = max(s.least, n.errand.least)
		again = time.Hour
	case row.Reason == policy.NoCaches:
		s.never, again = err.Error(), time.Hour
	case row.Status >= 400 && row.Status <= 499 && row.Status != http.StatusTooManyRequests:
		again = time.Hour
	default:
		again = time.Minute
	}
	h.failed(now.Add(again), err)
}

// maxHeld is how many prefixes of a scope are remembered that have no cache, because none could be created.
const maxHeld = 4096

// sweep forgets caches that have expired, and failures that may be tried again.
func (s *scope) sweep(now time.Time) {
	for sum, h := range s.held {
		switch {
		case h.making == nil && h.name != "" && !now.Before(h.until):
			s.expired(h, now)
		case h.name == "" && h.making == nil && h.handles == 0 && (now.After(h.again) || len(s.held) > maxHeld):
			delete(s.held, sum)
		}
	}
}

// wait waits for a creation that is under way.
func (s *scope) wait(ctx context.Context, h *held) error {
	s.mu.Lock()
	making := h.making
	s.mu.Unlock()
	if making == nil {
		return nil
	}
	select {
	case <-making:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// basis says what the bound is of, if that is more than a count of tokens.
func (n *creation) basis() string {
	if n.tokens > 0 {
		return fmt.Sprintf(" (%d tokens, held for %v)", n.tokens, n.ttl)
	}
	return fmt.Sprintf(" (each byte taken for a token, held for %v)", n.ttl)
}

// bound sets what the cache may cost at most, with its storage. If the provider has not counted its tokens, each byte is at most
// one token, and what is no text is at most the context window.
func (s *scope) bound(n *creation, q price.Query, media bool, now time.Time) {
	catalog := s.caching.prices()
	tokens := int64(len(n.body))
	window, _, ok := catalog.Limits(q.Provider, q.Model)
	switch {
	case n.tokens > 0:
		tokens = n.tokens
	case ok && (media || window < tokens):
		tokens = window
	case media:
		n.noMost = errors.New("it holds what is no text, and the model's context window is not known")
		return
	}
	q.Tier, q.At = string(policy.Standard), now
	most, err := catalog.Bound(q, price.Size{Input: tokens, Text: !media, ShortWrites: true})
	if err == nil {
		var storage price.StorageCost
		storage, err = catalog.Storage(q, tokens, now, now.Add(n.ttl))
		most += storage.Cost
	}
	n.most, n.noMost = most, err
}

// registered returns the creation of a registered cache.
func (s *scope) registered(h *held, parent string, tags map[string]string, set policy.Cache, now time.Time) *creation {
	s.mu.Lock()
	n := &creation{held: h, body: h.body, ttl: h.ttl, tokens: max(h.counted, h.tokens), set: set, errand: &errand{parent: parent, tags: tags}}
	q, media := h.query, h.media
	s.mu.Unlock()
	s.bound(n, q, media, now)
	return n
}

// register adds a registration of content to the scope.
func (s *scope) register(p *wire.Prefix, q price.Query, body []byte, ttl time.Duration, tags map[string]string) *held {
	sums := sumsOf(p)
	sum := sums[len(sums)-1]
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.held[sum]
	if h == nil {
		h = &held{sum: sum, tags: tags}
		s.held[sum] = h
	}
	h.query, h.media = q, slices.ContainsFunc(p.Elements, func(e wire.Element) bool { return e.Media })
	h.body, h.elements, h.ttl = withoutTTL(body), p.Elements, max(h.ttl, ttl)
	h.handles++
	s.caching.registered.Add(1)
	return h
}

var creationPaths = transport.MustPaths("ttl")

// withoutTTL returns the request that creates a cache, without its time to live.
func withoutTTL(body []byte) []byte {
	fields, err := transport.Find(body, creationPaths)
	if err != nil {
		return body
	}
	cut, err := fields.Splice(transport.Edit{Path: "ttl", Remove: true})
	if err != nil {
		return body
	}
	return cut
}
