package middleware

import (
	"errors"
	"fmt"
	"math"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// This file computes the most that it can cost to create a context cache, or to have it held for longer.

// lateness is how much later than ours the time may be from which the provider counts a time to live: its clock is ahead of ours
// by up to maxSkew, and the request waits for money, and is under way, for as long each.
const lateness = 3 * maxSkew

// holds reports whether the call creates a context cache, or changes until when one is held.
func (c *call) holds() bool {
	return c.wire.Operation == wire.CreateCache || c.wire.Operation == wire.UpdateCache
}

// readHolding reads for which model a context cache is, and until when it is to be held.
func (c *call) readHolding() {
	if !c.holds() {
		return
	}
	switch c.body.Skipped() {
	case "", transport.SkippedSigned, transport.SkippedType:
		c.holding = wire.ReadHolding(&c.wire, c.body.Fields())
	}
}

// stated returns what the request says about how long a context cache is held.
func (a account) stated() (*wire.Holding, error) {
	h := a.holding
	switch {
	case h == nil && a.input.body.Skipped() == transport.SkippedOnce:
		return nil, errors.New("its body is long, and can be read only once: give the request a GetBody")
	case h == nil:
		return nil, fmt.Errorf("its body cannot be read (%s)", a.input.body.Skipped())
	case h.Problem != "":
		return nil, errors.New(h.Problem)
	}
	return h, nil
}

// creation returns the most that it can cost to create a context cache, and to hold it for as long as the request says.
func (a account) creation() (price.Pico, error) {
	if a.errand != nil && a.errand.most > 0 {
		return a.errand.most, nil
	}
	h, err := a.stated()
	if err != nil {
		return 0, err
	}
	size, err := a.input.size(a.call, "")
	if err != nil {
		return 0, err
	}
	q := a.query(policy.Standard)
	if window, _, _ := a.prices.Limits(q.Provider, q.Model); window > 0 && (size.Input < 0 || size.Input > window) {
		size.Input = window
	}
	size.ShortWrites = true
	most, err := a.prices.Bound(q, size)
	if err != nil {
		return 0, err
	}
	ttl := h.TTL
	if ttl == 0 && h.Until.IsZero() {
		ttl = wire.DefaultTTL
	}
	until := a.at.Add(ttl)
	if latest := h.Until.Add(maxSkew); latest.After(until) { // the provider's clock may be behind
		until = latest
	}
	storage, err := a.prices.Storage(q, size.Input, a.at, until)
	switch {
	case err != nil:
		return 0, err
	case storage.Cost > math.MaxInt64-most:
		return 0, errors.New("it is more than can be counted")
	}
	return most + storage.Cost, nil
}

// adds returns the most that a request adds to what it costs to hold a context cache.
func (s *caches) adds(a account) (price.Pico, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.byName.values[storedName(a.call.Cache)]
	if c != nil && c.ended {
		return 0, fmt.Errorf("the context cache %s was deleted, or lost", a.call.Cache)
	}
	return c.adds(a)
}

// adds is [caches.adds] for the context cache; nil if it was made elsewhere.
func (c *stored) adds(a account) (price.Pico, error) {
	switch {
	case c == nil && a.errand != nil && a.errand.most > 0:
		return a.errand.most, nil // the registry has its tokens
	case c == nil:
		return 0, fmt.Errorf("the context cache %s was made elsewhere, or before the program was started: it is not known how many tokens are held for longer", a.call.Cache)
	case c.tokens <= 0:
		return 0, fmt.Errorf("it is not known how many tokens the context cache %s holds", a.call.Cache)
	}
	h, err := a.stated()
	if err != nil {
		return 0, err
	}
	until := h.Until.Add(-c.skew)
	if h.Until.IsZero() {
		until = c.from
	}
	if h.TTL > 0 && a.at.Add(h.TTL).After(until) {
		until = a.at.Add(h.TTL)
	}
	if !c.until.IsZero() && !until.After(c.until) && !c.exposed {
		return 0, nil
	}
	if h.TTL > 0 {
		until = until.Add(lateness)
	}
	all, err := a.prices.Storage(c.query, c.tokens, c.from, until)
	if err != nil {
		return 0, err
	}
	return max(0, all.Cost-c.cost), nil
}

// creation returns the row by which a context cache was made; nil if it was made elsewhere. It must not be changed.
func (s *caches) creation(name string) *ledger.Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.byName.values[storedName(name)]; c != nil {
		return &c.create
	}
	return nil
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
