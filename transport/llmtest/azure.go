package llmtest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// azure is what Azure's endpoints for OpenAI's models have in common. A gateway checks
// requests first, and has errors of its own. Behind it the errors are OpenAI's.
type azure struct {
	openAI
	deployment string // from the path; "" if the body names it
	action     string // the gateway's name for the operation
}

// azureRegion is the region of all deployments.
const azureRegion = "West Europe"

// azureTier returns the tier that serves a request for a tier, or "" if that does not
// exist. No deployment has flex.
func azureTier(tier string) string {
	switch tier {
	case "", "auto", "default":
		return "default"
	case "priority":
		return tier
	}
	return ""
}

// adopt turns a request that was read as one to OpenAI into one to Azure. f is what was
// wrong with it, and adopt returns what is still wrong: the deployment in the path is the
// model, so the body may have none.
func (c azure) adopt(p *params, f *flaw, key string, starts ...byte) *flaw {
	p.provider = "azure"
	if c.deployment == "" {
		return f
	}
	nameless := p.model == ""
	p.model = c.deployment
	if nameless && f != nil && *f == *missing("model") {
		return p.require(key, starts...)
	}
	return f
}

// vet bills two rejections, as Azure does: a prompt that the content filter rejects, and a
// request that times out.
func (c azure) vet(x *exchange) *apiError {
	p := &x.params
	switch {
	case p.servedTier == "" || strings.Contains(p.model, "missing"):
		return nil // another rejection, which is free
	case strings.Contains(p.model, "filtered"):
		p.readOnly = true
		x.bill("filtered-")
		return contentFiltered()
	case strings.Contains(p.model, "timeout"):
		x.bill("timeout-")
		return upstreamTimeout()
	}
	return nil
}

// azureError is an error of the gateway. The order of the fields is Azure's.
type azureError struct {
	Type    string `json:"type,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Details string `json:"details,omitempty"`
}

func azureFailure(status int, code, message string) *apiError {
	return &apiError{status: status, value: azureError{Code: code, Message: message}}
}

func (c azure) errorFor(x *exchange, why reason) *apiError {
	switch why {
	case reasonOverloaded:
		return azureFailure(http.StatusServiceUnavailable, "ServiceUnavailable",
			"The service is temporarily unable to process your request. Please try again later.")
	case reasonRateLimit:
		return c.rateLimited(x)
	case reasonQuota:
		return c.exceeded(x, "token", 24*time.Hour)
	case reasonFlexCapacity:
		e := azureFailure(http.StatusTooManyRequests, "429",
			"The system is currently experiencing high demand and cannot process your request. "+
				"Your request exceeds the maximum usage size allowed during peak load. Please retry after 20 seconds. "+
				"For improved latency reliability, consider switching to Provisioned Throughput.")
		e.wait = 20 * time.Second
		return e
	case reasonModel:
		return &apiError{status: http.StatusNotFound, layout: indented, value: azureError{
			Type: "invalid_request_error", Code: "DeploymentNotFound",
			Message: "The API deployment for this resource does not exist. " +
				"If you created the deployment within the last 5 minutes, please wait a moment and try again.",
		}}
	case reasonTier, reasonFlexModel, reasonScript:
		return c.openAI.errorFor(x, why)
	}
	return azureFailure(http.StatusInternalServerError, "InternalServerError",
		"Backend returned unexpected response. Please contact Microsoft for help.")
}

// rateLimited returns a 429 in one of two forms. In the newer one, that of /openai/v1,
// retry-after-ms is 0 (see setHeader).
func (c azure) rateLimited(x *exchange) *apiError {
	rate := "call"
	if x.rejected.name.ofTokens() {
		rate = "token"
	}
	e := c.exceeded(x, rate, x.rejected.wait)
	if c.deployment == "" {
		message := fmt.Sprintf("Your requests to %s for %s in %s have exceeded rate limit.", x.params.model, x.params.model, azureLocation())
		e.value = azureError{Code: "RateLimitReached", Message: message, Details: message}
	}
	e.millis = e.wait > 0
	return e
}

// exceeded returns the 429 for a rate limit or quota.
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

// azureLocation returns the region's name in the form of an identifier.
func azureLocation() string { return strings.ToLower(strings.ReplaceAll(azureRegion, " ", "")) }

// The error of the content filter. The order of the fields is Azure's.
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
	return &apiError{status: http.StatusBadRequest, value: filteredError{
		Message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. " +
			"Please modify your prompt and retry. To learn more about our content filtering policies " +
			"please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
		Param: "prompt", Code: "content_filter", Status: http.StatusBadRequest,
		Inner: filteredInner{"ResponsibleAIPolicyViolation", violent},
	}}
}

// upstreamTimeout returns an error that is not JSON.
func upstreamTimeout() *apiError {
	return &apiError{status: http.StatusRequestTimeout, layout: func([]byte) []byte {
		return []byte("upstream request timeout\n")
	}}
}

// setHeader sets the headers of the gateway. It returns the client's id of the request and
// adds two of its own.
func (c azure) setHeader(x *exchange, h http.Header, status int) {
	h.Set("Apim-Request-Id", azureID(x, 1))
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Ms-Region", azureRegion)
	h.Set("X-Request-Id", azureID(x, 2))
	if id := x.r.Header.Get("X-Ms-Client-Request-Id"); id != "" {
		h.Set("X-Ms-Client-Request-Id", id)
	}
	switch status {
	case http.StatusRequestTimeout:
		h.Set("Content-Type", "text/plain")
		return
	case http.StatusOK:
		h.Set("X-Ms-Deployment-Name", x.params.model)
		h.Set("X-Ms-Rai-Invoked", "true")
	case http.StatusTooManyRequests:
		if c.deployment == "" && h.Get("Retry-After-Ms") != "" {
			h.Set("Retry-After-Ms", "0")
		}
	default:
		return
	}
	if x.params.servedTier != "" && !x.params.unlimited && x.params.operation != "embeddings" {
		requested := x.params.tier
		if requested == "" {
			requested = "default"
		}
		h.Set("Azureai-Requested-Tier", requested)
		h.Set("Azureai-Processed-Tier", x.params.servedTier)
	}
	if x.quota.limit > 0 {
		c.showLimits(x, h)
	}
}

// showLimits sets the headers of the rate limits. Only /openai/v1 shows the resets, in
// seconds.
func (c azure) showLimits(x *exchange, h http.Header) {
	for _, l := range []struct {
		name string
		allowance
	}{{"Requests", x.shownRequests()}, {"Tokens", x.shownTokens()}} {
		h.Set("X-Ratelimit-Limit-"+l.name, strconv.FormatInt(l.limit, 10))
		h.Set("X-Ratelimit-Remaining-"+l.name, strconv.FormatInt(l.remaining, 10))
		if c.deployment == "" {
			h.Set("X-Ratelimit-Renewalperiod-"+l.name, strconv.FormatInt(int64(l.allowance.name.window()/time.Second), 10))
			h.Set("X-Ratelimit-Reset-"+l.name, strconv.FormatInt(ceilDiv(l.reset, time.Second), 10))
		}
	}
}

// azureID returns one of the request's ids, a UUID.
func azureID(x *exchange, which uint64) string {
	high, low := draw(x.cfg.Seed^which, uint64(x.n)), draw(x.cfg.Seed^^which, uint64(x.n))
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x",
		high>>32, high>>16&0xffff, high&0xfff, low>>48&0x3fff|0x8000, low&0xffffffffffff)
}
