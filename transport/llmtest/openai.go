package llmtest

import (
	"net/http"
	"strconv"
	"time"
)

// organization is the one that every key belongs to.
const organization = "org-llmtest"

// openAI is what OpenAI's endpoints have in common: their words and headers.
type openAI struct{}

// openAITier returns the tier that serves the one asked for, or "" for a tier
// that does not exist.
func openAITier(asked string) string {
	switch asked {
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

func (o openAI) say(x *exchange, t trouble) *apiError {
	switch t {
	case busyServer:
		return overloaded()
	case throttled:
		return rateLimited(x.ask.model, x.quota)
	case creditGone:
		return quotaExceeded()
	case noFlexRoom:
		return flexUnavailable()
	case noFlexForModel:
		return o.invalid(x, &flaw{param: "service_tier", message: "Flex is not available for this model."})
	case unknownTier:
		return o.invalid(x, &flaw{param: "service_tier", message: "Invalid service_tier argument"})
	case unknownModel:
		return noSuchModel(x.ask.model)
	case scriptedRefusal:
		return o.invalid(x, &flaw{message: refusedByScript})
	}
	return serverError()
}

func (openAI) head(x *exchange, h http.Header, _ int) {
	h.Set("Openai-Organization", organization)
	h.Set("Openai-Processing-Ms", strconv.FormatInt(max(1, time.Since(x.began).Milliseconds()), 10))
	h.Set("Openai-Version", "2020-10-01")
	h.Set("X-Request-Id", x.s.id("req_", x.n))
	if x.quota.limit > 0 {
		x.quota.setHeader(h, x.ask.prompt()+min(x.ask.maxTokens, tokensPerMinute))
	}
}
