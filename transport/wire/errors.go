package wire

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

var errorPaths = transport.MustPaths("error", "error.code", "error.type", "error.param", "error.message", "error.status",
	"code", "type", "message", "detail")

// An apiError is an error body of OpenAI's shape.
type apiError struct{ code, kind, param, message, status string }

// readError reads an error body: an object with a member "error", or without one, or an array of one (Google's compatible
// face).
func readError(body []byte) apiError {
	body = bytes.TrimSpace(body)
	if len(body) > 1 && body[0] == '[' {
		body = bytes.TrimSpace(body[1 : len(body)-1])
	}
	fields, _ := transport.Find(body, errorPaths) // what was read before it broke off, or went wrong, is good enough
	text := func(path transport.Path) string {
		raw, _ := fields.Get(path)
		text, _ := Text(raw)
		return text
	}
	e := apiError{code: text(atErrorCode), kind: text(atErrorType), param: text(atErrorParam), message: text(atErrorMessage), status: text(atErrorStatus)}
	if e == (apiError{}) {
		// xAI: {"code": "invalid-argument", "error": "text"}; Mistral: {"message": "text", "type": ..., "code": ...}
		e = apiError{code: text(atCode), kind: text(atType), message: text(atError) + text(atMessage) + text(atDetail)}
		if e.message == "" {
			// {"detail": [{"loc": ["body", "stream_options"], "msg": ...}]}, as FastAPI has it
			raw, _ := fields.Get(atDetail)
			e.message = string(raw)
		}
	}
	return e
}

// Codes, or types, of a 429 that waiting does not cure. Source: OpenAI's error code guide; captures.
var openAIQuota = []string{
	"insufficient_quota", "credit_balance_exhausted", "organization_spend_limit_exceeded",
	"project_spend_limit_exceeded", "organization_usage_limit_exceeded", "billing_hard_limit_reached",
}

// openAIRefusal reads an error of OpenAI's shape; e is r's body, read.
func openAIRefusal(r *Response, e *apiError) Refusal {
	f := Refusal{Outcome: policy.Rejected, Evidence: policy.Inferred, Reason: policy.BadRequest, Code: identifier(e.code)}
	if f.Code == "" || f.Code == strconv.Itoa(r.Status) && e.kind != "" {
		f.Code = identifier(e.kind)
	}
	if f.Code == "" {
		f.Code = identifier(e.status)
	}
	status, at := r.Status, r.At
	switch {
	case status == http.StatusTooManyRequests:
		f.Reason, f.Evidence = openAI429(e)
		if f.RetryAfter = max(RetryAfter(r.Header, at), tryAgainIn(e.message)); f.RetryAfter == 0 {
			f.RetryAfter = rateReset(r.Header) // until the whole limit is back, so only where nothing else is said
		}
	case overloaded(status, e):
		f.Reason, f.Evidence = policy.Overloaded, policy.Reported
		f.RetryAfter = RetryAfter(r.Header, at)
	case status >= 500 || status == http.StatusRequestTimeout:
		// Nowhere is it documented whether the work was done, and billed.
		f.Outcome, f.Evidence, f.Reason = policy.Ambiguous, "", policy.ServerError
		f.RetryAfter = RetryAfter(r.Header, at)
	case status == http.StatusRequestEntityTooLarge && strings.HasPrefix(e.message, "Request too large"):
		f.Reason = policy.TooLarge // Groq's word for more than the limit of a minute
	case status == http.StatusPaymentRequired:
		f.Reason = policy.Quota
	case (status == http.StatusBadRequest || status == http.StatusUnprocessableEntity) && refusesTier(e):
		f.Reason = policy.TierRefused
	case (status == http.StatusBadRequest || status == http.StatusUnprocessableEntity) && refusesUsage(e):
		f.Reason = policy.UsageRefused
	case status >= 400 && !slices.Contains(refusals, status):
		f.Outcome, f.Evidence = policy.Ambiguous, ""
	}
	return f
}

// refusals are the statuses by which a server says that it did not take the request up. Of others nobody knows;
// but who sends a redirect has not taken it up.
var refusals = []int{400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 415, 421, 422, 428, 429, 431, 451}

// overloaded: the provider's own statement that it did not serve, in OpenAI's words, Anthropic's or Google's.
func overloaded(status int, e *apiError) bool {
	switch status {
	case http.StatusServiceUnavailable:
		return e.code == "server_is_overloaded" || e.kind == "overloaded_error" || e.status == "UNAVAILABLE"
	case 529:
		return e.kind == "overloaded_error"
	}
	return false
}

func openAI429(e *apiError) (policy.Reason, policy.Evidence) {
	switch {
	case e.code == "flex_unavailable", e.code == "resource_unavailable", e.kind == "resource_unavailable",
		strings.HasPrefix(e.message, "Flex") && strings.Contains(e.message, "sufficient resources"):
		// "You will not be charged when this occurs": OpenAI's flex guide.
		return policy.Capacity, policy.Documented
	case slices.Contains(openAIQuota, e.code), slices.Contains(openAIQuota, e.kind):
		return policy.Quota, policy.Inferred
	case strings.HasPrefix(e.message, "Request too large"), asksTooMuch(e.message):
		return policy.TooLarge, policy.Inferred
	case strings.Contains(e.message, "per day ("), strings.Contains(e.message, "-per-day"):
		// "... on requests per day (RPD): Limit 200, ...": tomorrow is too late to wait for.
		return policy.Quota, policy.Inferred
	}
	return policy.Rate, policy.Inferred
}

// asksTooMuch: "... Limit 7000, Requested 12903", which no wait makes fit.
func asksTooMuch(message string) bool {
	limit, ok := numberAfter(message, "Limit ")
	requested, asked := numberAfter(message, "Requested ")
	return ok && asked && requested > limit
}

func numberAfter(text, lead string) (int64, bool) {
	_, after, ok := strings.Cut(text, lead)
	after = strings.TrimLeft(after, "~ ")
	digits := after[:len(after)-len(strings.TrimLeft(after, "0123456789"))]
	n, isCount := count([]byte(digits))
	return n, ok && isCount
}

// refusesTier: {"message": "Flex is not available for this model.", "param": "service_tier", "code": null}.
func refusesTier(e *apiError) bool {
	return e.param == "service_tier" || strings.Contains(e.message, "service_tier")
}

// refusesUsage: the parameter is named in param, or in the message of hosts that have no param.
func refusesUsage(e *apiError) bool {
	return strings.HasPrefix(e.param, "stream_options") || strings.Contains(e.message, "stream_options") ||
		strings.Contains(e.message, "include_usage")
}
