package price

import (
	"errors"
	"slices"
)

// Bound returns the most that a call can cost if its prompt has at most maxInput tokens and its answer at most maxOutput.
// It takes the whole prompt at the highest price of any kind of input, in any band that such a prompt could select, and
// the whole output at the highest price of any kind of output. A negative number means not known: the model's own limit
// is then used, as it is where it is lower than the number given. Kinds of token without a price in the tier are not
// included.
//
// Bound covers the tokens and, where the call itself has a price (requests), one request. It does not cover searches and
// other tools, because their number is not known before the call, and it does not cover storage. It holds for a call that
// starts at q.At, in that period and window. A regional uplift is rounded up.
//
// The error is an [*Unpriced]: for the reasons of [Catalog.Cost], or because a limit is needed and not known.
func (c *Catalog) Bound(q Query, maxInput, maxOutput int64) (Pico, error) {
	f, err := c.find(&q)
	if err != nil {
		return 0, err
	}
	limitInput, limitOutput, _ := c.Limits(q.Provider, q.Model)
	maxInput, maxOutput = clamp(maxInput, limitInput), clamp(maxOutput, limitOutput)
	bound, err := c.bound(&q, &f, maxInput, maxOutput)
	if err != nil {
		return 0, unpriced(&q, err)
	}
	return bound, nil
}

// clamp returns n, or the limit where n is above it or negative, which means not known. A limit of 0 is not known.
func clamp(n, limit int64) int64 {
	if limit > 0 && (n < 0 || n > limit) {
		return limit
	}
	return n
}

// The errors of a bound are made once, so that finding one does not allocate.
var (
	errNoInput     = errors.New("the size of the prompt is not known, nor the model's largest")
	errNoOutput    = errors.New("the size of the output is not known, nor the model's largest")
	errNoOutputFee = errors.New("no price for any kind of output")
	errNoInputFee  = errors.New("no price for any kind of input")
)

// bound returns the most that these tokens can cost. A negative number means not known.
func (c *Catalog) bound(q *Query, f *found, maxInput, maxOutput int64) (Pico, error) {
	up, err := c.uplift(q, f.model)
	if err != nil {
		return 0, err
	}
	in, out, request, err := c.dearest(q, f, maxInput)
	switch {
	case err != nil:
		return 0, err
	case maxInput != 0 && in < 0:
		return 0, errNoInputFee
	case maxOutput != 0 && out < 0:
		return 0, errNoOutputFee
	case maxInput < 0 && in > 0:
		return 0, errNoInput
	case maxOutput < 0 && out > 0:
		return 0, errNoOutput
	}
	var total tally
	total.add(max(maxInput, 0), max(in, 0))
	total.add(max(maxOutput, 0), max(out, 0))
	total.add(1, max(request, 0))
	bound, err := total.pico()
	if err != nil {
		return 0, err
	}
	return up.timesUp(bound)
}

// dearest returns the highest price of an input token, of an output token and of a request, in the bands of prompts up to
// maxInput.
func (t *tier) dearest(maxInput int64) (in, out, request int64, err error) {
	if maxInput < 0 {
		maxInput = endless
	}
	in, out, request = unknown, unknown, unknown
	for i := range t.bands {
		b := &t.bands[i]
		in = max(in, slices.Max(b.prices[:firstOutput]))
		out = max(out, slices.Max(b.prices[firstOutput:firstTool]))
		request = max(request, b.prices[requests])
		if maxInput <= b.upTo {
			return in, out, request, nil
		}
	}
	return 0, 0, 0, errLongContext
}
