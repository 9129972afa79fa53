package wire_test

import (
	"fmt"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// rejectedWith returns what a dialect makes of an error.
func rejectedWith(t *testing.T, url string, status int, body string) wire.Rejection {
	t.Helper()
	d, call, _ := recognise(t, http.MethodPost, url)
	return d.Rejection(&call, &wire.Response{Status: status, Body: []byte(body), Header: http.Header{}, At: quotaTime})
}

func TestRejectionQuotas(t *testing.T) {
	openAI := func(message string) string {
		return fmt.Sprintf(`{"error":{"message":%q,"type":"tokens","param":null,"code":"rate_limit_exceeded"}}`, message)
	}
	google := func(details string) string {
		return `{"error":{"code":429,"message":"Quota exceeded","status":"RESOURCE_EXHAUSTED","details":[` + details + `]}}`
	}
	const reached = "Rate limit reached for gpt-4o-mini in organization org-x on "
	for name, test := range map[string]struct {
		url    string
		status int
		body   string
		want   []wire.Quota
	}{
		"tokens per minute": {chatURL, 429, openAI(reached + "tokens per min (TPM): Limit 200000, Used 130491, Requested 75418. Please try again in 1.772s."),
			[]wire.Quota{{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 200000, Remaining: 69509, Reset: -1}}},
		"requests per minute": {chatURL, 429, openAI(reached + "requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 20s."),
			[]wire.Quota{{Window: time.Minute, Limit: 3, Remaining: 0, Reset: -1}}},
		"requests per day": {chatURL, 429, openAI(reached + "requests per day (RPD): Limit 200, Used 201, Requested 1. Please try again in 7m12s."),
			[]wire.Quota{{Window: oneDay, Limit: 200, Remaining: 0, Reset: -1}}},
		"Groq, tokens per day": {groqURL, 429, openAI("Rate limit reached for model `m` on tokens per day (TPD): Limit 100000, Used 97050, Requested 3619. Please try again in 9m38.016s."),
			[]wire.Quota{{Unit: wire.QuotaTokens, Window: oneDay, Limit: 100000, Remaining: 2950, Reset: -1}}},
		"too large": {chatURL, 429, openAI("Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 36969. The input or output tokens must be reduced."),
			[]wire.Quota{{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 30000, Remaining: -1, Reset: -1}}},
		"Groq, too large": {groqURL, 413, openAI("Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 8034, please reduce your message size."),
			[]wire.Quota{{Unit: wire.QuotaTokens, Window: time.Minute, Limit: 6000, Remaining: -1, Reset: -1}}},
		"a number that is none": {chatURL, 429, openAI(reached + "tokens per min (TPM): Limit 99999999999999999999, Used -5."), nil},
		"Anthropic": {anthropicURL, 429, `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization's rate limit of 450,000 input tokens per minute (org: x). Try later."}}`,
			[]wire.Quota{{Unit: wire.QuotaInputTokens, Window: time.Minute, Limit: 450000, Remaining: -1, Reset: -1}}},
		"Anthropic, requests": {anthropicURL, 429, `{"type":"error","error":{"type":"rate_limit_error","message":"the rate limit for your organization of 50 requests per minute."}}`,
			[]wire.Quota{{Window: time.Minute, Limit: 50, Remaining: -1, Reset: -1}}},
		"no numbers": {azureChatURL, 429, `{"error":{"code":"RateLimitReached","message":"Your requests to m have exceeded rate limit of tokens per minute."}}`, nil},
		"OpenRouter": {openRouterURL, 429, `{"error":{"message":"Rate limit exceeded: free-models-per-day. Add 10 credits","code":429,"metadata":{"headers":{"X-RateLimit-Limit":"50","X-RateLimit-Remaining":"0","X-RateLimit-Reset":5}}}}`,
			[]wire.Quota{{Window: oneDay, Limit: 50, Remaining: 0, Reset: -1}}},
		"Gemini, input tokens": {geminiURL, 429, google(`{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaMetric":"generativelanguage.googleapis.com/generate_content_paid_tier_input_token_count","quotaId":"GenerateContentPaidTierInputTokensPerModelPerMinute","quotaDimensions":{"location":"global","model":"gemini-2.5-flash"},"quotaValue":"1000000"}]}`),
			[]wire.Quota{{Unit: wire.QuotaInputTokens, Window: time.Minute, Limit: 1000000, Remaining: -1, Reset: -1}}},
		"Gemini, the free tier's day": {geminiURL, 429, google(`{"violations":[{"quotaId":"GenerateRequestsPerDayPerProjectPerModel-FreeTier","quotaMetric":"x/generate_content_free_tier_requests","quotaValue":"25"},{"quotaId":"GenerateRequestsPerMinutePerProjectPerModel-FreeTier"}]}`),
			[]wire.Quota{{Window: oneDay, Limit: 25, Remaining: 0, Reset: 20 * time.Hour}, {Window: time.Minute, Limit: -1, Remaining: 0, Reset: -1}}},
		"Vertex": {vertexURL, 429, google(`{"@type":"type.googleapis.com/google.rpc.ErrorInfo","metadata":{"quota_metric":"x/generate_content_requests","quota_limit":"GenerateContentRequestsPerMinutePerProjectPerRegion","quota_limit_value":"60"}}`),
			[]wire.Quota{{Window: time.Minute, Limit: 60, Remaining: 0, Reset: -1}}},
		"Gemini, of other types": {geminiURL, 429, google(`{"violations":[{"quotaId":"RequestsPerMinute","quotaValue":7}]},5,{"violations":7}`),
			[]wire.Quota{{Window: time.Minute, Limit: -1, Remaining: 0, Reset: -1}}},
		"storage of caches":   {geminiURL, 429, google(`{"violations":[{"quotaId":"TotalCachedContentStorageTokensPerModelFreeTier","quotaValue":"0"}]}`), nil},
		"not a rate limit":    {chatURL, 400, openAI(reached + "tokens per min (TPM): Limit 200000, Used 1, Requested 2."), nil},
		"not a JSON document": {chatURL, 429, `(TPM): Limit 5`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := rejectedWith(t, test.url, test.status, test.body).Quotas; !reflect.DeepEqual(got, test.want) && len(got)+len(test.want) > 0 {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// TestRecordedQuotaErrors reads real 429s: of those that name a figure of a limit, each yields it.
func TestRecordedQuotaErrors(t *testing.T) {
	if _, err := os.Stat(recordedErrors); err != nil {
		t.Skip("the recorded errors are not there")
	}
	found := 0
	for _, r := range readErrors(t) {
		if r.Status != http.StatusTooManyRequests || !strings.Contains(r.Body, "{") {
			continue
		}
		quotas := r.quotas(t)
		for _, q := range quotas {
			checkQuota(t, q)
		}
		states := strings.Contains(r.Body, ": Limit ") || strings.Contains(r.Body, `"quotaValue"`) ||
			strings.Contains(r.Body, "tokens per minute (org") || strings.Contains(r.Body, "X-RateLimit-Limit")
		if states && len(quotas) == 0 && !strings.Contains(r.Body, "Storage") {
			t.Errorf("record %d states a limit that was not read: %.400s", r.index, r.Body)
		}
		found += min(1, len(quotas))
	}
	if found < 8 {
		t.Errorf("%d of the errors have quotas", found)
	}
}

// quotas returns the limits that a record states in its body.
func (r *errorRecord) quotas(t *testing.T) []wire.Quota {
	t.Helper()
	return rejectedWith(t, r.url(), r.Status, r.Body).Quotas
}

func FuzzRejectionQuotas(f *testing.F) {
	f.Add("on tokens per min (TPM): Limit 200000, Used 130491, Requested 75418", "GenerateRequestsPerDay", `"25"`)
	f.Add("rate limit of 450,000 input tokens per minute", "InputTokensPerMinute", `1e309`)
	f.Add("limit per day per", "x", `{"a":[]}`)
	f.Fuzz(func(t *testing.T, message, id, value string) {
		body := fmt.Appendf(nil, `{"error":{"message":%q,"status":"RESOURCE_EXHAUSTED","details":[{"violations":[{"quotaId":%q,"quotaValue":%s}]}],"metadata":{"headers":{%q:%s}}}}`, message, id, value, id, value)
		for _, url := range []string{chatURL, geminiURL} {
			d, call, _ := recognise(t, http.MethodPost, url)
			for _, q := range d.Rejection(&call, &wire.Response{Status: 429, Body: body, Header: http.Header{}, At: quotaTime}).Quotas {
				checkQuota(t, q)
			}
		}
	})
}
