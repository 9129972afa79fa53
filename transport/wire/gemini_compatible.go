package wire

import (
	"net/url"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
)

// geminiCompatible is the Gemini API that is compatible with OpenAI's: /v1beta/openai/chat/completions, and
// /v1beta/chat/completions. It has flex and priority; the standard tier is to name none. Tokens of thought are in the
// total only. Source: ai.google.dev, the page on OpenAI compatibility, 2026; recorded traffic.
var geminiCompatible Dialect = geminiCompatibleDialect{newGoogleCompatible("gemini", geminiRejection)}

// newGoogleCompatible returns what the OpenAI-compatible APIs of Gemini and of Vertex AI have in common.
func newGoogleCompatible(provider string, rejection func(*Call, *Response) Rejection) *Compatible {
	return &Compatible{
		Provider: provider, AskUsage: true, Caches: true, running: true, hiddenReasoning: true, only: []string{Chat, Embeddings},
		Tiers:     map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "", policy.Priority: "priority"},
		tiers:     geminiTiers,
		strict:    geminiStrict,
		aliases:   map[string]policy.Tier{"standard": policy.Standard, "default": policy.Standard, "auto": "auto"},
		headers:   geminiHeaders,
		rejection: func(c *Call, r *Response, _ *apiError, f *Rejection) { *f = rejection(c, r) },
	}
}

type geminiCompatibleDialect struct{ *Compatible }

// Recognise takes the two base paths. The first may be behind another path.
func (d geminiCompatibleDialect) Recognise(method string, u *url.URL) (Call, bool) {
	if !strings.HasPrefix(u.Path, "/v1beta/") && !strings.Contains(u.Path, "/v1beta/openai/") {
		return Call{}, false
	}
	return d.Compatible.Recognise(method, u)
}
