package wire

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
)

// cacheRefusals are the messages of Google's about context caches, squeezed, by what they begin with and contain. Messages may
// quote the request, so the beginning decides. The Gemini API and Vertex AI have messages of their own:
//
//	403 CachedContent not found (or permission denied)
//	400 Cache content 123 is expired.
//	400 Invalid resource state for cache content 123.
//	404 Not found: cached content metadata for 123.
//	404 Cached content 123 is not found.
//	400 Cached content is too small. total_token_count=16, min_total_token_count=1024
//	400 The cached content is of 16 tokens. The minimum token count to start caching is 1024.
//	400 Model used by GenerateContent request (models/A) and CachedContent (models/B) has to be the same.
//	400 Cached content model does not match the model in the request.
//	400 CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config. ...
//	404 models/A is not found for API version v1beta, or is not supported for createCachedContent. ...
//
// Sources: recorded traffic of 2025 and 2026.
var cacheRefusals = []struct {
	status      int
	begins, has string
	reason      policy.Reason
}{
	{http.StatusForbidden, "cachedcontentnotfound", "", policy.CacheDead},
	{http.StatusNotFound, "notfoundcache", "", policy.CacheDead},
	{http.StatusNotFound, "cachedcontent", "notfound", policy.CacheDead},
	{http.StatusNotFound, "cachecontent", "notfound", policy.CacheDead},
	{http.StatusBadRequest, "cachecontent", "expired", policy.CacheDead},
	{http.StatusBadRequest, "cachedcontent", "expired", policy.CacheDead},
	{http.StatusBadRequest, "invalidresourcestateforcache", "", policy.CacheDead},
	{http.StatusBadRequest, "cachedcontent", "toosmall", policy.CacheTooSmall},
	{http.StatusBadRequest, "thecachedcontent", "minimumtokencount", policy.CacheTooSmall},
	{http.StatusBadRequest, "modelusedby", "cachedcontent", policy.CacheMismatch},
	{http.StatusBadRequest, "cachedcontentmodel", "notmatch", policy.CacheMismatch},
	{http.StatusBadRequest, "cachedcontent", "cannotbeused", policy.CacheConflict},
	{http.StatusNotFound, "models", "notsupportedforcreatecachedcontent", policy.NoCaches},
}

// cacheRefusal returns what a message of Google's says about a context cache, and how many tokens it wants the cache to have;
// "" if it is about something else.
func cacheRefusal(status int, message string) (reason policy.Reason, minTokens int64) {
	text := squeezed([]byte(message))
	for _, refusal := range cacheRefusals {
		if refusal.status == status && strings.HasPrefix(text, refusal.begins) && strings.Contains(text, refusal.has) {
			if refusal.reason == policy.CacheTooSmall {
				minTokens = minTokensOf(message)
			}
			return refusal.reason, minTokens
		}
	}
	return "", 0
}

// minTokensOf returns how many tokens a message wants a context cache to have; 0 if it does not say.
func minTokensOf(message string) int64 {
	for _, mark := range []string{"min_total_token_count", "minimum token count to start caching is"} {
		_, after, ok := strings.Cut(message, mark)
		if !ok {
			continue
		}
		after = strings.TrimLeft(after, " =:")
		n, err := strconv.ParseInt(after[:digits([]byte(after))], 10, 64)
		if err == nil {
			return n
		}
	}
	return 0
}

// noCacheStorage reports whether the message of a 429 says that a project may store no context caches at all, as in the free
// tier: "TotalCachedContentStorageTokensPerModelFreeTier limit exceeded for model M: limit=0, requested=21847".
func noCacheStorage(message string) bool {
	if !strings.Contains(message, "TotalCachedContentStorageTokens") {
		return false
	}
	_, after, ok := strings.Cut(message, "limit")
	for ok {
		if after = strings.TrimLeft(after, "=: "); digits([]byte(after)) > 0 {
			return strings.Trim(after[:digits([]byte(after))], "0") == ""
		}
		_, after, ok = strings.Cut(after, "limit")
	}
	return false
}
