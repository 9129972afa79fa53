package cachedcontent_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/cachedcontent"
	"github.com/skinflint-go/skinflint/policy"
)

// What the providers say, in the words that were seen, and in each of the shapes that it comes in.
func TestKinds(t *testing.T) {
	for _, test := range []struct {
		status  int
		code    string
		message string
		want    cachedcontent.Kind
	}{
		{403, "PERMISSION_DENIED", "CachedContent not found (or permission denied)", cachedcontent.Dead},
		{400, "INVALID_ARGUMENT", "Cache content 7016131366404227072 is expired.", cachedcontent.Dead},
		{400, "INVALID_ARGUMENT", "Invalid resource state for cache content 1.", cachedcontent.Dead},
		{404, "NOT_FOUND", "Not found: cached content metadata for 6116704758662168576.", cachedcontent.Dead},
		{404, "NOT_FOUND", "Not found: cache content metadata 8754364356910645200.", cachedcontent.Dead},
		{404, "NOT_FOUND", "Cached content 1 is not found.", cachedcontent.Dead},
		{400, "INVALID_ARGUMENT", "Cached content is too small. total_token_count=16, min_total_token_count=1024", cachedcontent.TooSmall},
		{400, "INVALID_ARGUMENT", "Cached content is too small. min_total_token_count=1024, total_token_count=16", cachedcontent.TooSmall},
		{429, "RESOURCE_EXHAUSTED", "TotalCachedContentStorageTokensPerModelFreeTier limit exceeded for model gemini-2.5-flash: limit=0, requested=116563", cachedcontent.FreeTier},
		{429, "RESOURCE_EXHAUSTED", "TotalCachedContentStorageTokensPerModelFreeTier limit exceeded for model gemini-1.5-flash: limit=1000000, requested=1251312", cachedcontent.Quota},
		{429, "RESOURCE_EXHAUSTED", "TotalCachedContentStorageTokensPerModel limit exceeded for model x: limit=100000000, requested=1", cachedcontent.Quota},
		{429, "RESOURCE_EXHAUSTED", "TotalCachedContentStorageTokensPerModel limit exceeded for model x: limit: 0", cachedcontent.FreeTier},
		{429, "RESOURCE_EXHAUSTED", "CachedContent requests per day, limit: 05", cachedcontent.Quota},
		{429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", cachedcontent.Rate},
		{404, "NOT_FOUND", "models/gemini-4-argon is not found for API version v1beta, or is not supported for createCachedContent. Call ListModels to see the list.", cachedcontent.Unsupported},
		{400, "INVALID_ARGUMENT", "Explicit caching is not available for gemini-4-argon.", cachedcontent.Unsupported},
		{400, "INVALID_ARGUMENT", "Model gemini-4-argon does not support cached content.", cachedcontent.Unsupported},
		{403, "PERMISSION_DENIED", "You do not have permission to access the File abc or it may not exist.", cachedcontent.NotFound},
		{404, "NOT_FOUND", "Requested entity was not found.", cachedcontent.Dead},
		{404, "", "no such page", cachedcontent.Invalid},
		{403, "PERMISSION_DENIED", "Permission 'aiplatform.cachedContents.create' denied on resource '//aiplatform.googleapis.com/projects/p' (or it may not exist).", cachedcontent.Denied},
		{403, "PERMISSION_DENIED", "Permission denied on resource project x.", cachedcontent.Denied},
		{401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", cachedcontent.Denied},
		{400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", cachedcontent.Denied},
		{400, "INVALID_ARGUMENT", "Invalid CachedContent name: 1234567890.", cachedcontent.Invalid},
		{400, "INVALID_ARGUMENT", "Unsupported MIME type: application/zip", cachedcontent.Invalid},
		{503, "UNAVAILABLE", "This model is currently experiencing high demand.", cachedcontent.Unavailable},
		{500, "INTERNAL", "An internal error has occurred.", cachedcontent.Unavailable},
		{499, "CANCELLED", "The operation was cancelled.", cachedcontent.Unavailable},
		{302, "", "", cachedcontent.Redirected},
	} {
		for shape, body := range shapes(test.status, test.code, test.message) {
			t.Run(fmt.Sprintf("%d %.40s %s", test.status, test.message, shape), func(t *testing.T) {
				header := []string{"Content-Type", "application/json"}
				if shape == "gzip" {
					header = append(header, "Content-Encoding", "gzip")
				}
				client := gemini(t, roundTrip(func(req *http.Request) (*http.Response, error) {
					return answer(req, test.status, body, header...), nil
				}))
				e := asError(t, client.Delete(t.Context(), "cachedContents/x"), test.want)
				if e.Status != test.status || test.code != "" && (e.Code != test.code || e.Message != test.message) {
					t.Errorf("got %+v", e)
				}
				if test.want == cachedcontent.TooSmall && (e.Tokens != 16 || e.Minimum != 1024) {
					t.Errorf("the sizes are %d and %d", e.Tokens, e.Minimum)
				}
			})
		}
	}
}

// shapes returns an error's body in the shapes that it comes in.
func shapes(status int, code, message string) map[string]string {
	object, _ := json.Marshal(map[string]any{"error": map[string]any{"code": status, "message": message, "status": code}})
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(object)
	_ = w.Close()
	return map[string]string{"object": string(object), "array": "[" + string(object) + "]\n", "gzip": z.String()}
}

// The text of an error has no message in it: that may quote the content. The message has no key.
func TestErrorText(t *testing.T) {
	c := fixed(t, 400, `{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"Invalid value: \"Light is bent\" for `+secretKey+`"}}`)
	_, err := c.Get(t.Context(), "cachedContents/x")
	if got, want := err.Error(), "cachedcontent: get cache: status 400 INVALID_ARGUMENT: the provider rejects the request"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if e := asError(t, err, cachedcontent.Invalid); e.Message != `Invalid value: "Light is bent" for ***` {
		t.Errorf("the message is %q", e.Message)
	}
}

func TestRetryAfter(t *testing.T) {
	c := fixed(t, 429, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Slow down.","details":[{"retryDelay":"48s"}]}}`, "Retry-After", "3")
	if e := asError(t, c.Delete(t.Context(), "cachedContents/x"), cachedcontent.Rate); e.RetryAfter != 48*time.Second {
		t.Errorf("RetryAfter is %v", e.RetryAfter)
	}
}

// What an error means may depend on what was asked for.
func TestKindsByOperation(t *testing.T) {
	c := fixed(t, 404, `{"error":{"code":404,"message":"Requested entity was not found.","status":"NOT_FOUND"}}`)
	asError(t, second(c.GetFile(t.Context(), "files/x")), cachedcontent.NotFound)
	asError(t, second(c.Create(t.Context(), content())), cachedcontent.Invalid)
	asError(t, second(c.Get(t.Context(), "cachedContents/x")), cachedcontent.Dead)
	c = fixed(t, 400, `{"error":{"code":400,"message":"Cached content is too small.","status":"INVALID_ARGUMENT"}}`)
	_, err := c.Create(t.Context(), content())
	if e := asError(t, err, cachedcontent.TooSmall); e.Minimum != 0 || strings.HasSuffix(e.Error(), "tokens") {
		t.Errorf("got %v", e)
	}
}

// A stack that refuses the creation says so, and nothing is sent.
func TestRefusedByTheStack(t *testing.T) {
	sent := 0
	base := roundTrip(func(req *http.Request) (*http.Response, error) {
		sent++
		return answer(req, 200, `{"name":"cachedContents/x"}`), nil
	})
	stack, err := middleware.New(middleware.WithBase(base))
	if err != nil {
		t.Fatal(err)
	}
	ctx := policy.With(t.Context(), policy.MaxCost(1))
	_, err = vertex(t, stack).Create(ctx, content())
	var refused *middleware.Error
	if !errors.As(err, &refused) || sent != 0 {
		t.Errorf("%d requests, %v", sent, err)
	}
	if err := stack.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestErrorBodies(t *testing.T) {
	for name, body := range map[string]string{
		"empty": "", "page": "<html>502</html>", "null": "null", "numbers": `{"error":{"code":"x","message":7,"status":[]}}`,
		"string": `{"error":"no"}`, "cut": `{"error":{"code":400,"mess`, "empty array": "[]", "deep": `[[[[[[`,
	} {
		t.Run(name, func(t *testing.T) {
			asError(t, fixed(t, 502, body).Delete(t.Context(), "cachedContents/x"), cachedcontent.Unavailable)
			asError(t, fixed(t, 422, body).Delete(t.Context(), "cachedContents/x"), cachedcontent.Invalid)
		})
	}
	e := asError(t, fixed(t, 424, "{}", "Skinflint-Refusal", "budget").Delete(t.Context(), "cachedContents/x"), cachedcontent.Refused)
	if e.Status != 424 {
		t.Errorf("got %+v", e)
	}
}

func FuzzErrorBody(f *testing.F) {
	f.Add(400, []byte(`[{"error":{"code":400,"message":"Cached content is too small. total_token_count=16, min_total_token_count=1024"}}]`))
	f.Add(429, []byte(`{"error":{"message":"FreeTier limit=0, requested=99999999999999999999"}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 300 || status > 599 {
			return
		}
		err := fixed(t, status, string(body)).Delete(t.Context(), "cachedContents/x")
		if kind := cachedcontent.KindOf(err); kind == "" || kind == cachedcontent.Unreadable {
			t.Errorf("%d: kind %q", status, kind)
		}
	})
}
