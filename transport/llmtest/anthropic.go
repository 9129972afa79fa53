package llmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// anthropic is what Anthropic's endpoints have in common: the errors and the headers.
type anthropic struct{}

// statusOverloaded is Anthropic's own status for an overloaded server.
const statusOverloaded = 529

// readMessages reads what the requests of Anthropic's endpoints have in common.
func readMessages(x *exchange, body []byte) (fields map[string]json.RawMessage, f *flaw) {
	p := &x.params
	p.provider, p.servedTier = "anthropic", "standard"
	if json.Unmarshal(body, &fields) != nil {
		return nil, &flaw{message: "The request body is not valid JSON."}
	}
	f = scan(fields, []target{{"model", &p.model}})
	p.setContent(fields["messages"])
	p.extraTokens = int64(len(fields["system"])+len(fields["tools"])) / 4
	if f = first(f, p.require("messages", '[')); f == nil {
		f = readAnthropicPrompt(x, fields)
	}
	return fields, f
}

// anthropicError is the value of "error". The order of the fields is Anthropic's.
type anthropicError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// anthropicFailure returns an error. Its envelope has the type and the request's id.
func anthropicFailure(x *exchange, status int, kind, message string) *apiError {
	end := []byte(`,"request_id":"` + x.requestID() + `"}`)
	return &apiError{
		status: status, value: anthropicError{kind, message},
		layout: func(b []byte) []byte {
			return slices.Concat([]byte(`{"type":"error",`), b[1:len(b)-1], end)
		},
	}
}

// anthropicTypes are Anthropic's names for the types of its parameters.
var anthropicTypes = map[string]string{
	"model": "string", "messages": "list", "max_tokens": "integer", "stream": "boolean",
	"service_tier": "string", "thinking": "dictionary",
}

func (anthropic) vet(*exchange) *apiError { return nil }

func (anthropic) invalid(x *exchange, f *flaw) *apiError {
	message := f.message
	switch f.code {
	case "missing_required_parameter":
		message = f.param + ": Field required"
	case "invalid_type":
		message = f.param + ": Input should be a valid " + anthropicTypes[f.param]
	}
	return anthropicFailure(x, http.StatusBadRequest, "invalid_request_error", message)
}

// errorFor has no error for flex, which Anthropic does not offer. A lack of capacity is
// overload.
func (c anthropic) errorFor(x *exchange, why reason) *apiError {
	switch why {
	case reasonOverloaded, reasonFlexCapacity:
		return anthropicFailure(x, statusOverloaded, "overloaded_error", "Overloaded")
	case reasonRateLimit:
		return c.rateLimited(x)
	case reasonQuota:
		return c.invalid(x, &flaw{message: "Your credit balance is too low to access the Anthropic API. " +
			"Please go to Plans & Billing to upgrade or purchase credits."})
	case reasonTier, reasonFlexModel:
		return c.invalid(x, &flaw{message: "service_tier: Input should be 'auto' or 'standard_only'"})
	case reasonModel:
		return anthropicFailure(x, http.StatusNotFound, "not_found_error", "model: "+x.params.model)
	case reasonScript:
		return c.invalid(x, &flaw{message: rejectedByScript})
	}
	return anthropicFailure(x, http.StatusInternalServerError, "api_error", "Internal server error")
}

func (anthropic) rateLimited(x *exchange) *apiError {
	a := x.rejected
	message := fmt.Sprintf("This request would exceed your organization's rate limit of %s %s (org: %s, model: %s). "+
		"For details, refer to: https://docs.claude.com/en/api/rate-limits. "+
		"You can see the response headers for current usage. Please try again later.",
		thousands(a.limit), a.name, organization, x.params.model)
	if a.name == LimitConcurrency {
		message = tooMany
	}
	e := anthropicFailure(x, http.StatusTooManyRequests, "rate_limit_error", message)
	e.wait = a.wait
	return e
}

// thousands returns a number with commas: 450,000.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// setHeader sets x-should-retry on errors, unless the fault has set it already: "true" after
// a rate limit or an error of the server, "false" after an error in the request.
func (anthropic) setHeader(x *exchange, h http.Header, status int) {
	h.Set("Anthropic-Organization-Id", organization)
	h.Set("Request-Id", x.requestID())
	h.Set("Server", "cloudflare")
	if strings.HasPrefix(h.Get("Content-Type"), "text/event-stream") {
		h.Set("Cache-Control", "no-cache")
	}
	switch {
	case h.Get("X-Should-Retry") != "":
	case status == http.StatusTooManyRequests, status >= 500:
		h.Set("X-Should-Retry", "true")
	case status >= 400:
		h.Set("X-Should-Retry", "false")
	}
	if x.quota.limit > 0 && (status == http.StatusOK || status == http.StatusTooManyRequests) {
		anthropicLimits(x, h)
	}
}

// outputPerMinute is the limit on output tokens that the headers of a server without one show.
const outputPerMinute = 400_000

// anthropicLimits sets the headers of the rate limits. The resets are dates. A limit on all tokens is shown only if the Config
// has one.
func anthropicLimits(x *exchange, h http.Header) {
	in, ok := x.allowances[LimitInputTokens]
	if !ok {
		in = freeTokens(x.params.prompt(), tokensPerMinute)
	}
	out, ok := x.allowances[LimitOutputTokens]
	if !ok {
		out = freeTokens(x.params.maxTokens, outputPerMinute)
	}
	for _, l := range []struct {
		name string
		allowance
	}{
		{"Requests", x.quota}, {"Input-Tokens", in}, {"Output-Tokens", out}, {"Tokens", x.allowances[LimitTokens]},
	} {
		if l.limit == 0 {
			continue
		}
		name := "Anthropic-Ratelimit-" + l.name
		h.Set(name+"-Limit", strconv.FormatInt(l.limit, 10))
		h.Set(name+"-Remaining", strconv.FormatInt(l.remaining, 10))
		h.Set(name+"-Reset", x.began.Add(l.reset+time.Second-1).UTC().Format(time.RFC3339))
	}
}
