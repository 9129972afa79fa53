package wire_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

const (
	geminiCachesURL = "https://generativelanguage.googleapis.com/v1beta/cachedContents"
	vertexCachesURL = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/cachedContents"
	geminiChatURL   = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"
)

func TestCacheRefusals(t *testing.T) {
	const conflict = "CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.\n\nProposed fix: move those values to CachedContent from GenerateContent request."
	for _, test := range []struct {
		url     string
		status  int
		message string
		reason  policy.Reason
		min     int64
	}{
		{geminiURL, 403, "CachedContent not found (or permission denied)", policy.CacheDead, 0},
		{geminiChatURL, 403, "CachedContent not found (or permission denied)", policy.CacheDead, 0},
		{geminiURL, 403, "Permission denied: the consumer has been suspended", policy.BadRequest, 0},
		{geminiURL, 403, "The caller does not have permission: CachedContent not found", policy.BadRequest, 0},
		{vertexURL, 400, "Cache content 123 is expired.", policy.CacheDead, 0},
		{vertexURL, 400, "Invalid resource state for cache content 123.", policy.CacheDead, 0},
		{vertexURL, 404, "Not found: cached content metadata for 123.", policy.CacheDead, 0},
		{vertexURL, 404, "Not found: cache content metadata 123.", policy.CacheDead, 0},
		{vertexURL, 404, "Cached content 123 is not found.", policy.CacheDead, 0},
		{vertexURL, 404, "Publisher Model `x` was not found", policy.BadRequest, 0},

		{geminiCachesURL, 400, "Cached content is too small. total_token_count=16, min_total_token_count=1024", policy.CacheTooSmall, 1024},
		{geminiCachesURL, 400, "Cached content is too small. total_token_count=6690, min_total_token_count=32768", policy.CacheTooSmall, 32768},
		{geminiCachesURL, 400, "Cached content is too small.", policy.CacheTooSmall, 0},
		{geminiCachesURL, 400, "Cached content is too small. min_total_token_count=99999999999999999999", policy.CacheTooSmall, 0},
		{geminiCachesURL, 400, "Cached content is too small. min_total_token_count=-5", policy.CacheTooSmall, 0},
		{vertexCachesURL, 400, "The cached content is of 16 tokens. The minimum token count to start caching is 2048.", policy.CacheTooSmall, 2048},

		{geminiURL, 400, "Model used by GenerateContent request (models/gemini-3.8-flash) and CachedContent (models/gemini-2.5-flash) has to be the same.", policy.CacheMismatch, 0},
		{vertexURL, 400, "Cached content model does not match the model in the request.", policy.CacheMismatch, 0},
		{geminiURL, 400, conflict, policy.CacheConflict, 0},
		{geminiChatURL, 400, conflict, policy.CacheConflict, 0},
		{vertexURL, 400, "CachedContent cannot be used with tools.", policy.CacheConflict, 0},

		{geminiCachesURL, 404, "models/gemini-4 is not found for API version v1beta, or is not supported for createCachedContent. Call ListModels", policy.NoCaches, 0},
		{geminiCachesURL, 429, "TotalCachedContentStorageTokensPerModelFreeTier limit exceeded for model gemini-2.5-flash: limit=0, requested=116563", policy.NoCaches, 0},
		{geminiCachesURL, 429, "TotalCachedContentStorageTokensPerModelFreeTier limit exceeded for model gemini-1.5-flash: limit=1000000, requested=1251312", policy.Quota, 0},
		{geminiCachesURL, 429, "TotalCachedContentStorageTokensPerModel limit exceeded", policy.Quota, 0},

		{geminiURL, 400, "Unknown name \"Cached content is too small\"", policy.BadRequest, 0},
		{geminiURL, 400, "", policy.BadRequest, 0},
	} {
		d, call, ok := recognise(t, http.MethodPost, test.url)
		if !ok {
			t.Fatalf("%s is not recognised", test.url)
		}
		body := fmt.Sprintf(`{"error":{"code":%d,"message":%q,"status":"S"}}`, test.status, test.message)
		for _, body := range []string{body, "[" + body + "\n]\n"} {
			r := d.Rejection(&call, &wire.Response{Status: test.status, Header: http.Header{}, Body: []byte(body), At: time.Now()})
			if r.Outcome != policy.Rejected || r.Evidence == "" || r.Reason != test.reason || r.MinTokens != test.min {
				t.Errorf("%d %s: %s by %q, %s, %d tokens; want rejected, %s, %d", test.status, test.message,
					r.Outcome, r.Evidence, r.Reason, r.MinTokens, test.reason, test.min)
			}
		}
	}
}
