package wire

import (
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// perplexity reports usage and cost in every chunk of a stream, unasked. Its models also charge for each request, by how
// much was searched, so the cost does not follow from the tokens; but it reports what it charged. Source: recorded traffic
// of 2026; Perplexity's pricing page.
var perplexity = &provider{
	name:    "perplexity",
	aliases: []string{"perplexityai", "pplx"},
	hosts:   []string{"api.perplexity.ai"},
	dialects: []Dialect{&Compatible{
		Provider: "perplexity", running: true,
		paid: func(model string) bool { return strings.HasPrefix(model, "sonar") },
		only: []string{Chat, Embeddings},
		answer: func(c *Call, _ *transport.Fields, a *Answer) {
			if c.Operation == Chat && a.HasUsage && a.Model != "r1-1776" {
				a.Extras = "it is also charged for by the request" // all but the model that does not search
			}
		},
	}},
}
