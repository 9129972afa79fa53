package middleware

import (
	"errors"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// affordsAt refuses an attempt that begins later than its call, after a wait, if prices have changed by then and its limit does
// not cover them.
func (c *call) affordsAt(at time.Time) error {
	if at.Equal(c.start) || c.options == nil {
		return nil
	}
	limit, limited := limitOf(c)
	if !limited || c.wire.Kind == wire.Submission {
		return nil
	}
	most, err := c.within(limit, at, func(a account) (price.Pico, error) { return a.bound(c.step.Tier) })
	return afford(c, limit, most, err)
}

// within returns the bound of the call at a time. If it exceeds the limit and we chose writes to a prompt cache, they are taken
// back first: no call is refused because of them.
func (c *call) within(limit price.Pico, at time.Time, bound func(account) (price.Pico, error)) (price.Pico, error) {
	most, err := bound(c.account(at))
	if err != nil || most <= limit || len(c.promptCache.Writes) == 0 {
		return most, err
	}
	c.takeBackWrites("MaxCost does not cover it")
	return bound(c.account(at))
}

// limitOf returns what the call may cost, if that is limited.
func limitOf(c *call) (price.Pico, bool) {
	switch c.wire.Kind {
	case wire.Free, wire.Poll:
		if c.wire.Operation != wire.UpdateCache {
			return 0, false
		}
	}
	return c.options.MaxCost()
}

// remedyOf returns what to do about a call without a bound.
func remedyOf(c *call, err error) string {
	var unlisted *unlistedError
	switch {
	case c.wire.Operation == wire.CreateCache && c.holding == nil:
		return "give the request a GetBody"
	case c.wire.Operation == wire.UpdateCache:
		return "create the context cache through this stack"
	case errors.As(err, &unlisted):
		return fmt.Sprintf("take %q out, or name it in the dialect's Harmless", unlisted.member)
	case c.wire.MaxOutput <= 0 && !c.wire.NoOutput:
		return "give it an output limit (max_completion_tokens or the like), or the model a price and limits in a catalog"
	}
	return "change the request, or give the model a price"
}

// afford refuses the call if it could cost more than its limit, or if it is not known how much it could cost.
func afford(c *call, limit, worst price.Pico, err error) error {
	hint := "lower its output limit (max_completion_tokens or the like), or raise MaxCost"
	switch {
	case c.holds():
		hint = "have the context cache held for a shorter time, or raise MaxCost"
	case c.wire.MaxOutput <= 0:
		hint = "give it an output limit (max_completion_tokens or the like), or raise MaxCost"
	}
	switch {
	case err != nil:
		return c.refuse(&Error{Kind: ErrCost, Err: err,
			Detail: fmt.Sprintf("it is not known whether it costs at most $%s", limit),
			Hint:   remedyOf(c, err) + ", or lift MaxCost"})
	case worst > limit:
		return c.refuse(&Error{Kind: ErrCost,
			Detail: fmt.Sprintf("it could cost $%s, and the limit is $%s", worst, limit), Hint: hint})
	}
	return nil
}
