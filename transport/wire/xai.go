package wire

import (
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
)

// xAI counts reasoning apart from the completion, in the total only. It reports what it charged, in ticks, and how many
// searches and tools it used, which cost extra. Sources: recorded traffic of 2026; xAI's API reference.
var xAI = &provider{
	name:  "xai",
	hosts: []string{"api.x.ai", ".api.x.ai"},
	dialects: []Dialect{newAnthropicMessages("xai"), &Compatible{
		Provider: "xai", AskUsage: true,
		Tiers:           map[policy.Tier]string{policy.Standard: "default", policy.Priority: "priority"},
		tiers:           []policy.Tier{policy.Standard, policy.Priority},
		hiddenReasoning: true,
		freshImages:     true, // what is cached is text: a bill of 2026
		rejection: func(_ *Call, r *Response, e *apiError, f *Rejection) {
			if r.Status == http.StatusServiceUnavailable && strings.Contains(e.message, "at capacity") {
				// "The model is at capacity and currently cannot serve this request."
				f.Outcome, f.Evidence, f.Reason = policy.Rejected, policy.Reported, policy.Overloaded
			}
		},
	}},
}
