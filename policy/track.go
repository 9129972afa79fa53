package policy

import (
	"context"
	"sync"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A Call carries what became of the calls made under a context back to the program that made them, past an SDK that
// hides it. It is safe for concurrent use. Where several calls are made under one context, it holds their sums, and
// the latest of what cannot be summed.
type Call struct {
	mu       sync.Mutex
	attempts int
	unpriced int
	tier     Tier
	usage    price.Usage
	cost     price.Sum
	exposure price.Sum
	err      error
}

// Track returns a context, and the Call that its calls report to.
func Track(ctx context.Context) (context.Context, *Call) {
	c := new(Call)
	return With(ctx, func(o *Options) { o.tracked = c }), c
}

// Tracked returns the Call to report to, or nil.
func (o *Options) Tracked() *Call {
	if o == nil {
		return nil
	}
	return o.tracked
}

// A Report is what one attempt adds to a [Call].
type Report struct {
	Tier   Tier // served; zero if nothing was
	Usage  price.Usage
	Cost   price.Pico
	Priced bool // the cost is known
	Err    error

	Exposure price.Pico // what it may have cost beside, at most; negative where that has become known

	Refused bool // we refused the call: it is no attempt
}

// Report adds an attempt. A nil Call ignores it.
func (c *Call) Report(r Report) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !r.Refused {
		c.attempts++
	}
	c.usage = c.usage.Add(r.Usage)
	c.err = r.Err
	if r.Tier != "" {
		c.tier = r.Tier
	}
	c.exposure.Add(r.Exposure)
	if r.Priced {
		c.cost.Add(r.Cost)
	} else {
		c.unpriced++
	}
}

// Fail notes why a call has failed in the end, where that is more than its last attempt's error. A nil Call ignores it.
func (c *Call) Fail(err error) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// Attempts returns how many attempts have ended. One ends when its answer has been read or closed.
func (c *Call) Attempts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attempts
}

// Tier returns the tier that served; zero if none did, or it did not say.
func (c *Call) Tier() Tier {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tier
}

// Usage returns what was used, as far as the provider said.
func (c *Call) Usage() price.Usage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usage
}

// Cost returns what the attempts cost together, and whether that is all: it is not while the cost of one of them is
// unknown.
func (c *Call) Cost() (cost price.Sum, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cost, c.unpriced == 0
}

// Exposure returns what the attempts may have cost beside, at most, as far as a bound is known: those that may have been
// billed without an answer.
func (c *Call) Exposure() price.Sum {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exposure.Sign() < 0 {
		return price.Sum{} // of a call in the background, only the fetching of its answer was tracked
	}
	return c.exposure
}

// Err returns why the last attempt failed, or nil. Where the chain answers for what is sent again, that is an error which
// says so, even if the SDK above has made something else of it.
func (c *Call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
