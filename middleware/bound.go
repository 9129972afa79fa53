package middleware

import (
	"errors"
	"slices"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// This file computes the most that an attempt can cost. MaxCost and every exposure depend on it, so whatever is not known
// takes the dearest case, or means that there is no bound.

// worst returns the bound of an attempt on the dearest tier of a plan.
func (a account) worst(plan policy.Plan) (worst price.Pico, err error) {
	for _, tier := range plan {
		most, err := a.bound(tier)
		if err != nil {
			return 0, err
		}
		worst = max(worst, most)
	}
	return worst, nil
}

// bound returns the most that an attempt can cost if it asks for the tier. That is the cost on the dearest tier that may
// serve: unless the provider serves or rejects on the tier asked for, this includes the standard tier.
func (a account) bound(tier policy.Tier) (price.Pico, error) {
	switch a.call.Operation {
	case wire.CreateCache:
		return a.creation()
	case wire.UpdateCache:
		return a.stored.adds(a)
	}
	leftToProvider := tier == "" || tier == "auto"
	if leftToProvider {
		tier = policy.Standard
	}
	most, err := a.boundOn(tier)
	if err != nil {
		return 0, err
	}
	if leftToProvider {
		if priority, err := a.boundOn(policy.Priority); err == nil {
			most = max(most, priority)
		}
	}
	if tier != policy.Standard && !a.call.OnePrice && !slices.Contains(a.call.Strict, tier) {
		standard, err := a.boundOn(policy.Standard)
		if err != nil {
			return 0, err
		}
		most = max(most, standard)
	}
	return most, nil
}

// boundOn returns the most that an attempt can cost if the tier serves it.
func (a account) boundOn(tier policy.Tier) (price.Pico, error) {
	c := a.call
	if c.Choices <= 0 {
		return 0, errors.New("the request does not say in plain digits how many answers it asks for")
	}
	size, err := a.input.size(c, a.cache)
	if err != nil {
		return 0, err
	}
	size.Output, size.Answers = maxOutput(c), c.Choices
	size.ShortWrites = size.ShortWrites && !a.longWrites
	return a.prices.Bound(a.query(tier), size)
}

// maxOutput returns the most output tokens of one answer; -1 if it is not known.
func maxOutput(c *wire.Call) int64 {
	switch {
	case c.NoOutput:
		return 0
	case c.MaxOutput <= 0:
		return -1
	}
	return c.MaxOutput
}
