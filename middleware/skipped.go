package middleware

import (
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// What a call's row, and the log, say about tiers that it does not ask for.

// noteUnasked notes that a tier is not asked for because the call takes none. For a tier of the policy that is a matter of
// course, which the row says. It is logged if the context asks for the tier, or if the body cannot be changed.
func (c *call) noteUnasked() {
	if c.wire.Kind == wire.Free || c.wire.Kind == wire.Poll {
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

// A tierSkip is what the log says once an hour: that calls of a model do not ask for a tier, and why.
type tierSkip struct {
	provider, operation, model string
	tier                       policy.Tier
	cause                      skipCause
}

type skipCause uint8

const (
	tooLate skipCause = iota
	rejectedBefore
	noTiers
	bodyLeft
)

// hints say what a program can do, by cause.
var hints = [...]string{
	tooLate:        "give the calls more time, or lower FlexMinimum",
	rejectedBefore: "it is asked for again an hour after the model rejected it",
	noTiers:        "",
	bodyLeft:       "",
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

// both joins two texts of which one may be empty.
func both(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
