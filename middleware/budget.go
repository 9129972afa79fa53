package middleware

import (
	"fmt"
	"slices"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Budget returns the link that keeps a call from being sent if it could cost more than its context allows (see
// [policy.MaxCost]). What it could cost is a bound, not an estimate: every byte of the request a token, and all the
// output that the request or the model allows, on the dearest tier of the call's plan. A call without a bound is refused:
// one whose input is not all in the request, or which lets the model use tools that cost by the use.
func Budget(p policy.Policy) transport.Middleware {
	return alone(member{link: budgetLink{}, rank: budgetRank, enforces: policy.BudgetPart, policy: p})
}

type budgetLink struct{ noLink }

func (budgetLink) begin(c *call) error {
	limit, limited := limitOf(c)
	if !limited {
		return nil
	}
	c.input.limited = true
	if c.wire.Fees != wire.NoTools {
		return c.refuse(&Error{Kind: ErrCost,
			Detail: fmt.Sprintf("it lets the model use tools that cost by the use, such as searches, as often as it likes, and may cost $%s", limit),
			Hint:   "take these tools out, or lift MaxCost"})
	}
	worst, err := c.account(c.start).worst(c.settings.Plan)
	if err := afford(c, limit, worst, err); err != nil {
		return err
	}
	if worst > 0 {
		c.maxBilled = int(min(limit/worst, 1<<30))
	}
	return nil
}

// before refuses an attempt on a tier that is not in the call's plan, and that its limit does not cover.
func (budgetLink) before(c *call) error {
	limit, limited := limitOf(c)
	if !limited || slices.Contains(c.settings.Plan, c.step.Tier) {
		return nil
	}
	most, err := c.account(c.start).bound(c.step.Tier)
	return afford(c, limit, most, err)
}

// limitOf returns what the call may cost, if that is limited.
func limitOf(c *call) (price.Pico, bool) {
	switch c.wire.Kind {
	case wire.Free, wire.Poll, wire.Submission:
		return 0, false
	}
	return c.options.MaxCost()
}

// afford refuses the call if it could cost more than its limit, or if it is not known how much it could cost.
func afford(c *call, limit, worst price.Pico, err error) error {
	switch {
	case err != nil:
		return c.refuse(&Error{Kind: ErrCost, Err: err,
			Detail: fmt.Sprintf("it is not known whether it costs at most $%s", limit),
			Hint:   "give the model a price, or lift MaxCost"})
	case worst > limit:
		return c.refuse(&Error{Kind: ErrCost,
			Detail: fmt.Sprintf("it could cost $%s, and may cost $%s", worst, limit),
			Hint:   "lower max_tokens, or raise MaxCost"})
	}
	return nil
}
