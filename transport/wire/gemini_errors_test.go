package wire_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func TestGoogleRejection(t *testing.T) {
	const quota = `{"error":{"code":429,"message":"You exceeded your current quota. Please retry in 48.9s.","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"RequestsPer%s"}]},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay": "48s"}]}}`
	message := func(text string) string { return fmt.Sprintf(`{"error":{"code":1,"message":%q,"status":"S"}}`, text) }
	for _, test := range []struct {
		name, url string
		status    int
		asked     policy.Tier
		body      string
		want      string
		after     time.Duration
	}{
		{"a quota by the minute", geminiURL, 429, "", fmt.Sprintf(quota, "Minute"), "rejected inferred rate RESOURCE_EXHAUSTED", 48900 * time.Millisecond},
		{"a quota by the day", geminiURL, 429, "", fmt.Sprintf(quota, "Day"), "rejected inferred quota RESOURCE_EXHAUSTED", 48900 * time.Millisecond},
		{"shared capacity, for flex", geminiURL, 429, policy.Flex, message("Resource exhausted."), "rejected inferred capacity S", 0},
		{"shared capacity", geminiURL, 429, "", message("Resource exhausted."), "rejected inferred rate S", 0},
		{"the free tier has none", geminiURL, 429, "", message("Quota exceeded, limit: 0, model: x"), "rejected inferred quota S", 0},
		{"cache storage", geminiURL, 429, "", message("TotalCachedContentStorageTokensPerModel limit exceeded"), "rejected inferred quota S", 0},
		{"money", geminiURL, 429, "", message("Your prepayment credits are depleted"), "rejected inferred quota S", 0},
		{"overloaded, for flex", geminiURL, 503, policy.Flex, `{"error":{"status":"UNAVAILABLE"}}`, "rejected reported capacity UNAVAILABLE", 0},
		{"a dead cache", geminiURL, 403, "", message("CachedContent not found (or permission denied)"), "rejected inferred cache_dead S", 0},
		{"a dead cache, expired", vertexURL, 400, "", message("Cache content 1 is expired."), "rejected documented cache_dead S", 0},
		{"a dead cache, not found", vertexURL, 404, "", message("Not found: cached content metadata for 1."), "rejected documented cache_dead S", 0},
		{"a tier", geminiURL, 400, "", message("Invalid value at 'service_tier'"), "rejected documented tier_refused S", 0},
		{"usage", geminiURL, 400, "", message("Unknown name \"stream_options\""), "rejected documented usage_refused S", 0},
		{"a page of a proxy, 502", vertexURL, 502, "", "<html>", "ambiguous  server_error ", 0},
		{"a page of a proxy, 404", vertexURL, 404, "", "<html>", "rejected documented bad_request ", 0},
		{"its own 502", vertexURL, 502, "", message("x"), "rejected documented server_error S", 0},
		{"a 409", geminiURL, 409, "", message("x"), "ambiguous  bad_request S", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, call, ok := recognise(t, http.MethodPost, test.url)
			if !ok {
				t.Fatal("not recognised")
			}
			r := d.Rejection(&call, &wire.Response{Status: test.status, Header: http.Header{}, Body: []byte(test.body), Asked: test.asked, At: time.Now()})
			if got := fmt.Sprintf("%s %s %s %s", r.Outcome, r.Evidence, r.Reason, r.Code); got != test.want || r.RetryAfter != test.after {
				t.Errorf("got  %s, %v\nwant %s, %v", got, r.RetryAfter, test.want, test.after)
			}
		})
	}
}
