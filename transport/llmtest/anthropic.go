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

// anthropic is what Anthropic's endpoints have in common: their words and headers.
type anthropic struct{}

// statusOverloaded is the status of a server that has too much to do, unknown to
// anybody else.
const statusOverloaded = 529

// readMessages reads what Anthropic's endpoints have in common.
func (a *ask) readMessages(body []byte) (fields map[string]json.RawMessage, f *flaw) {
	a.provider, a.served = "anthropic", "standard"
	if json.Unmarshal(body, &fields) != nil {
		return nil, &flaw{message: "The request body is not valid JSON."}
	}
	f = scan(fields, []target{{"model", &a.model}})
	a.about(fields["messages"])
	a.extra = int64(len(fields["system"])+len(fields["tools"])) / 4
	return fields, first(f, a.check("messages", '['))
}

// anthropicError is what Anthropic says, its keys in the order of the wire.
type anthropicError struct {
	Type    string `json:"type"`
	Message string `json:"message"`
}

// anthropicFailure is an error in an envelope that names the request once more.
func anthropicFailure(x *exchange, status int, kind, message string) *apiError {
	end := []byte(`,"request_id":"` + x.s.id("req_", x.n) + `"}`)
	return &apiError{
		status: status, words: anthropicError{kind, message},
		layout: func(b []byte) []byte {
			return slices.Concat([]byte(`{"type":"error",`), b[1:len(b)-1], end)
		},
	}
}

// kinds are what Anthropic calls the types of its parameters.
var kinds = map[string]string{
	"model": "string", "messages": "list", "max_tokens": "integer", "stream": "boolean",
	"service_tier": "string", "thinking": "dictionary",
}

func (anthropic) invalid(x *exchange, f *flaw) *apiError {
	message := f.message
	switch f.code {
	case "missing_required_parameter":
		message = f.param + ": Field required"
	case "invalid_type":
		message = f.param + ": Input should be a valid " + kinds[f.param]
	}
	return anthropicFailure(x, http.StatusBadRequest, "invalid_request_error", message)
}

// say has no word for flex, which does not exist here: what has no room for it has
// too much to do.
func (c anthropic) say(x *exchange, t trouble) *apiError {
	switch t {
	case busyServer, noFlexRoom:
		return anthropicFailure(x, statusOverloaded, "overloaded_error", "Overloaded")
	case throttled:
		return c.throttled(x)
	case creditGone:
		return c.invalid(x, &flaw{message: "Your credit balance is too low to access the Anthropic API. " +
			"Please go to Plans & Billing to upgrade or purchase credits."})
	case unknownTier, noFlexForModel:
		return c.invalid(x, &flaw{message: "service_tier: Input should be 'auto' or 'standard_only'"})
	case unknownModel:
		return anthropicFailure(x, http.StatusNotFound, "not_found_error", "model: "+x.ask.model)
	case scriptedRefusal:
		return c.invalid(x, &flaw{message: refusedByScript})
	}
	return anthropicFailure(x, http.StatusInternalServerError, "api_error", "Internal server error")
}

func (anthropic) throttled(x *exchange) *apiError {
	e := anthropicFailure(x, http.StatusTooManyRequests, "rate_limit_error", fmt.Sprintf(
		"This request would exceed your organization's rate limit of %d requests per minute (org: %s, model: %s). "+
			"For details, refer to: https://docs.claude.com/en/api/rate-limits. "+
			"You can see the response headers for current usage. Please try again later.",
		x.quota.limit, organization, x.ask.model))
	e.wait = x.quota.wait
	return e
}

// head says in so many words whether it is any use to come back: not after an
// error in the request, and not where the fault has said so already.
func (anthropic) head(x *exchange, h http.Header, status int) {
	h.Set("Anthropic-Organization-Id", organization)
	h.Set("Request-Id", x.s.id("req_", x.n))
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
		x.anthropicLimits(h)
	}
}

// outputPerMinute is the limit on tokens out that Anthropic's headers name. It is
// not enforced.
const outputPerMinute = 400_000

// anthropicLimits writes the headers of the rate limits, whose resets are dates.
func (x *exchange) anthropicLimits(h http.Header) {
	in, out := min(x.ask.prompt(), tokensPerMinute), min(x.ask.maxTokens, outputPerMinute)
	for _, l := range []struct {
		name             string
		limit, remaining int64
		reset            time.Duration
	}{
		{"Requests", int64(x.quota.limit), int64(x.quota.remaining), x.quota.reset},
		{"Input-Tokens", tokensPerMinute, tokensPerMinute - in, time.Minute * time.Duration(in) / tokensPerMinute},
		{"Output-Tokens", outputPerMinute, outputPerMinute - out, time.Minute * time.Duration(out) / outputPerMinute},
	} {
		name := "Anthropic-Ratelimit-" + l.name
		h.Set(name+"-Limit", strconv.FormatInt(l.limit, 10))
		h.Set(name+"-Remaining", strconv.FormatInt(l.remaining, 10))
		h.Set(name+"-Reset", x.began.Add(l.reset+time.Second-1).UTC().Format(time.RFC3339))
	}
}

// anthropicMessages is POST /v1/messages.
type anthropicMessages struct{ anthropic }

func (anthropicMessages) read(x *exchange, body []byte) *flaw {
	a := &x.ask
	fields, f := a.readMessages(body)
	a.operation = "messages"
	var most *int64
	var thinking struct {
		Type string `json:"type"`
	}
	f = first(f, scan(fields, []target{
		{"max_tokens", &most}, {"stream", &a.stream}, {"service_tier", &a.tier}, {"thinking", &thinking},
	}))
	a.thinks = thinking.Type == "enabled" || thinking.Type == "adaptive"
	a.still = !a.thinks
	a.includeUsage = a.stream // it is always there
	if a.tier != "" && a.tier != "auto" && a.tier != "standard_only" {
		a.served = ""
	}
	switch {
	case f != nil:
		return f
	case most == nil:
		return missing("max_tokens")
	case *most < 1:
		return &flaw{message: "max_tokens: must be greater than or equal to 1"}
	}
	return a.limit("max_tokens", most)
}

func (anthropicMessages) vet(*exchange) *apiError { return nil }

// countMessages is POST /v1/messages/count_tokens. It costs nothing and is under no
// limit.
type countMessages struct{ anthropic }

func (countMessages) read(x *exchange, body []byte) *flaw {
	_, f := x.ask.readMessages(body)
	x.ask.operation, x.ask.unlimited = "countTokens", true
	return f
}

func (countMessages) vet(*exchange) *apiError { return nil }

func (countMessages) work(x *exchange) answer {
	return answer{body: encode(struct {
		Input int64 `json:"input_tokens"`
	}{x.ask.prompt()})}
}
