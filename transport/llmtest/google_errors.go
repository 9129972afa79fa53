package llmtest

import (
	"fmt"
	"net/http"
	"time"
)

// googleError is the value of "error". The order of the fields is Google's.
type googleError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Details []any  `json:"details,omitempty"`
}

// The details of an error.
type (
	helpDetail struct {
		Type  string     `json:"@type"`
		Links []helpLink `json:"links"`
	}
	helpLink struct {
		Description string `json:"description"`
		URL         string `json:"url"`
	}
	quotaDetail struct {
		Type       string      `json:"@type"`
		Violations []violation `json:"violations"`
	}
	violation struct {
		Metric     string          `json:"quotaMetric"`
		ID         string          `json:"quotaId"`
		Dimensions quotaDimensions `json:"quotaDimensions"`
		Value      string          `json:"quotaValue"`
	}
	quotaDimensions struct {
		Model    string `json:"model"`
		Location string `json:"location"`
	}
	retryDetail struct {
		Type  string `json:"@type"`
		Delay string `json:"retryDelay"`
	}
	badRequestDetail struct {
		Type       string           `json:"@type"`
		Violations []fieldViolation `json:"fieldViolations"`
	}
	fieldViolation struct {
		Field       string `json:"field,omitempty"`
		Description string `json:"description"`
	}
)

// detailType is the prefix of the types of details.
const detailType = "type.googleapis.com/google.rpc."

// statuses are Google's names for the status codes.
var statuses = map[int]string{
	http.StatusBadRequest:          "INVALID_ARGUMENT",
	http.StatusForbidden:           "PERMISSION_DENIED",
	http.StatusNotFound:            "NOT_FOUND",
	http.StatusConflict:            "ALREADY_EXISTS",
	http.StatusTooManyRequests:     "RESOURCE_EXHAUSTED",
	http.StatusInternalServerError: "INTERNAL",
	http.StatusServiceUnavailable:  "UNAVAILABLE",
}

// failure returns an error with Google's name for the status.
func (g google) failure(status int, message string, details ...any) *apiError {
	e := &apiError{status: status, value: googleError{
		Code: status, Message: message, Status: statuses[status], Details: details,
	}}
	switch g.layout {
	case layoutObject:
		e.layout = func(b []byte) []byte { return append(indented(b), '\n') }
	case layoutList:
		e.layout = func(b []byte) []byte { return element(indented(b), 0, true) }
	case layoutLine:
		e.layout = func(b []byte) []byte { return fmt.Appendf(nil, "[%s]\n", b) }
	}
	return e
}

// precondition returns a 400 that says that something is not in the right state.
func (g google) precondition(message string) *apiError {
	e := g.failure(http.StatusBadRequest, message)
	e.value = googleError{Code: http.StatusBadRequest, Message: message, Status: "FAILED_PRECONDITION"}
	return e
}

// badArgument returns a 400.
func (g google) badArgument(message string, details ...any) *apiError {
	return g.failure(http.StatusBadRequest, message, details...)
}

func (g google) invalid(_ *exchange, f *flaw) *apiError {
	return g.badArgument(f.message, badRequestDetail{
		Type:       detailType + "BadRequest",
		Violations: []fieldViolation{{Field: f.param, Description: f.message}},
	})
}

func (g google) errorFor(x *exchange, why reason) *apiError {
	switch why {
	case reasonOverloaded:
		return g.failure(http.StatusServiceUnavailable,
			"This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later.")
	case reasonRateLimit:
		return g.rateLimited(x)
	case reasonQuota:
		metric, id := googleQuota(LimitRequestsPerDay, false)
		return g.quotaExceeded(x.params.model, metric, id, 1000, dailyRetry)
	case reasonFlexCapacity:
		return g.noFlexCapacity(x.cfg.FlexAs429)
	case reasonFlexModel:
		return g.badArgument("Flex is not supported for " + g.modelName(x.params.model) + ".")
	case reasonTier:
		return g.invalid(x, badValue("service_tier"))
	case reasonModel:
		return g.noSuchModel(x)
	case reasonScript:
		return g.badArgument(rejectedByScript)
	}
	return g.failure(http.StatusInternalServerError, "An internal error has occurred. Please retry or report in "+
		"https://developers.generativeai.google/guide/troubleshooting")
}

// sharedPool is Vertex' message when the capacity that all projects share is used up. It
// names no quota, and no time to retry after.
const sharedPool = "Resource exhausted. Please try again later. Please refer to " +
	"https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."

