package wire

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Compatible is the dialect of the hosts that offer OpenAI's chat completions as their own. Their tiers differ, so
// none is asked for; their usage and errors are read as OpenAI's are.
type Compatible struct{}

// A host is what sets a compatible host apart.
type host struct {
	provider string
	suffix   bool // the name is the end of the host's name
	askUsage bool // it understands stream_options.include_usage
}

// Sources: the providers' own documentation of their OpenAI-compatible endpoints.
var hosts = map[string]host{
	"api.groq.com":                      {provider: "groq", askUsage: true},
	"api.deepseek.com":                  {provider: "deepseek", askUsage: true},
	"api.mistral.ai":                    {provider: "mistral"}, // sends it unasked
	"api.x.ai":                          {provider: "xai", askUsage: true},
	"api.perplexity.ai":                 {provider: "perplexity"}, // sends it unasked
	"api.cerebras.ai":                   {provider: "cerebras", askUsage: true},
	"api.moonshot.ai":                   {provider: "moonshotai", askUsage: true},
	"api.z.ai":                          {provider: "zai"}, // sends it unasked
	"openrouter.ai":                     {provider: "openrouter", askUsage: true},
	"api.anthropic.com":                 {provider: "anthropic", askUsage: true},
	".openai.azure.com":                 {provider: "azure", suffix: true},
	".services.ai.azure.com":            {provider: "azure", suffix: true},
	".cognitiveservices.azure.com":      {provider: "azure", suffix: true},
	"generativelanguage.googleapis.com": {provider: "gemini", askUsage: true},
}

// free says which failures the provider documents as free.
func free(provider string, status int) bool {
	switch provider {
	case "openrouter":
		return status >= 400 // "error status = no tokens": its FAQ
	case "gemini":
		return status == 400 || status == 500 // "400 or 500 error": its billing page of 2026-09-20
	}
	return false
}

func hostOf(u *url.URL) (host, bool) {
	name := strings.ToLower(u.Hostname())
	if h, ok := hosts[name]; ok && !h.suffix {
		return h, true
	}
	if dot := strings.IndexByte(name, '.'); dot >= 0 {
		if h, ok := hosts[name[dot:]]; ok && h.suffix {
			return h, true
		}
	}
	return host{}, false
}

// Recognise takes POSTs to a path that ends in /chat/completions, on a host that it knows.
func (Compatible) Recognise(method string, u *url.URL) (Call, bool) {
	if method != http.MethodPost || !strings.HasSuffix(u.Path, "/chat/completions") {
		return Call{}, false
	}
	h, ok := hostOf(u)
	if !ok {
		return Call{}, false
	}
	c := chatCall(h.provider)
	c.AskUsage = h.askUsage
	return c, true
}

// Request reads what [OpenAI] reads; a tier is noted as it is written.
func (Compatible) Request(c *Call, body *transport.Fields) {
	chatRequest(c, body)
	c.Tier = openAITier(body, "service_tier")
}

// Edit asks for a stream's usage, where the host is known to understand that.
func (Compatible) Edit(c *Call, body *transport.Fields, w Want, e *Edits) { editUsage(c, body, w, e) }

// Headers reads the request id.
func (Compatible) Headers(c *Call, h http.Header, a *Answer) { OpenAI{}.Headers(c, h, a) }

// Answer reads what [OpenAI] reads. Groq's "on_demand" is its standard tier.
func (Compatible) Answer(c *Call, doc *transport.Fields, a *Answer) {
	OpenAI{}.Answer(c, doc, a)
	if a.Tier == "on_demand" {
		a.Tier = policy.Standard
	}
}

// Refusal reads OpenAI's error object, and knows which failures the host documents as free.
func (Compatible) Refusal(c *Call, status int, h http.Header, body []byte, now time.Time) Refusal {
	r := openAIRefusal(status, h, body, now)
	if c.Provider == "groq" && status == 498 {
		// "Flex tier capacity exceeded": the request is not processed. Source: Groq's error page.
		r.Outcome, r.Reason, r.Evidence, r.RetryAfter = policy.Rejected, policy.Capacity, policy.Documented, RetryAfter(h, now)
	}
	if c.Provider == "azure" && status == 400 && strings.Contains(r.Code, "content_filter") {
		// "If the service performs processing, you'll be charged", content filter included: Azure's cost page.
		r.Outcome, r.Evidence = policy.Ambiguous, ""
	}
	if free(c.Provider, status) {
		r.Outcome, r.Evidence = policy.Rejected, policy.Documented
	}
	return r
}
