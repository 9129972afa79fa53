package wire

import "github.com/skinflint-go/skinflint/policy"

// openRouter tells what it charged, and has the prices of whoever serves. Its flex does not fall back; without a flex
// endpoint it may serve as standard, and then says so. "Error status = no tokens": its FAQ on billing.
var openRouter = &provider{
	name:  "openrouter",
	hosts: []string{"openrouter.ai"},
	dialects: []Dialect{&Compatible{
		Provider: "openrouter", AskUsage: true,
		Tiers: map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "", policy.Priority: "priority"},
		tiers: []policy.Tier{policy.Flex, policy.Standard, policy.Priority},
		aliases: map[string]policy.Tier{
			"auto": "auto", "default": policy.Standard, "standard": policy.Standard,
		},
		refusal: func(_ *Call, r *Response, _ *apiError, f *Refusal) {
			if r.Status >= 400 {
				f.Outcome, f.Evidence = policy.Rejected, policy.Documented
			}
		},
	}},
}
