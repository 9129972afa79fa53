package policy

import (
	"sync"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A Call collects the results of the calls made under one context, for a program whose SDK does not return them: see
// [Track]. With several calls it has the sums, and the latest of what cannot be summed. It is safe for concurrent use.
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

// A Report is what one attempt adds to a [Call].
type Report struct {
	Tier   Tier // that served; zero if none did
	Usage  price.Usage
	Cost   price.Pico
	Priced bool // Cost is known
	Err    error

	// Exposure is the most that the attempt may have cost in addition to Cost.
	Exposure price.Pico

	// Settles says that the report is about an attempt that was reported before without a cost. Exposure is then by how much
	// that of the earlier report changes.
	Settles bool

	Refused bool // we refused the call, so the report is not about an attempt
}

// Report adds an attempt. The links of package middleware call it. A nil Call ignores it.
func (c *Call) Report(r Report) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !r.Refused && !r.Settles {
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
	}
	switch {
	case r.Settles && r.Priced:
		c.unpriced--
	case !r.Settles && !r.Priced:
		c.unpriced++
	}
}

// Fail sets the error of the call. It replaces the error of the last attempt, which says less. A nil Call ignores it.
func (c *Call) Fail(err error) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// Attempts returns how many attempts have ended. An attempt ends when its answer has been read to the end or closed.
func (c *Call) Attempts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attempts
}

// Tier returns the tier that served; zero if none did, or if the provider did not say.
func (c *Call) Tier() Tier {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tier
}

// Usage returns what the attempts used together. A usage that the provider did not report is not in it.
func (c *Call) Usage() price.Usage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.usage
}

// Cost returns what the attempts cost together, and whether that is complete: it is not if the cost of an attempt is
// unknown.
func (c *Call) Cost() (cost price.Sum, complete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cost, c.unpriced == 0
}

// Exposure returns the most that the attempts may have cost in addition to Cost, for example because they may have been
// billed although there was no answer. An attempt without a known bound adds nothing.
func (c *Call) Exposure() price.Sum {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.exposure
}

// Err returns why the last attempt failed, or nil. It is the chain's own error, not that of the SDK above.
func (c *Call) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}
