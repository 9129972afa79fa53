package middleware

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// createTimeout bounds how long a creation may take. A call that waits for it also ends with its own context.
const createTimeout = 10 * time.Minute

// A creation is a context cache that is to be created.
type creation struct {
	held   *held
	body   []byte // of the request, without the time to live
	ttl    time.Duration
	most   price.Pico // that it may cost, with its storage
	noMost error      // why that has no bound
	visit  *reuse.Visit
	errand *errand
	set    policy.Cache
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
	case s.never != "":
		return errors.New(s.never)
	case now.Before(h.again):
		return errors.New(h.why)
	case n.noMost != nil:
		return fmt.Errorf("what the context cache may cost has no bound: %w", n.noMost)
	case n.most > n.set.MaxCost:
		return fmt.Errorf("the context cache may cost $%s, and max_cost is $%s", n.most, n.set.MaxCost)
	}
	if err := s.spent.reserve(n.most, &n.set, now, true); err != nil {
		return err
	}
	if h.name != "" {
		s.forget(h) // it is about to expire
	}
	h.making = make(chan struct{})
	s.held[h.sum] = h
	return nil
}

// create creates the cache for which start returned no error, and tells package reuse and those who wait for it.
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
		n.visit.Made(tokens, from, until)
	}
}

// createOnce creates the cache, unless another replica has it.
func (s *scope) createOnce(ctx context.Context, n *creation) error {
	k, key := &s.engine.caching, s.key(n.held)
	if k.registry != nil {
		entry, err := k.claim(ctx, key)
		switch {
		case err != nil:
			return fmt.Errorf("the registry of context caches: %w", err)
		case entry.Name != "":
			s.exists(n.held, entry)
			return nil
		}
	}
	e := n.errand
	e.most = n.most
	display := "skinflint " + rand.Text() // by which it is found if the answer is lost
	err := s.send(ctx, e, http.MethodPost, "", append([]byte(`{"ttl":"`+seconds(n.ttl)+`","displayName":"`+display+`",`), n.body[1:]...))
	made := cachedcontent.Entry{Name: e.stored.Name, Tokens: e.stored.Tokens, Created: e.row.At, Expires: e.stored.Expires, Owner: k.owner}
	if e.row.Outcome == policy.Ambiguous || e.served() && made.Name == "" {
		if found, ok := s.orphan(ctx, display); ok {
			made, err = found, nil
		}
	}
	if made.Name == "" {
		if k.registry != nil {
			err = errors.Join(err, k.registry.Release(context.WithoutCancel(ctx), key, k.owner))
		}
		if err == nil {
			err = e.rejection()
		}
		return err
	}
	if made.Expires.IsZero() {
		made.Expires = made.Created.Add(n.ttl)
	}
	shared := made
	if k.registry != nil {
		if shared, err = k.registry.Publish(ctx, key, made); err != nil || shared.Name == "" {
			shared = made // nobody else sees it
		}
	}
	s.exists(n.held, shared)
	if shared.Name != made.Name {
		return s.remove(ctx, made.Name, n.held)
	}
	return nil
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
func (s *scope) exists(h *held, e cachedcontent.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.name == "" {
		s.spent.live.Add(1)
	}
	h.name, h.tokens, h.from, h.until, h.why = e.Name, e.Tokens, e.Created, e.Expires, ""
	h.others = s.engine.caching.registry != nil && e.Owner != s.engine.caching.owner
}

// failed notes why the cache was not created, and when that may be tried again.
func (s *scope) failed(n *creation, err error, now time.Time) {
	h, row := n.held, &n.errand.row
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
	h.failed(now.Add(again), "%v", err)
	if h.handles == 0 {
		s.sweep(now)
	}
}

// maxHeld is how many prefixes of a scope are remembered that have no cache, because none could be created.
const maxHeld = 4096

// sweep forgets caches that have expired, and failures that may be tried again.
func (s *scope) sweep(now time.Time) {
	for sum, h := range s.held {
		switch {
		case h.name != "" && !now.Before(h.until):
			s.forget(h)
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

// bound sets what the cache may cost at most, with its storage. Each byte is at most one token; what is no text is at most the
// context window.
func (e *engine) bound(n *creation, now time.Time) {
	catalog, q := e.book.Catalog(), n.held.query
	tokens := int64(len(n.body))
	if window, _, ok := catalog.Limits(q.Provider, q.Model); ok && (n.held.media || window < tokens) {
		tokens = window
	} else if n.held.media {
		n.noMost = errors.New("it holds what is no text, and the model's context window is not known")
		return
	}
	q.Tier, q.At = string(policy.Standard), now
	most, err := catalog.Bound(q, price.Size{Input: tokens, Text: !n.held.media, ShortWrites: true})
	if err == nil {
		var storage price.StorageCost
		storage, err = catalog.Storage(q, tokens, now, now.Add(n.ttl))
		most += storage.Cost
	}
	n.most, n.noMost = most, err
}

// seconds writes a duration as Google's APIs want it.
func seconds(d time.Duration) string {
	return fmt.Sprintf("%d.%03ds", d/time.Second, d%time.Second/time.Millisecond)
}

// note is called when the attempt of an errand has ended.
func (e *errand) note(row, storage *ledger.Row, is wire.Stored) {
	e.row, e.stored = *row, is
	if storage != nil {
		e.storage = storage.Cost.Pico
	}
}

// cost returns what the errand has cost, or may have cost.
func (e *errand) cost() price.Pico { return max(0, e.row.Cost.Pico+e.row.Exposure.Pico+e.storage) }

// rejection returns the error of an errand that the provider did not do.
func (e *errand) rejection() error {
	switch row := &e.row; {
	case row.Reason == policy.CacheTooSmall && e.least > 0:
		return fmt.Errorf("the provider rejects it as too small for a context cache: the least is %d tokens", e.least)
	case row.Reason == policy.CacheTooSmall:
		return errors.New("the provider rejects it as too small for a context cache")
	case row.Reason == policy.NoCaches:
		return errors.New("the provider has no context caches for this model and key, as on its free tier")
	case row.Status == 0:
		return errors.New("the provider did not answer")
	case row.ErrorCode != "":
		return fmt.Errorf("the provider answers %d (%s)", row.Status, row.ErrorCode)
	default:
		return fmt.Errorf("the provider answers %d", row.Status)
	}
}
