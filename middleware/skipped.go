package middleware

import (
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// What a call's row, and the log, say about tiers that it does not ask for.

// noteUnasked notes that a tier is not asked for because the call takes none. For a tier of the policy that is a matter of
// course, which the row says. It is logged if the context asks for the tier, or if the body cannot be changed.
func (c *call) noteUnasked() {
	if c.settings.Unasked == "" || c.wire.Kind == wire.Free || c.wire.Kind == wire.Poll {
		return
	}
	tier, why, _ := strings.Cut(c.settings.Unasked, ": ")
	switch {
	case c.wire.Kind == wire.Billable && c.wire.Tiers != nil && c.body.Skipped() != "":
		c.logTier(policy.Tier(tier), bodyLeft, "the body is left as it is: "+c.body.Skipped()) // as the row says, too
	case c.options.AsksForTier():
		c.skipTier(policy.Tier(tier), noTiers, why)
	default:
		c.skipped = both(c.skipped, c.settings.Unasked)
	}
}

// skipTier notes for the row, and for the log, that the call does not ask for a tier.
func (c *call) skipTier(tier policy.Tier, cause skipCause, why string) {
	c.skipped = both(c.skipped, string(tier)+": "+why)
	c.logTier(tier, cause, why)
}

func (c *call) logTier(tier policy.Tier, cause skipCause, why string) {
	if c.explained || !c.engine.skips.addNew(tierSkip{c.wire.Provider, c.wire.Operation, c.wire.Model, tier, cause}) {
		return
	}
	attrs := []any{"tier", tier, "why", why, "provider", c.wire.Provider, "operation", c.wire.Operation, "model", c.wire.Model}
	if hint := hints[cause]; hint != "" {
		attrs = append(attrs, "hint", hint)
	}
	c.engine.logger().Warn("skinflint: calls do not ask for a tier that they should; this is not said again for an hour", attrs...)
}

// chooseTier takes the tier for the next attempt: the one that was decided on, or a later one of the plan if that cannot be
// used.
func (c *call) chooseTier() {
	if len(c.results) == 0 {
		c.step.Tier = c.settings.Plan.First() // the decider may have left it out already, without saying so
	}
	c.tierInTime(c.left(c.elapsed()))
	for c.step.Tier != "" && c.wire.Tiers != nil && c.rejects(string(c.step.Tier)) {
		c.skipTier(c.step.Tier, rejectedBefore, "rejected by this model")
		c.step.Tier, _ = c.settings.Plan.After(c.step.Tier)
	}
}

// tierInTime replaces a tier that needs more time than is left.
func (c *call) tierInTime(left time.Duration) {
	if tier := c.settings.InTime(c.step.Tier, left); tier != c.step.Tier {
		c.skipTier(c.step.Tier, tooLate, c.settings.Late(left))
		c.step.Tier = tier
	}
}
