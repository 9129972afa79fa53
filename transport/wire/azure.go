package wire

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// azure: a call names a deployment, in its path or as its model. The answer names the model behind it, and a header names
// the tier that served. The only failure documented as free is "a 429 error due to exceeding the rate limit". A call that
// the content filter rejects, or that timed out, may be charged. Sources: learn.microsoft.com, manage costs, flex processing; recorded
// traffic of 2026.
var azure = azureProvider(nil)

// azureProvider returns Azure as a provider. deployments are the models behind deployments' names, if they are known.
func azureProvider(deployments map[string]string) *provider {
	return &provider{
		name:    "azure",
		aliases: []string{"azureopenai", "azureai"},
		hosts: []string{".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com", ".openai.azure.us",
			".cognitiveservices.azure.us"},
		dialects: []Dialect{newAnthropicMessages("azure"), azureDialect{deployments, &Compatible{
			Provider: "azure", AskUsage: true,
			Tiers:     map[policy.Tier]string{policy.Flex: "flex", policy.Standard: "default", policy.Priority: "priority"},
			tiers:     []policy.Tier{policy.Flex, policy.Standard, policy.Priority},
			aliases:   map[string]policy.Tier{"auto": "auto"},
			headers:   azureHeaders,
			rejection: azureRejection,
		}}},
	}
}

// azureHeaders reads the request id, if the common header has none, and the tier that served.
func azureHeaders(h http.Header, a *Answer) {
	if a.RequestID == "" {
		a.RequestID = printable(h.Get("Apim-Request-Id"))
	}
	switch tier := h.Get("Azureai-Processed-Tier"); tier {
	case "":
	case "default":
		a.Tier = policy.Standard
	default:
		a.Tier = policy.Tier(printable(tier))
	}
}

// azureRejection adds what Azure documents: a 429 for the rate limit is free, and what the content filter rejects may be
// charged for.
func azureRejection(c *Call, r *Response, e *apiError, f *Rejection) {
	switch {
	case !c.Foreign && *e != (apiError{}) && r.Status == http.StatusTooManyRequests && f.Reason == policy.Rate:
		f.Evidence = policy.Documented
	case r.Status == http.StatusBadRequest && (strings.Contains(e.code, "content_filter") || strings.Contains(e.code, "content_management")):
		// What was processed is charged, also if the content filter then rejects it.
		f.Outcome, f.Evidence = policy.Ambiguous, ""
	}
}

type azureDialect struct {
	deployments map[string]string
	*Compatible
}

// Recognise takes both shapes of a path: /openai/deployments/NAME/chat/completions and /openai/v1/chat/completions.
func (d azureDialect) Recognise(method string, u *url.URL) (Call, bool) {
	c, ok := d.Compatible.Recognise(method, u)
	if !ok {
		return c, false
	}
	if _, after, ok := strings.Cut(u.Path, "/deployments/"); ok {
		c.Model, _, _ = strings.Cut(after, "/")
		c.Model = printable(c.Model)
	}
	return c, true
}

// Request replaces the deployment by its model, if that is known.
func (d azureDialect) Request(c *Call, h http.Header, body *transport.Fields) {
	deployment := c.Model // of the path: what the body calls the model has no effect there
	d.Compatible.Request(c, h, body)
	if deployment != "" {
		c.Model = deployment
	}
	if model, ok := d.deployments[c.Model]; ok {
		c.Model = model
	}
}

// Answer does the same if the answer names the deployment instead of the model.
func (d azureDialect) Answer(c *Call, doc *transport.Fields, a *Answer) {
	d.Compatible.Answer(c, doc, a)
	if model, ok := d.deployments[a.Model]; ok {
		a.Model = model
	}
}
