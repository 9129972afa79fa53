package middleware

import (
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Tier returns the link that asks for a service tier: the current one of the call's plan, or the plan's first if no [Retry]
// is in the chain. If a model rejects a tier, Tier does not ask for it again for an hour, for calls with the same key. Where
// it does not ask for a tier of the plan, the row's Skipped says why, and the log says it once an hour for each model.
func Tier(p policy.Policy) transport.Middleware {
	return alone(member{link: tierLink{}, rank: tierRank, enforces: policy.TierPart, policy: p})
}

type tierLink struct{ noLink }

func (tierLink) before(c *call) error {
	if c.wire.Kind == wire.Billable {
		c.tiers = true
		c.chooseTier()
	}
	return nil
}

// after remembers a tier that was rejected.
func (tierLink) after(c *call) {
	last := c.last()
	if last != nil && len(c.results) == c.attempts && last.Reason == policy.TierRejected && last.Step.Tier != "" {
		c.engine.rejected.add(c.rejection(string(last.Step.Tier)))
	}
}