// dailyRetry is the delay that the error for a daily quota asks for. It is short, as in
// Google's own errors.
const dailyRetry = 41*time.Second + 7*time.Millisecond

func (g google) rateLimited(x *exchange) *apiError {
	if g.vertex || x.rejected.name == LimitConcurrency {
		return g.failure(http.StatusTooManyRequests, sharedPool)
	}
	a, free := x.rejected, x.cfg.FreeTier
	wait := a.wait
	if a.name.window() > time.Minute {
		wait = dailyRetry
	}
	metric, id := googleQuota(a.name, free)
	return g.quotaExceeded(x.params.model, metric, id, a.limit, wait)
}

// googleQuota returns Gemini's names of a limit: its metric, and its id.
func googleQuota(l Limit, free bool) (metric, id string) {
	span := "PerMinute"
	if l.window() > time.Minute {
		span = "PerDay"
	}
	switch {
	case free && l == LimitOutputTokens:
		return "generate_content_free_tier_output_token_count", "GenerateContentOutputTokensPerModel" + span + "-FreeTier"
	case free && l.ofTokens():
		return "generate_content_free_tier_input_token_count", "GenerateContentInputTokensPerModel" + span + "-FreeTier"
	case free:
		return "generate_content_free_tier_requests", "GenerateRequests" + span + "PerProjectPerModel-FreeTier"
	case l == LimitOutputTokens:
		return "generate_content_paid_tier_output_token_count", "GenerateContentPaidTierOutputTokensPerModel" + span
	case l.ofTokens():
		return "generate_content_paid_tier_input_token_count", "GenerateContentPaidTierInputTokensPerModel" + span
	case span == "PerDay":
		return "generate_requests_per_model_per_day", "GenerateRequestsPerDayPerProjectPerModel"
	}
	return "generate_requests_per_model", "GenerateRequestsPerMinutePerProjectPerModel"
}

// quotaExceeded returns a 429 that names the quota. Google cuts the delay in its details to
// whole seconds, so it is too short. The message has the full delay.
func (g google) quotaExceeded(model, metric, id string, limit int64, wait time.Duration) *apiError {
	service, location := "generativelanguage.googleapis.com", "global"
	if g.vertex {
		service, location = "aiplatform.googleapis.com", g.location
	}
	return g.failure(http.StatusTooManyRequests,
		fmt.Sprintf("You exceeded your current quota, please check your plan and billing details. "+
			"For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. "+
			"To monitor your current usage, head to: https://ai.dev/rate-limit. \n"+
			"* Quota exceeded for metric: %s/%s, limit: %d, model: %s\nPlease retry in %v.",
			service, metric, limit, model, wait),
		helpDetail{Type: detailType + "Help", Links: []helpLink{{
			"Learn more about Gemini API quotas", "https://ai.google.dev/gemini-api/docs/rate-limits",
		}}},
		quotaDetail{Type: detailType + "QuotaFailure", Violations: []violation{{
			Metric: service + "/" + metric, ID: id,
			Dimensions: quotaDimensions{Model: model, Location: location}, Value: fmt.Sprint(limit),
		}}},
		retryDetail{Type: detailType + "RetryInfo", Delay: fmt.Sprintf("%ds", wait/time.Second)},
	)
}

// noFlexCapacity returns the error for a flex request without capacity: a 503, or a 429 that
// differs from the one for a quota only in that it names no quota.
func (g google) noFlexCapacity(as429 bool) *apiError {
	switch {
	case as429 && g.vertex:
		return g.failure(http.StatusTooManyRequests, sharedPool)
	case as429:
		return g.failure(http.StatusTooManyRequests, "Resource has been exhausted (e.g. check quota).")
	}
	return g.failure(http.StatusServiceUnavailable, "The system is currently at capacity.")
}

func (g google) noSuchModel(x *exchange) *apiError {
	if g.vertex {
		return g.failure(http.StatusNotFound, "Publisher Model `"+g.modelName(x.params.model)+
			"` was not found or your project does not have access to it. Please ensure you are using a valid model version.")
	}
	version := g.version
	if version == "" {
		version = "v1beta"
	}
	return g.failure(http.StatusNotFound, fmt.Sprintf("%s is not found for API version %s, or is not supported for %s. "+
		"Call ListModels to see the list of available models and their supported methods.",
		g.modelName(x.params.model), version, x.params.operation))
}
