package wire

import (
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// mistral reports a stream's usage unasked, and the tier within the usage. Source: recorded traffic of 2026.
var mistral = &provider{
	name:  "mistral",
	hosts: []string{"api.mistral.ai", "codestral.mistral.ai"},
	dialects: []Dialect{&Compatible{
		Provider: "mistral",
		only:     []string{Chat, Embeddings, Transcription},
		answer: func(_ *Call, doc *transport.Fields, a *Answer) {
			if tier := doc.Text(atUsageServiceTier); tier != "" {
				a.Tier = policy.Tier(printable(tier))
			}
		},
	}},
}
