package wire

import (
	"net/url"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// openAI: "default" is the certain standard tier, because "auto", or no tier at all, is whatever the project is set to.
// "fast" is an alias of "priority", and answers say "priority". Sources: OpenAI's OpenAPI description of 2026-08-21; its
// flex, rate limit and error code guides.
var openAI = &provider{
	name:     "openai",
	hosts:    []string{"api.openai.com", ".api.openai.com"},
	dialects: []Dialect{openAIChat},
	free: []string{
		"vector_stores", "fine_tuning", "assistants", "conversations", "evals", "organization", "input_tokens",
		"client_secrets", "sessions", "threads", "ingest", "hangup", "refer", "reject",
		"completions", // of a chat completion that is stored: its metadata
	},
}

// openAIChat also recognises requests to unknown hosts. It accepts chat completions at any path, and the other operations
// only directly below a version (/v1/images), because their names alone are common words.
var openAIChat = openAIDialect{&Compatible{
	Provider: "openai",
	AskUsage: true,
	Tiers:    map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "default", policy.Priority: "priority"},
	tiers:    []policy.Tier{policy.Flex, policy.Standard, policy.Priority},
	writes:   []time.Duration{30 * time.Minute, 12 * time.Hour},
	aliases:  map[string]policy.Tier{"fast": policy.Priority, "auto": "auto"},
}}

type openAIDialect struct{ *Compatible }

// Recognise also notes the region of the host.
func (d openAIDialect) Recognise(method string, u *url.URL) (Call, bool) {
	c, ok := d.Compatible.Recognise(method, u)
	if !ok || c.Operation != Chat && !versioned(u.Path) {
		return Call{}, false
	}
	// eu.api.openai.com and us.api.openai.com process in their region, where newer models cost 10 % more.
	c.Regional = len(u.Host) > len("api.openai.com") && strings.HasSuffix(strings.ToLower(u.Hostname()), ".api.openai.com")
	return c, ok
}

// versioned reports whether an endpoint stands directly below a version, or a response below that.
func versioned(path string) bool {
	_, after, ok := strings.Cut(path, "/v1/")
	for _, e := range endpoints {
		if ok && "/"+after == e.path {
			return true
		}
	}
	return ok && strings.HasPrefix(after, "responses/")
}
