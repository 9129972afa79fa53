package middleware

import (
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// Tier returns the link that asks for a service tier: the current one of the call's plan, or the plan's first if no [Retry]
// is in the chain. If a model rejects a tier, Tier does not ask for it again for an hour, for calls with the same key.
func Tier(p policy.Policy) transport.Middleware {
	return alone(member{link: tierLink{}, rank: tierRank, enforces: policy.TierPart, policy: p})
}

type tierLink struct{ noLink }

func (tierLink) before(c *call) error {
	if c.wire.Kind != wire.Billable {
		return nil
	}
	c.tiers = true
	if c.step.Tier == "" && len(c.results) == 0 {
		c.step.Tier = c.settings.FirstTier(c.left(c.elapsed()))
	}
	for c.step.Tier != "" && c.wire.Tiers != nil && c.rejects(string(c.step.Tier)) {
		c.step.Tier, _ = c.settings.Plan.After(c.step.Tier)
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
