package wire

import (
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// openRouter tells what it charged, and has the prices of whoever serves. Its flex does not fall back; without a flex
// endpoint it may serve as standard, and then says so. "Error status = no tokens": its FAQ on billing.
var openRouter = &provider{
	name:  "openrouter",
	hosts: []string{"openrouter.ai"},
	dialects: []Dialect{anthropicMessages{"openrouter"}, &Compatible{
		Provider: "openrouter", AskUsage: true,
		Tiers: map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "", policy.Priority: "priority"},
		tiers: []policy.Tier{policy.Flex, policy.Standard, policy.Priority},
		aliases: map[string]policy.Tier{
			"auto": "auto", "default": policy.Standard, "standard": policy.Standard,
		},
		answer: func(_ *Call, doc *transport.Fields, a *Answer) {
			if own, _ := doc.Get(atUsageIsByok); string(own) == "true" {
				a.HasReported, a.Reported = false, 0 // the program's own key pays, and that is not in it
			}
		},
		refusal: func(c *Call, r *Response, e *apiError, f *Refusal) {
			// What has no error object is not OpenRouter's word: a network in front of it gave up, and it went on.
			if r.Status >= 400 && !c.Foreign && *e != (apiError{}) {
				f.Outcome, f.Evidence = policy.Rejected, policy.Documented
			}
		},
	}},
}
