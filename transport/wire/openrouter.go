package wire

import (
	"strings"

	"github.com/skinflint-go/skinflint/policy"
)

// openRouter reports what it charged, and has the prices of the provider that serves. Its flex tier does not fall back
// if there is a flex endpoint; if there is none it may serve as standard, and then says so. "Error status = no
// tokens": its FAQ on billing.
var openRouter = &provider{
	name:    "openrouter",
	aliases: []string{"openrouterai"},
	hosts:   []string{"openrouter.ai"},
	dialects: []Dialect{newAnthropicMessages("openrouter"), &Compatible{
		Provider: "openrouter", AskUsage: true,
		paid:  func(model string) bool { return strings.HasSuffix(model, ":online") }, // it searches the web
		Tiers: map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "", policy.Priority: "priority"},
		tiers: []policy.Tier{policy.Flex, policy.Standard, policy.Priority},
		aliases: map[string]policy.Tier{
			"auto": "auto", "default": policy.Standard, "standard": policy.Standard,
		},
		rejection: func(c *Call, r *Response, e *apiError, f *Rejection) {
			// An answer without an error object is not OpenRouter's: a network in front of it gave up, and the call went on.
			if r.Status >= 400 && !c.Foreign && *e != (apiError{}) {
				f.Outcome, f.Evidence = policy.Rejected, policy.Documented
			}
		},
	}},
}
