package wire

import (
	"strings"

	"github.com/skinflint-go/skinflint/policy"
)

// groq: flex has ten times the rate limits at the same price, and a status of its own for a lack of capacity. Sources:
// Groq's pages on service tiers and errors.
var groq = &provider{
	name:  "groq",
	hosts: []string{"api.groq.com"},
	dialects: []Dialect{&Compatible{
		Provider: "groq", AskUsage: true, onePrice: true,
		paid:    func(model string) bool { return strings.Contains(model, "compound") }, // they search and run code
		Tiers:   map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "on_demand", policy.Priority: "performance"},
		tiers:   []policy.Tier{policy.Flex, policy.Standard, policy.Priority},
		aliases: map[string]policy.Tier{"auto": "auto"},
		rejection: func(_ *Call, r *Response, _ *apiError, f *Rejection) {
			if r.Status == 498 {
				// "Flex tier capacity exceeded": the request is not processed.
				f.Outcome, f.Evidence, f.Reason = policy.Rejected, policy.Documented, policy.Capacity
				f.RetryAfter = RetryAfter(r.Header, r.At)
			}
		},
	}},
}
