package llmtest

import (
	"fmt"
	"net/http"
	"time"
)

// openAIError is the value of "error". The order of the fields is OpenAI's.
type openAIError struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

// optional returns nil for "". It becomes null in JSON.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func openAIFailure(status int, kind, param, code, message string) *apiError {
	return &apiError{status: status, value: openAIError{
		Message: message, Type: kind, Param: optional(param), Code: optional(code),
	}}
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

// rateLimited returns the 429 of a limit. One for a request that is larger than the whole limit does not say when to retry.
func rateLimited(model string, a allowance) *apiError {
	message := fmt.Sprintf("Rate limit reached for %s in organization %s on %s: Limit %d, Used %d, Requested %d. Please try again in %v. ",
		model, organization, a.name.abbreviation("min"), a.limit, a.used(), a.requested, roundUp(a.wait))
	switch {
	case a.name == LimitConcurrency:
		return openAIFailure(http.StatusTooManyRequests, "requests", "", "rate_limit_exceeded", tooMany)
	case a.tooLarge:
		message = fmt.Sprintf("Request too large for %s in organization %s on %s: Limit %d, Requested %d. "+
			"The input or output tokens must be reduced in order to run successfully. ",
			model, organization, a.name.abbreviation("min"), a.limit, a.requested)
	}
	e := openAIFailure(http.StatusTooManyRequests, a.name.kind(), "", "rate_limit_exceeded",
		message+"Visit https://platform.openai.com/account/rate-limits to learn more.")
	e.wait, e.millis = a.wait, a.wait > 0
	return e
}
