package wire

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
)

// openAIRejection returns what an error of OpenAI's shape means; e is the body of r.
func openAIRejection(r *Response, e *apiError) Rejection {
	f := Rejection{Outcome: policy.Rejected, Evidence: policy.Inferred, Reason: policy.BadRequest, Code: openAICode(r.Status, e)}
	switch status := r.Status; {
	case status == http.StatusTooManyRequests:
		f.Reason, f.Evidence = openAI429(r, e)
		f.Quotas = quotasOf(r, e)
		if f.RetryAfter = max(RetryAfter(r.Header, r.At), tryAgainIn(e.message)); f.RetryAfter == 0 {
			f.RetryAfter = rateReset(r.Header, r.At) // the time until the whole limit is back: longer than needed, so it comes last
		}
	case overloaded(status, e):
		f.Reason, f.Evidence = policy.Overloaded, policy.Reported
		f.RetryAfter = RetryAfter(r.Header, r.At)
	case status >= 500 || status == http.StatusRequestTimeout:
		// It is not documented whether the work was done, and billed.
		f.Outcome, f.Evidence, f.Reason = policy.Ambiguous, "", policy.ServerError
		f.RetryAfter = RetryAfter(r.Header, r.At)
	case status == http.StatusRequestEntityTooLarge && strings.HasPrefix(e.message, "Request too large"):
		f.Reason = policy.TooLarge // how Groq rejects more than the limit of a minute
		f.Quotas = quotasOf(r, e)
	case status == http.StatusPaymentRequired:
		f.Reason = policy.Quota
	case mayBeBilled(status):
		f.Outcome, f.Evidence = policy.Ambiguous, ""
	case status >= 400:
		f.Reason = openAI400(status, e)
	}
	return f
}

// openAICode returns the error's code. A code that only repeats the status says less than the type.
func openAICode(status int, e *apiError) string {
	code := identifier(e.code)
	if code == "" || code == strconv.Itoa(status) && e.kind != "" {
		code = identifier(e.kind)
	}
	if code == "" {
		code = identifier(e.status)
	}
	return code
}

// openAI400 returns what a status is about by which a server says that it did not take the request up.
func openAI400(status int, e *apiError) policy.Reason {
	invalid := status == http.StatusBadRequest || status == http.StatusUnprocessableEntity
	switch {
	case invalid && rejectsTier(e):
		return policy.TierRejected
	case invalid && e.rejectsUsage():
		return policy.UsageRejected
	case status == http.StatusUnauthorized && !e.hasQuotaCode(): // "Invalid API key or insufficient credits"
	case e.usedUp():
		return policy.Quota
	}
	return policy.BadRequest
}

// overloaded reports whether the provider itself says that it did not serve, as OpenAI, Anthropic or Google say it.
func overloaded(status int, e *apiError) bool {
	switch status {
	case http.StatusServiceUnavailable:
		return e.code == "server_is_overloaded" || e.kind == "overloaded_error" || e.status == "UNAVAILABLE"
	case 529:
		return e.kind == "overloaded_error"
	}
	return false
}

// openAI429 returns what a 429 is about.
func openAI429(r *Response, e *apiError) (policy.Reason, policy.Evidence) {
	switch {
	case e.status == "RESOURCE_EXHAUSTED": // passed on by a gateway
		return google429(r, e), policy.Inferred
	case e.code == "flex_unavailable", e.code == "resource_unavailable", e.kind == "resource_unavailable",
		strings.HasPrefix(e.message, "Flex") && strings.Contains(e.message, "sufficient resources"):
		// It is free by OpenAI's flex guide.
		return policy.Capacity, policy.Documented
	case strings.HasPrefix(e.message, "Request too large"), asksTooMuch(e.message):
		return policy.TooLarge, policy.Inferred
	case e.usedUp():
		return policy.Quota, policy.Inferred
	}
	return policy.Rate, policy.Inferred
}

// asksTooMuch reports whether a message says that the request is over the whole limit, so that no wait helps: "... Limit
// 7000, Requested 12903".
func asksTooMuch(message string) bool {
	limit, ok := numberAfter(message, "Limit ")
	requested, asked := numberAfter(message, "Requested ")
	return ok && asked && requested > limit
}

// numberAfter returns the number that follows lead in a text, perhaps behind a "~".
func numberAfter(text, lead string) (int64, bool) {
	_, after, ok := strings.Cut(text, lead)
	after = strings.TrimLeft(after, "~ ")
	digits := after[:len(after)-len(strings.TrimLeft(after, "0123456789"))]
	n, isCount := count([]byte(digits))
	return n, ok && isCount
}

// rejectsTier reports whether the error is about the tier: {"message": "Flex is not available for this model.", "param":
// "service_tier", "code": null}.
func rejectsTier(e *apiError) bool {
	return e.param == "service_tier" || strings.Contains(e.message, "service_tier")
}
