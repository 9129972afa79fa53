package llmtest

import (
	"net/http"
	"strconv"
	"time"
)

// openAI is what OpenAI's endpoints have in common: the errors and the headers.
type openAI struct{}

// openAITier returns the tier that serves a request for a tier, or "" if that does not
// exist.
func openAITier(tier string) string {
	switch tier {
	case "", "auto", "default", "scale":
		return "default"
	case "flex":
		return "flex"
	case "priority", "fast":
		return "priority"
	}
	return ""
}

func (openAI) vet(*exchange) *apiError { return nil }

func (openAI) invalid(_ *exchange, f *flaw) *apiError {
	return openAIFailure(http.StatusBadRequest, "invalid_request_error", f.param, f.code, f.message)
}

func (o openAI) errorFor(x *exchange, why reason) *apiError {
	switch why {
	case reasonOverloaded:
		return overloaded()
	case reasonRateLimit:
		return rateLimited(x.params.model, x.rejected)
	case reasonQuota:
		return quotaExceeded()
	case reasonFlexCapacity:
		return flexUnavailable()
	case reasonFlexModel:
		return o.invalid(x, &flaw{param: "service_tier", message: "Flex is not available for this model."})
	case reasonTier:
		return o.invalid(x, &flaw{param: "service_tier", message: "Invalid service_tier argument"})
	case reasonModel:
		return noSuchModel(x.params.model)
	case reasonScript:
		return o.invalid(x, &flaw{message: rejectedByScript})
	}
	return serverError()
}

func (openAI) setHeader(x *exchange, h http.Header, _ int) {
	h.Set("Openai-Organization", organization)
	h.Set("Openai-Processing-Ms", strconv.FormatInt(max(1, time.Since(x.began).Milliseconds()), 10))
	h.Set("Openai-Version", "2020-10-01")
	h.Set("X-Request-Id", x.requestID())
	if x.quota.limit > 0 {
		setRateHeader(h, x.shownRequests(), x.shownTokens())
	}
}

// shownRequests returns the limit on requests that OpenAI's headers show: that of a minute or, if there is none, that of a day.
func (x *exchange) shownRequests() allowance {
	if a, ok := x.allowances[LimitRequestsPerDay]; ok && x.cfg.RequestsPerMinute <= 0 && !x.quota.exceeded {
		return a
	}
	return x.quota
}

// shownTokens returns the limit on tokens per minute that the headers show.
func (x *exchange) shownTokens() allowance {
	if a, ok := x.allowances[LimitTokens]; ok {
		return a
	}
	return freeTokens(x.params.prompt()+min(x.params.maxTokens, tokensPerMinute), tokensPerMinute)
}
