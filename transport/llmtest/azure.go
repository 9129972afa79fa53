package llmtest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// azure is what Azure's endpoints of OpenAI's models have in common. A gateway
// refuses in its own words; behind it are OpenAI's.
type azure struct {
	openAI
	// deployment is that of the path, "" where the body names it.
	deployment string
	// action is what the gateway calls the operation.
	action string
}

// azureRegion is where all deployments are.
const azureRegion = "West Europe"

// azureTier returns the tier that serves the one asked for, or "" for a tier that
// does not exist. Nothing is deployed here that has flex.
func azureTier(asked string) string {
	switch asked {
	case "", "auto", "default":
		return "default"
	case "priority":
		return asked
	}
	return ""
}

// adopt makes a request to OpenAI one to Azure, and returns what is still wrong
// with it: the path's deployment is the model, and the body needs to name none.
func (c azure) adopt(a *ask, f *flaw, key string, starts ...byte) *flaw {
	a.provider = "azure"
	if c.deployment == "" {
		return f
	}
	nameless := a.model == ""
	a.model = c.deployment
	if nameless && f != nil && *f == *missing("model") {
		return a.check(key, starts...)
	}
	return f
}

// vet charges for two refusals, as the real one does for processing a prompt: what
// the content filter refuses, and what timed out.
func (c azure) vet(x *exchange) *apiError {
	a := &x.ask
	switch {
	case a.served == "" || strings.Contains(a.model, "missing"):
		return nil // refused for free
	case strings.Contains(a.model, "filtered"):
		a.mute = true
		x.bill("filtered-")
		return contentFiltered()
	case strings.Contains(a.model, "timeout"):
		x.bill("timeout-")
		return upstreamTimeout()
	}
	return nil
}

