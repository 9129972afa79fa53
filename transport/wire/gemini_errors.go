package wire

import (
	"bytes"
	"net/http"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// geminiRejection returns what an error of the Gemini API means.
func geminiRejection(c *Call, r *Response) Rejection {
	f, own := googleRejection(r)
	if own && !c.Foreign && (r.Status == http.StatusBadRequest || r.Status == http.StatusInternalServerError) {
		// "400 or 500 error, you won't be charged for the tokens used": the page on billing, 2026-09-20.
		f.Outcome, f.Evidence = policy.Rejected, policy.Documented
	}
	return f
}

// vertexRejection returns what an error of Vertex AI means. Vertex AI charges only for a 200: see vertex.
func vertexRejection(c *Call, r *Response) Rejection {
	f, own := googleRejection(r)
	// The page of a proxy may hide an answer that was on its way, but not a rejection.
	own = own || r.Status < 500 && r.Status != http.StatusRequestTimeout && r.Status != statusCancelled
	if own && !c.Foreign && r.Status >= 400 {
		f.Outcome, f.Evidence = policy.Rejected, policy.Documented
	}
	return f
}

// statusCancelled is Google's status for a request that it gave up: {"code": 499, "status": "CANCELLED"}.
const statusCancelled = 499

// googleRejection reads an error of Google's: {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": ...,
// "details": [...]}}, in the OpenAI-compatible APIs within an array. It also reports whether the error is Google's own, and
// not that of a proxy. Sources: recorded traffic of 2026; ai.google.dev, pages on rate limits and flex inference.
func googleRejection(r *Response) (f Rejection, own bool) {
	e := readError(r.Body)
	f = Rejection{Outcome: policy.Rejected, Evidence: policy.Inferred, Reason: policy.BadRequest, Code: identifier(e.status)}
	if f.Code == "" {
		f.Code = identifier(e.code)
	}
	switch {
	case r.Status == http.StatusTooManyRequests:
		f.Reason = google429(r, &e)
		f.Quotas = quotasOf(r, &e)
		f.RetryAfter = max(RetryAfter(r.Header, r.At), retryDelay(r.Body), retryIn(e.message))
	case r.Status == http.StatusServiceUnavailable && e.status == "UNAVAILABLE":
		// A lack of capacity for flex looks the same as an overload; another tier may have capacity.
		f.Evidence, f.Reason = policy.Reported, policy.Overloaded
		if r.Asked == policy.Flex {
			f.Reason = policy.Capacity
		}
		f.RetryAfter = max(RetryAfter(r.Header, r.At), retryDelay(r.Body))
	case r.Status >= 500 || r.Status == http.StatusRequestTimeout || r.Status == statusCancelled:
		f.Outcome, f.Evidence, f.Reason = policy.Ambiguous, "", policy.ServerError
		f.RetryAfter = RetryAfter(r.Header, r.At)
	case r.Status == http.StatusBadRequest || r.Status == http.StatusForbidden || r.Status == http.StatusNotFound:
		f.Reason, f.MinTokens = googleRefusal(r.Status, &e)
	case mayBeBilled(r.Status):
		f.Outcome, f.Evidence = policy.Ambiguous, ""
	}
	return f, e != apiError{}
}

// google429 returns what a 429 is about. A quota is named in a QuotaFailure. Without one, the capacity that all projects
// share is exhausted; flex gets what the other tiers leave of it.
func google429(r *Response, e *apiError) policy.Reason {
	switch {
	case noCacheStorage(e.message):
		return policy.NoCaches
	case strings.Contains(e.message, "limit=0") || strings.Contains(e.message, "limit: 0,") || strings.HasSuffix(e.message, "limit: 0"):
		return policy.Quota // a free tier whose limit is 0
	case bytes.Contains(r.Body, []byte(`"quota_limit_value":"0"`)), bytes.Contains(r.Body, []byte(`"quota_limit_value": "0"`)):
		return policy.Quota // a project whose limit is 0
	case strings.Contains(e.message, "TotalCachedContentStorageTokens"):
		return policy.Quota // only the end of other caches frees it, and no wait
	case bytes.Contains(r.Body, []byte("google.rpc.QuotaFailure")):
		if bytes.Contains(r.Body, []byte("PerDay")) {
			return policy.Quota // waiting for the next day is too long, whatever the RetryInfo says
		}
		return policy.Rate
	case e.usedUp(), strings.Contains(e.message, "per day"):
		return policy.Quota
	case r.Asked == policy.Flex:
		return policy.Capacity
	}
	return policy.Rate
}

// rejectsGeminiTier reports whether the error is about the tier: "Invalid value at 'service_tier'", or that a model or a
// project has no such tier.
func rejectsGeminiTier(e *apiError) bool {
	text := strings.ToLower(e.message)
	return strings.Contains(text, "service_tier") || strings.Contains(text, "servicetier") || strings.Contains(text, "service tier")
}

// googleRefusal returns what a 400, 403 or 404 is about, and how many tokens it wants a context cache to have.
func googleRefusal(status int, e *apiError) (reason policy.Reason, minTokens int64) {
	if reason, minTokens = cacheRefusal(status, e.message); reason != "" {
		return reason, minTokens
	}
	switch {
	case status == http.StatusBadRequest && rejectsGeminiTier(e):
		return policy.TierRejected, 0
	case status == http.StatusBadRequest && e.rejectsUsage():
		return policy.UsageRejected, 0
	}
	return policy.BadRequest, 0
}

// googleErrorCode returns the code of the error object of an answer's document, and whether there is an error.
func googleErrorCode(doc *transport.Fields) (code string, failed bool) {
	code, failed = errorCode(doc)
	if status := identifier(doc.Text(atErrorStatus)); status != "" {
		return status, true
	}
	return code, failed
}

// retryDelay reads the "retryDelay" of a google.rpc.RetryInfo: {"@type": ..., "retryDelay": "48s"}. Quotes within the
// message are escaped, so the name can stand in quotes only as a member's.
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

// retryIn reads the "Please retry in 48.939935699s." of a message, which is finer than the RetryInfo.
func retryIn(message string) time.Duration {
	_, after, ok := strings.Cut(message, "retry in ")
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(after, " ")
	return duration(strings.TrimRight(strings.TrimSpace(text), ".,"))
}

// googleProblem returns an error body of Google's shape. The SDKs take the code in the body for the status
// (googleapi.CheckResponse).
func googleProblem(p Problem) []byte {
	type detail struct {
		Type   string `json:"@type"`
		Reason string `json:"reason"`
		Domain string `json:"domain"`
	}
	var body struct {
		Error struct {
			Code    int      `json:"code"`
			Message string   `json:"message"`
			Status  string   `json:"status"`
			Details []detail `json:"details"`
		} `json:"error"`
	}
	body.Error.Code, body.Error.Message = p.Status, p.Message
	body.Error.Details = []detail{{"type.googleapis.com/google.rpc.ErrorInfo", p.Code, "skinflint"}}
	switch p.Status {
	case http.StatusBadRequest:
		body.Error.Status = "INVALID_ARGUMENT"
	case http.StatusTooManyRequests:
		body.Error.Status = "RESOURCE_EXHAUSTED"
	default:
		body.Error.Status = "FAILED_PRECONDITION"
	}
	return encoded(body)
}
