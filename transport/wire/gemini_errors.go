package wire

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// googleRefusal reads an error of Google's: {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": ...,
// "details": [...]}}, on the compatible face within an array. Sources: recorded traffic of 2026; ai.google.dev, pages on
// rate limits and flex inference. It also reports whether it is an error of Google's own, and not of something between.
func googleRefusal(r *Response) (f Refusal, own bool) {
	e := readError(r.Body)
	f = Refusal{Outcome: policy.Rejected, Evidence: policy.Inferred, Reason: policy.BadRequest, Code: identifier(e.status)}
	if f.Code == "" {
		f.Code = identifier(e.code)
	}
	switch {
	case r.Status == http.StatusTooManyRequests:
		f.Reason = google429(r, &e)
		f.RetryAfter = max(RetryAfter(r.Header, r.At), retryDelay(r.Body), retryIn(e.message))
	case r.Status == http.StatusServiceUnavailable && e.status == "UNAVAILABLE":
		// What lacks room for flex does not say so in another way than what is overloaded; another tier may have room.
		f.Evidence, f.Reason = policy.Reported, policy.Overloaded
		if r.Asked == policy.Flex {
			f.Reason = policy.Capacity
		}
		f.RetryAfter = max(RetryAfter(r.Header, r.At), retryDelay(r.Body))
	case r.Status >= 500 || r.Status == http.StatusRequestTimeout:
		f.Outcome, f.Evidence, f.Reason = policy.Ambiguous, "", policy.ServerError
		f.RetryAfter = RetryAfter(r.Header, r.At)
	case deadCache(r.Status, e.message):
		f.Reason = policy.CacheDead
	case r.Status == http.StatusBadRequest && refusesGeminiTier(&e):
		f.Reason = policy.TierRefused
	case r.Status == http.StatusBadRequest && refusesUsage(&e):
		f.Reason = policy.UsageRefused
	case r.Status >= 400 && !slices.Contains(refusals, r.Status):
		f.Outcome, f.Evidence = policy.Ambiguous, ""
	}
	return f, e != apiError{}
}

// google429 says what a 429 is about. A quota is named in a QuotaFailure; where there is none, the pool that all share
// is exhausted, of which flex may take what the others leave.
func google429(r *Response, e *apiError) policy.Reason {
	switch {
	case strings.Contains(e.message, "limit=0") || strings.Contains(e.message, "limit: 0,") || strings.HasSuffix(e.message, "limit: 0"):
		return policy.Quota // the free tier has none of it
	case bytes.Contains(r.Body, []byte(`"quota_limit_value":"0"`)), bytes.Contains(r.Body, []byte(`"quota_limit_value": "0"`)):
		return policy.Quota // nor has this project
	case strings.Contains(e.message, "TotalCachedContentStorageTokens"):
		return policy.Quota // which caches that end make free, not time as such
	case bytes.Contains(r.Body, []byte("google.rpc.QuotaFailure")):
		if bytes.Contains(r.Body, []byte("PerDay")) {
			return policy.Quota // tomorrow is too late to wait for, whatever the RetryInfo says
		}
		return policy.Rate
	case strings.Contains(e.message, "spending cap"), strings.Contains(e.message, "prepayment credits"), strings.Contains(e.message, "billing cap"):
		return policy.Quota
	case strings.Contains(e.message, "per day"):
		return policy.Quota
	case r.Asked == policy.Flex:
		return policy.Capacity
	}
	return policy.Rate
}

// deadCache: the forms in which the Gemini API (403) and Vertex AI (400, 404) say that a context cache is gone.
func deadCache(status int, message string) bool {
	switch status {
	case http.StatusForbidden:
		return strings.HasPrefix(message, "CachedContent not found")
	case http.StatusBadRequest:
		return strings.HasPrefix(message, "Cache content ") && strings.Contains(message, "expired") ||
			strings.HasPrefix(message, "Invalid resource state for cache content")
	case http.StatusNotFound:
		return strings.HasPrefix(message, "Not found: cache") || strings.HasPrefix(message, "Cached content ")
	}
	return false
}

// refusesGeminiTier: "Invalid value at 'service_tier'", and what says that a model, or a project, has no such tier.
func refusesGeminiTier(e *apiError) bool {
	text := strings.ToLower(e.message)
	return strings.Contains(text, "service_tier") || strings.Contains(text, "servicetier") || strings.Contains(text, "service tier")
}

// retryDelay reads the "retryDelay" of a google.rpc.RetryInfo. Quotes within the message are escaped, so that the name
// can stand in quotes only as a member's.
func retryDelay(body []byte) (longest time.Duration) {
	for {
		_, after, ok := bytes.Cut(body, []byte(`"retryDelay"`))
		if !ok {
			return longest
		}
		body = after
		value := bytes.TrimLeft(after, " \t\r\n:")
		end := bytes.IndexAny(value, ",}]\n")
		if end < 0 {
			return longest
		}
		text, _ := jsontext.Unquote(bytes.TrimSpace(value[:end]))
		longest = max(longest, duration(text))
	}
}

// retryIn reads the "Please retry in 48.939935699s." of a message, which is finer than the RetryInfo beside it.
func retryIn(message string) time.Duration {
	_, after, ok := strings.Cut(message, "retry in ")
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(after, " ")
	return duration(strings.TrimRight(strings.TrimSpace(text), ".,"))
}
