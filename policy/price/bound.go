package price

import (
	"errors"
	"math"
	"slices"
)

// A Size bounds the tokens of a call. The zero Size is a call without input and output.
type Size struct {
	// Input is the most of all inputs together. Negative is not known: the model's own limit is then used.
	Input int64
	// Output is the most of one answer. Negative is not known: the model's own limit is then used.
	Output int64
	// Inputs is how many separate inputs there are, as of embeddings. The model's limit of input holds for each. Zero is one.
	Inputs int64
	// Answers is how many answers there are. Zero is one. The input is charged for once.
	Answers int64
	// Text says that the input is text only, so that the prices of audio, images and video do not count.
	Text bool
	// ShortWrites says that what is written to a cache is written for its shortest time to live.
	ShortWrites bool
	// Unlimited says that the model's own limits are not relied on: a beta feature may lift them.
	Unlimited bool
}

// Bound returns the most that a call of the size can cost. It takes the whole input at the highest price of any kind of
// input, in any band that such a prompt could select, and the whole output at the highest price of any kind of output.
// Where the model's own limits are lower than the size, they count. Kinds of token without a price in the tier are not
// included.
//
// Bound covers the tokens and, where the call itself has a price (requests), one request. It does not cover searches and
// other tools, because their number is not known before the call, and it does not cover storage. It holds for a call that
// starts at q.At, in that period and window. A regional uplift is rounded up.
//
// The error is an [*Unpriced]: for the reasons of [Catalog.Cost], or because a limit is needed and not known.
func (c *Catalog) Bound(q Query, s Size) (Pico, error) {
	f, err := c.find(&q)
	if err != nil {
		return 0, err
	}
	if !s.Unlimited {
		limitInput, limitOutput, _ := c.Limits(q.Provider, q.Model)
		s.Input, s.Output = clamp(s.Input, multiple(limitInput, s.Inputs)), clamp(s.Output, limitOutput)
	}
	bound, err := c.bound(&q, &f, &s)
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

// multiple returns n*times, at most [math.MaxInt64]. Fewer times than one are one.
func multiple(n, times int64) int64 {
	if times > 1 && n > math.MaxInt64/times {
		return math.MaxInt64
	}
	return n * max(times, 1)
}

// excludes reports whether the input has no tokens of a counter.
func (s *Size) excludes(c counter) bool {
	switch c {
	case cacheWrite1h, cacheWrite12h:
		return s.ShortWrites
	case audioInput, cachedAudioInput, imageInput, cachedImageInput, videoInput:
		return s.Text
	}
	return false
}

// The errors of a bound are made once, so that finding one does not allocate.
var (
	errNoInput     = errors.New("the size of the prompt is not known, nor the model's largest")
	errNoOutput    = errors.New("the size of the output is not known, nor the model's largest")
	errNoOutputFee = errors.New("no price for any kind of output")
	errNoInputFee  = errors.New("no price for any kind of input")
)

// bound returns the most that a call of the size can cost.
func (c *Catalog) bound(q *Query, f *found, s *Size) (Pico, error) {
	up, err := c.uplift(q, f.model)
	if err != nil {
		return 0, err
	}
	in, out, request, err := c.dearest(q, f, s)
	switch maxInput, maxOutput := s.Input, s.Output; {
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
	total.add(max(s.Input, 0), max(in, 0))
	total.add(multiple(max(s.Output, 0), s.Answers), max(out, 0))
	total.add(1, max(request, 0))
	bound, err := total.pico()
	if err != nil {
		return 0, err
	}
	return up.timesUp(bound)
}

// dearest returns the highest price of an input token, of an output token and of a request, in the bands of prompts up to
// s.Input.
func (t *tier) dearest(s *Size) (in, out, request int64, err error) {
	maxInput := s.Input
	if maxInput < 0 {
		maxInput = endless
	}
	in, out, request = unknown, unknown, unknown
	for i := range t.bands {
		b := &t.bands[i]
		for c := range firstOutput {
			if !s.excludes(c) {
				in = max(in, b.prices[c])
			}
		}
		out = max(out, slices.Max(b.prices[firstOutput:firstTool]))
		request = max(request, b.prices[requests])
		if maxInput <= b.upTo {
			return in, out, request, nil
		}
	}
	return 0, 0, 0, t.beyond
}
