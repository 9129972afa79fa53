package llmtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// apiError is a refusal in the provider's words.
type apiError struct {
	status int
	wait   time.Duration // sent as Retry-After, if > 0
	millis bool          // and as retry-after-ms
	limit  *allowance    // what the x-ratelimit headers say, if not the truth

	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// body returns the JSON envelope around the error.
func (e *apiError) body() []byte {
	b, err := json.Marshal(map[string]*apiError{"error": e})
	if err != nil {
		panic(err) // strings always marshal
	}
	return b
}

// setHeader puts the hints of when to come back into h. Seconds are rounded up,
// because a client that trusts them must not come back too early.
func (e *apiError) setHeader(h http.Header) {
	if e.wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(ceilDiv(e.wait, time.Second), 10))
	}
	if e.millis {
		h.Set("Retry-After-Ms", strconv.FormatInt(ceilDiv(e.wait, time.Millisecond), 10))
	}
}

func ceilDiv(d, unit time.Duration) int64 {
	return int64((d + unit - 1) / unit)
}

// optional returns nil for "", which the wire writes as null.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func invalid(param, message string) *apiError {
	return &apiError{
		status: http.StatusBadRequest, Message: message,
		Type: "invalid_request_error", Param: optional(param),
	}
}

func notJSON() *apiError {
	return invalid("", "We could not parse the JSON body of your request.")
}

func missing(param string) *apiError {
	e := invalid(param, "Missing required parameter: '"+param+"'.")
	e.Code = optional("missing_required_parameter")
	return e
}

func unknownParameter(param string) *apiError {
	e := invalid(param, "Unknown parameter: '"+param+"'.")
	e.Code = optional("unknown_parameter")
	return e
}

func wrongType(param string) *apiError {
	e := invalid(param, "Invalid type for '"+param+"'.")
	e.Code = optional("invalid_type")
	return e
}

func noSuchURL(r *http.Request) *apiError {
	e := invalid("", fmt.Sprintf("Invalid URL (%s %s)", r.Method, r.URL.Path))
	e.status = http.StatusNotFound
	return e
}

func noSuchModel(model string) *apiError {
	e := invalid("", "The model `"+model+"` does not exist or you do not have access to it.")
	e.status, e.Code = http.StatusNotFound, optional("model_not_found")
	return e
}

func serverError() *apiError {
	return &apiError{
		status:  http.StatusInternalServerError,
		Message: "The server had an error while processing your request.",
		Type:    "server_error",
	}
}

func overloaded() *apiError {
	return &apiError{
		status:  http.StatusServiceUnavailable,
		Message: "Our servers are currently overloaded. Please try again later.",
		Type:    "service_unavailable_error", Code: optional("server_is_overloaded"),
	}
}

func flexUnavailable() *apiError {
	return &apiError{
		status: http.StatusTooManyRequests, wait: 300 * time.Second,
		Message: "Flex tier does not have sufficient resources available to fulfill your request. " +
			"You can try again later or change service_tier=default",
		Type: "resource_unavailable", Code: optional("flex_unavailable"),
	}
}

func quotaExceeded() *apiError {
	return &apiError{
		status: http.StatusTooManyRequests,
		Message: "You exceeded your current quota, please check your plan and billing details. " +
			"For more information on this error, read the docs: " +
			"https://platform.openai.com/docs/guides/error-codes/api-errors.",
		Type: "insufficient_quota", Code: optional("insufficient_quota"),
	}
}

func rateLimited(model string, a allowance) *apiError {
	return &apiError{
		status: http.StatusTooManyRequests, wait: a.wait, millis: true, limit: &a,
		Message: fmt.Sprintf("Rate limit reached for %s in organization %s on requests per min (RPM): "+
			"Limit %d, Used %d, Requested 1. Please try again in %v. "+
			"Visit https://platform.openai.com/account/rate-limits to learn more.",
			model, organization, a.limit, a.limit-a.remaining, roundUp(a.wait)),
		Type: "requests", Code: optional("rate_limit_exceeded"),
	}
}

// roundUp rounds to whole milliseconds, as the wire shows durations.
func roundUp(d time.Duration) time.Duration {
	return time.Duration(ceilDiv(d, time.Millisecond)) * time.Millisecond
}
