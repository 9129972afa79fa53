package middleware

import (
	"fmt"
	"slices"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Budget returns the link that refuses a call which could cost more than its context allows (see [policy.MaxCost]). What it
// could cost is a bound, not an estimate: every byte of the request a token, and all the output that the request or the
// model allows, on the dearest tier of the call's plan, and without a plan on the dearest that the provider may choose. If
// input is not all in the request, as with an image's URL, the bound is the model's context window.
//
// A call without a bound is refused: of a model without a price, with a member in its request that is not known
// ([wire.Outline]), or one that lets the model use tools which cost by the use. So is one that submits work which is charged
// for later, such as a batch, unless [policy.AllowDeferredCost] lets it through.
//
// Budget also refuses an attempt whose bound does not fit into the cap of a budget of the policy, beside what is spent and the
// bounds of all other attempts under way: see [policy.Budget]. An attempt waits while only these bounds are in the way.
func Budget(p policy.Policy) transport.Middleware {
	r, e := new(ruling), newEngine()
	own := policy.Policy{Budgets: p.Budgets}
	if err := r.set(own, e); err != nil {
		return alone(member{link: badLink{err: err}, rank: budgetRank})
	}
	r.warn(e)
	rules := r.Load()
	p.Budgets = nil // all chains of the link share them
	return alone(
		member{link: &budgetLink{spender: rules.spender}, rank: budgetRank, enforces: policy.BudgetPart, policy: p},
		member{link: &limitLink{limiter: rules.limiter, needs: rules.needs, alone: true}, rank: fundRank, needs: rules.needs})
}

// A budgetLink refuses what exceeds MaxCost. For budgets, a limitLink asks: in a Stack together with the limits, and else as the
// last one.
type budgetLink struct {
	noLink
	spender limit.Spender // of budgets that the link alone has; nil: there are none
}

func (l *budgetLink) begin(c *call) error {
	if l.spender != nil {
		c.sinks = append(slices.Clip(c.sinks), func(row *ledger.Row) {
			if !c.counts(row, l.spender) {
				c.engine.spend(l.spender, c.wire.Kind, row)
			}
		})
	}
	limit, limited := limitOf(c)
	if !limited {
		return nil
	}
	if c.wire.Kind == wire.Submission {
		return deferred(c, limit)
	}
	if c.wire.Fees != wire.NoTools && !c.wire.NotRead {
		return c.refuse(&Error{Kind: ErrCost,
			Detail: fmt.Sprintf("it lets the model use tools that cost by the use, such as searches, as often as it likes, and the limit is $%s", limit),
			Hint:   "take these tools out, or lift MaxCost"})
	}
	worst, err := c.within(limit, c.start, func(a account) (price.Pico, error) { return a.worst(c.settings.Plan) })
	if err := afford(c, limit, worst, err); err != nil {
		return err
	}
	if worst > 0 {
		c.maxBilled = int32(min(limit/worst, 1<<30))
	}
	return nil
}

// before refuses an attempt on a tier that is not in the call's plan, and that its limit does not cover.
func (*budgetLink) before(c *call) error {
	limit, limited := limitOf(c)
	tier := c.step.Tier
	if !c.tiers {
		tier = c.wire.Tier
	}
	if !limited || c.wire.Kind == wire.Submission || slices.Contains(c.settings.Plan, tier) {
		return nil
	}
	most, err := c.within(limit, c.start, func(a account) (price.Pico, error) { return a.bound(tier) })
	return afford(c, limit, most, err)
}

// deferred refuses a call that submits work which is charged for when it is done, unless the program lets it through.
func deferred(c *call, limit price.Pico) error {
	if c.options.AllowsDeferredCost() {
		c.skipped = both(c.skipped, "MaxCost: what it submits is charged for later, and has no bound")
		return nil
	}
	return c.refuse(&Error{Kind: ErrCost,
		Detail: fmt.Sprintf("it submits work that is charged for when it is done and has no bound, and the limit is $%s", limit),
		Hint:   "let it through by policy.AllowDeferredCost, or lift MaxCost"})
}
