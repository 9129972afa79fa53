package middleware

import (
	"errors"
	"math"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

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

// bound returns the most that an attempt can cost if it asks for the tier. If that leaves the choice to the provider, it is
// the cost on the dearest tier that may serve.
func (a account) bound(tier policy.Tier) (price.Pico, error) {
	if tier.Askable() {
		return a.boundOn(tier)
	}
	most, err := a.boundOn(policy.Standard)
	if priority, noPriority := a.boundOn(policy.Priority); err == nil && noPriority == nil {
		most = max(most, priority)
	}
	return most, err
}

// boundOn returns the most that an attempt can cost if the tier serves it.
func (a account) boundOn(tier policy.Tier) (price.Pico, error) {
	c, q := a.call, a.query(tier)
	if c.Choices <= 0 {
		return 0, errors.New("the request does not say in plain digits how many answers it asks for")
	}
	most := a.input.max(c, a.cache)
	one, err := a.prices.Bound(q, most, maxOutput(c))
	if err != nil || c.Choices == 1 {
		return one, err
	}
	// The input is charged for once, and the output for each choice.
	input, err := a.prices.Bound(q, most, 0)
	if err != nil {
		return 0, err
	}
	if c.Choices > int64(math.MaxInt64/max(one, 1)) {
		return math.MaxInt64, nil
	}
	return one + (one-input)*price.Pico(c.Choices-1), nil
}

// maxOutput returns the most output tokens of one answer, in the form of [price.Catalog.Bound]: -1 if it is not known.
func maxOutput(c *wire.Call) int64 {
	switch {
	case c.NoOutput:
		return 0
	case c.MaxOutput <= 0:
		return -1
	}
	return c.MaxOutput
}
