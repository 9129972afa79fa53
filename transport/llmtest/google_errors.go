package llmtest

import (
	"fmt"
	"net/http"
	"time"
)

// googleError is what Google says, its keys in the order of the wire.
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

// detailType is how the types of details begin.
const detailType = "type.googleapis.com/google.rpc."

// statuses are Google's names for the status codes it answers with.
var statuses = map[int]string{
	http.StatusBadRequest:          "INVALID_ARGUMENT",
	http.StatusForbidden:           "PERMISSION_DENIED",
	http.StatusNotFound:            "NOT_FOUND",
	http.StatusTooManyRequests:     "RESOURCE_EXHAUSTED",
	http.StatusInternalServerError: "INTERNAL",
	http.StatusServiceUnavailable:  "UNAVAILABLE",
}

// failure is an error with Google's name for its status.
func (g google) failure(status int, message string, details ...any) *apiError {
	e := &apiError{status: status, words: googleError{
		Code: status, Message: message, Status: statuses[status], Details: details,
	}}
	switch g.style {
	case objectStyle:
		e.layout = func(b []byte) []byte { return append(indented(b), '\n') }
	case listStyle:
		e.layout = func(b []byte) []byte { return joinElements(indented(b)) }
	case compatStyle:
		e.layout = func(b []byte) []byte { return fmt.Appendf(nil, "[%s]\n", b) }
	}
	return e
}

// badArgument is a 400.
func (g google) badArgument(message string, details ...any) *apiError {
	return g.failure(http.StatusBadRequest, message, details...)
}

func (g google) invalid(_ *exchange, f *flaw) *apiError {
	return g.badArgument(f.message, badRequestDetail{
		Type:       detailType + "BadRequest",
		Violations: []fieldViolation{{Field: f.param, Description: f.message}},
	})
}

// unknownName is what a key gets that the request's type does not have.
func unknownName(key string) *flaw {
	return &flaw{message: fmt.Sprintf("Invalid JSON payload received. Unknown name %q: Cannot find field.", key)}
}

// badValue is what a key gets whose value is not of its type.
func badValue(key string) *flaw {
	return &flaw{param: key, message: "Invalid value at '" + key + "'"}
}

// unspecified is what a request of this type gets that lacks a field.
func unspecified(kind, field string) *flaw {
	return &flaw{param: field, message: "* " + kind + "." + field + ": " + field + " is not specified\n"}
}

func (g google) say(x *exchange, t trouble) *apiError {
	switch t {
	case busyServer:
		return g.failure(http.StatusServiceUnavailable,
			"This model is currently experiencing high demand. Spikes in demand are usually temporary. Please try again later.")
	case throttled:
		return g.throttled(x.ask.model, x.quota)
	case creditGone:
		return g.quotaGone(x.ask.model, "PerDay", "generate_requests_per_model_per_day", 1000, dailyRetry)
	case noFlexRoom:
		return g.noRoom(x.s.cfg.FlexAs429)
	case noFlexForModel:
		return g.badArgument("Flex is not supported for " + g.modelName(x.ask.model) + ".")
	case unknownTier:
		return g.invalid(x, badValue("service_tier"))
	case unknownModel:
		return g.noSuchModel(x)
	case scriptedRefusal:
		return g.badArgument(refusedByScript)
	}
	return g.failure(http.StatusInternalServerError, "An internal error has occurred. Please retry or report in "+
		"https://developers.generativeai.google/guide/troubleshooting")
}

// sharedPool is what Vertex says when the pool that everybody shares is dry. It
// names no quota, and no time to come back.
const sharedPool = "Resource exhausted. Please try again later. Please refer to " +
	"https://cloud.google.com/vertex-ai/generative-ai/docs/error-code-429 for more details."

// dailyRetry is the short while that the refusal for a day tells clients to wait.
const dailyRetry = 41*time.Second + 7*time.Millisecond

func (g google) throttled(model string, a allowance) *apiError {
	if g.vertex {
		return g.failure(http.StatusTooManyRequests, sharedPool)
	}
	return g.quotaGone(model, "PerMinute", "generate_requests_per_model", a.limit, a.wait)
}

// quotaGone is a 429 that names the quota. The delay in its details is cut to
// whole seconds, as Google does it, and so is too short: the message has it all.
func (g google) quotaGone(model, span, metric string, limit int, wait time.Duration) *apiError {
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
			Metric: service + "/" + metric, ID: "GenerateRequests" + span + "PerProjectPerModel",
			Dimensions: quotaDimensions{Model: model, Location: location}, Value: fmt.Sprint(limit),
		}}},
		retryDetail{Type: detailType + "RetryInfo", Delay: fmt.Sprintf("%ds", wait/time.Second)},
	)
}

// noRoom is the refusal of a flex request: a 503, or a 429 that has nothing to
// tell it from one for a quota but that it names none.
func (g google) noRoom(as429 bool) *apiError {
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
		return g.failure(http.StatusNotFound, "Publisher Model `"+g.modelName(x.ask.model)+
			"` was not found or your project does not have access to it. Please ensure you are using a valid model version.")
	}
	version := g.version
	if version == "" {
		version = "v1beta"
	}
	return g.failure(http.StatusNotFound, fmt.Sprintf("%s is not found for API version %s, or is not supported for %s. "+
		"Call ListModels to see the list of available models and their supported methods.",
		g.modelName(x.ask.model), version, x.ask.operation))
}
