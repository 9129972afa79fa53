package llmtest

import (
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
	words  any           // the value of "error"
	layout func([]byte) []byte
}

// openAIError is what OpenAI says, its keys in the order of the wire.
type openAIError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// refusedByScript is the message of the fault BadRequest.
const refusedByScript = "The request was refused by the fault script."

// body returns the JSON envelope around the error.
func (e *apiError) body() []byte {
	b := encode(map[string]any{"error": e.words})
	if e.layout != nil {
		b = e.layout(b)
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

func openAIFailure(status int, kind, param, code, message string) *apiError {
	return &apiError{status: status, words: openAIError{
		Message: message, Type: kind, Param: optional(param), Code: optional(code),
	}}
}

func notJSON() *flaw {
	return &flaw{message: "We could not parse the JSON body of your request."}
}

func missing(param string) *flaw {
	return &flaw{param: param, code: "missing_required_parameter", message: "Missing required parameter: '" + param + "'."}
}

func unknownParameter(param string) *flaw {
	return &flaw{param: param, code: "unknown_parameter", message: "Unknown parameter: '" + param + "'."}
}

func wrongType(param string) *flaw {
	return &flaw{param: param, code: "invalid_type", message: "Invalid type for '" + param + "'."}
}

func noSuchURL(r *http.Request) *apiError {
	return openAIFailure(http.StatusNotFound, "invalid_request_error", "", "",
		fmt.Sprintf("Invalid URL (%s %s)", r.Method, r.URL.Path))
}

func noSuchModel(model string) *apiError {
	return openAIFailure(http.StatusNotFound, "invalid_request_error", "", "model_not_found",
		"The model `"+model+"` does not exist or you do not have access to it.")
}

func serverError() *apiError {
	return openAIFailure(http.StatusInternalServerError, "server_error", "", "",
		"The server had an error while processing your request.")
}

func overloaded() *apiError {
	return openAIFailure(http.StatusServiceUnavailable, "service_unavailable_error", "", "server_is_overloaded",
		"Our servers are currently overloaded. Please try again later.")
}

func flexUnavailable() *apiError {
	e := openAIFailure(http.StatusTooManyRequests, "resource_unavailable", "", "flex_unavailable",
		"Flex tier does not have sufficient resources available to fulfill your request. "+
			"You can try again later or change service_tier=default")
	e.wait = 300 * time.Second
	return e
}

func quotaExceeded() *apiError {
	return openAIFailure(http.StatusTooManyRequests, "insufficient_quota", "", "insufficient_quota",
		"You exceeded your current quota, please check your plan and billing details. "+
			"For more information on this error, read the docs: "+
			"https://platform.openai.com/docs/guides/error-codes/api-errors.")
}

func rateLimited(model string, a allowance) *apiError {
	e := openAIFailure(http.StatusTooManyRequests, "requests", "", "rate_limit_exceeded",
		fmt.Sprintf("Rate limit reached for %s in organization %s on requests per min (RPM): "+
			"Limit %d, Used %d, Requested 1. Please try again in %v. "+
			"Visit https://platform.openai.com/account/rate-limits to learn more.",
			model, organization, a.limit, a.limit-a.remaining, roundUp(a.wait)))
	e.wait, e.millis = a.wait, true
	return e
}

// roundUp rounds to whole milliseconds, as the wire shows durations.
func roundUp(d time.Duration) time.Duration {
	return time.Duration(ceilDiv(d, time.Millisecond)) * time.Millisecond
}
