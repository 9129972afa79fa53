package wire

import (
	"net/url"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
)

// OpenAI: "default" is the certain standard tier, as "auto", or no tier at all, is whatever the project is set to;
// "fast" is an alias of "priority", as which the answer shows it. Sources: OpenAI's OpenAPI description of 2026-08-21; its
// flex, rate limit and error code guides.
var openAI = &provider{
	name:     "openai",
	hosts:    []string{"api.openai.com", ".api.openai.com"},
	dialects: []Dialect{openAIChat},
	free: []string{
		"vector_stores", "fine_tuning", "assistants", "conversations", "evals", "organization", "input_tokens",
		"client_secrets", "sessions", "threads", "realtime", "ingest",
		"completions", // of a chat completion that is stored: its metadata
	},
}

// openAIChat is also what a host that nobody knows is taken for: chat completions wherever they are, and the other
// operations below a version, as their names alone are common words.
var openAIChat = openAIDialect{&Compatible{
	Provider: "openai",
	AskUsage: true,
	Tiers:    map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "default", policy.Priority: "priority"},
	tiers:    []policy.Tier{policy.Flex, policy.Standard, policy.Priority},
	aliases:  map[string]policy.Tier{"fast": policy.Priority, "auto": "auto"},
}}

type openAIDialect struct{ *Compatible }

func (d openAIDialect) Recognise(method string, u *url.URL) (Call, bool) {
	c, ok := d.Compatible.Recognise(method, u)
	if !ok || c.Operation != Chat && !versioned(u.Path) {
		return Call{}, false
	}
	// eu.api.openai.com and us.api.openai.com process in their region, for which newer models cost 10 % more.
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

// plainProvider is a compatible provider without anything of its own; it speaks as Anthropic does, too.
func plainProvider(name string, askUsage bool, operations []string, hosts ...string) *provider {
	return &provider{name: name, hosts: hosts, dialects: []Dialect{
		&Compatible{Provider: name, AskUsage: askUsage, only: operations}, anthropicMessages{name},
	}}
}

// Sources: the providers' documentation of their OpenAI-compatible endpoints.
var (
	deepSeek = plainProvider("deepseek", true, []string{Chat, Completions, Responses}, "api.deepseek.com")
	cerebras = plainProvider("cerebras", true, []string{Chat, Completions}, "api.cerebras.ai")
	moonshot = plainProvider("moonshotai", true, []string{Chat}, "api.moonshot.ai", "api.moonshot.cn")
	zai      = plainProvider("zai", false, []string{Chat}, "api.z.ai", "open.bigmodel.cn") // it tells a stream's usage unasked
)

// groq: flex has ten times the rate limits, at the same price, and refuses with a status of its own. Sources: Groq's
// pages on service tiers and errors.
var groq = &provider{
	name:  "groq",
	hosts: []string{"api.groq.com"},
	dialects: []Dialect{&Compatible{
		Provider: "groq", AskUsage: true, onePrice: true,
		Tiers:   map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "on_demand", policy.Priority: "performance"},
		tiers:   []policy.Tier{policy.Flex, policy.Standard, policy.Priority},
		aliases: map[string]policy.Tier{"auto": "auto"},
		refusal: func(_ *Call, r *Response, _ *apiError, f *Refusal) {
			if r.Status == 498 {
				// "Flex tier capacity exceeded": the request is not processed.
				*f = Refusal{policy.Rejected, policy.Documented, policy.Capacity, f.Code, RetryAfter(r.Header, r.At)}
			}
		},
	}},
}
