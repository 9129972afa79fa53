package middleware

import (
	"errors"
	"fmt"
	"math"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// This file computes the most that it can cost to create a context cache, or to have it held for longer.

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