// azureError is what the gateway says, its keys in the order of the wire.
type azureError struct {
	Type    string `json:"type,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
}

func azureFailure(status int, code, message string) *apiError {
	return &apiError{status: status, words: azureError{Code: code, Message: message}}
}

func (c azure) say(x *exchange, t trouble) *apiError {
	switch t {
	case busyServer:
		return azureFailure(http.StatusServiceUnavailable, "ServiceUnavailable",
			"The service is temporarily unable to process your request. Please try again later.")
	case throttled:
		return c.throttled(x)
	case creditGone:
		return c.exceeded(x, "token", 24*time.Hour)
	case noFlexRoom:
		e := azureFailure(http.StatusTooManyRequests, "429",
			"The system is currently experiencing high demand and cannot process your request. "+
				"Your request exceeds the maximum usage size allowed during peak load. Please retry after 20 seconds. "+
				"For improved latency reliability, consider switching to Provisioned Throughput.")
		e.wait = 20 * time.Second
		return e
	case unknownModel:
		return &apiError{status: http.StatusNotFound, layout: indented, words: azureError{
			Type: "invalid_request_error", Code: "DeploymentNotFound",
			Message: "The API deployment for this resource does not exist. " +
				"If you created the deployment within the last 5 minutes, please wait a moment and try again.",
		}}
	case unknownTier, noFlexForModel, scriptedRefusal:
		return c.openAI.say(x, t)
	}
	return azureFailure(http.StatusInternalServerError, "InternalServerError",
		"Backend returned unexpected response. Please contact Microsoft for help.")
}

// throttled has two forms, of which the newer one says in milliseconds that there
// is no need to wait at all, see head.
func (c azure) throttled(x *exchange) *apiError {
	e := c.exceeded(x, "call", x.quota.wait)
	if c.deployment == "" {
		message := fmt.Sprintf("Your requests to %s for %s in %s have exceeded rate limit.", x.ask.model, x.ask.model, azureLocation())
		e.words = azureError{Code: "RateLimitReached", Message: message, Details: message}
	}
	e.millis = true
	return e
}

// exceeded says which rate was exceeded, and for how long.
func (c azure) exceeded(x *exchange, rate string, wait time.Duration) *apiError {
	version := x.r.URL.Query().Get("api-version")
	if version == "" {
		version = "v1"
	}
	e := azureFailure(http.StatusTooManyRequests, "429", fmt.Sprintf(
		"Requests to the %s Operation under Azure OpenAI API version %s have exceeded %s rate limit of your current OpenAI S0 pricing tier. "+
			"Please retry after %d seconds. "+
			"Please go here: https://aka.ms/oai/quotaincrease if you would like to further increase the default rate limit.",
		c.action, version, rate, ceilDiv(wait, time.Second)))
	e.wait = wait
	return e
}

// azureLocation is the region by its other name.
func azureLocation() string { return strings.ToLower(strings.ReplaceAll(azureRegion, " ", "")) }

// The shapes of what the content filter says, their keys in the order of the wire.
type (
	filteredError struct {
		Message string        `json:"message"`
		Type    *string       `json:"type"`
		Param   string        `json:"param"`
		Code    string        `json:"code"`
		Status  int           `json:"status"`
		Inner   filteredInner `json:"innererror"`
	}
	filteredInner struct {
		Code   string        `json:"code"`
		Result filterResults `json:"content_filter_result"`
	}
)

func contentFiltered() *apiError {
	return &apiError{status: http.StatusBadRequest, words: filteredError{
		Message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. " +
			"Please modify your prompt and retry. To learn more about our content filtering policies " +
			"please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
		Param: "prompt", Code: "content_filter", Status: http.StatusBadRequest,
		Inner: filteredInner{"ResponsibleAIPolicyViolation", violent},
	}}
}

// upstreamTimeout is an error that is no JSON.
func upstreamTimeout() *apiError {
	return &apiError{status: http.StatusRequestTimeout, layout: func([]byte) []byte {
		return []byte("upstream request timeout\n")
	}}
}

// head adds the headers of the gateway. It echoes the client's id of the request
// and has two more of its own.
func (c azure) head(x *exchange, h http.Header, status int) {
	h.Set("Apim-Request-Id", x.uuid(1))
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Ms-Region", azureRegion)
	h.Set("X-Request-Id", x.uuid(2))
	if id := x.r.Header.Get("X-Ms-Client-Request-Id"); id != "" {
		h.Set("X-Ms-Client-Request-Id", id)
	}
	switch status {
	case http.StatusRequestTimeout:
		h.Set("Content-Type", "text/plain")
		return
	case http.StatusOK:
		h.Set("X-Ms-Deployment-Name", x.ask.model)
		h.Set("X-Ms-Rai-Invoked", "true")
	case http.StatusTooManyRequests:
		if c.deployment == "" && h.Get("Retry-After-Ms") != "" {
			h.Set("Retry-After-Ms", "0")
		}
	default:
		return
	}
	if x.ask.served != "" && !x.ask.unlimited && x.ask.operation != "embeddings" {
		requested := x.ask.tier
		if requested == "" {
			requested = "default"
		}
		h.Set("Azureai-Requested-Tier", requested)
		h.Set("Azureai-Processed-Tier", x.ask.served)
	}
	if x.quota.limit > 0 {
		c.showLimits(x, h)
	}
}

// showLimits writes the rate limits, whose resets are bare seconds, and known to
// the newer paths only.
func (c azure) showLimits(x *exchange, h http.Header) {
	tokens := min(x.ask.prompt()+min(x.ask.maxTokens, tokensPerMinute), tokensPerMinute)
	for _, l := range []struct {
		name             string
		limit, remaining int64
		reset            time.Duration
	}{
		{"Requests", int64(x.quota.limit), int64(x.quota.remaining), x.quota.reset},
		{"Tokens", tokensPerMinute, tokensPerMinute - tokens, time.Minute * time.Duration(tokens) / tokensPerMinute},
	} {
		h.Set("X-Ratelimit-Limit-"+l.name, strconv.FormatInt(l.limit, 10))
		h.Set("X-Ratelimit-Remaining-"+l.name, strconv.FormatInt(l.remaining, 10))
		if c.deployment == "" {
			h.Set("X-Ratelimit-Renewalperiod-"+l.name, "60")
			h.Set("X-Ratelimit-Reset-"+l.name, strconv.FormatInt(ceilDiv(l.reset, time.Second), 10))
		}
	}
}

// uuid returns one of the request's ids in the form that Microsoft likes.
func (x *exchange) uuid(which uint64) string {
	high, low := draw(x.s.cfg.Seed^which, uint64(x.n)), draw(x.s.cfg.Seed^^which, uint64(x.n))
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x",
		high>>32, high>>16&0xffff, high&0xfff, low>>48&0x3fff|0x8000, low&0xffffffffffff)
}
