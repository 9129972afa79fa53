package transport

import (
	"fmt"
	"net/http"
	"reflect"
	"testing"
)

func TestHeaderValue(t *testing.T) {
	for _, test := range []struct {
		header http.Header
		want   string
	}{
		{nil, ""},
		{http.Header{"X-A": {"1", "2"}}, "1"},
		{http.Header{"x-a": {"1"}}, "1"},
		{http.Header{"X-A": {}, "x-A": {"2"}}, "2"},
		{http.Header{"X-A": nil, "X-AB": {"3"}}, ""},
	} {
		if got := HeaderValue(test.header, "X-A"); got != test.want {
			t.Errorf("%v: %q, want %q", test.header, got, test.want)
		}
	}
}

// Keys count in any case, and nothing that only looks like one of them.
func TestInspectHeaders(t *testing.T) {
	for _, test := range []struct {
		key, value string
		want       Headers
	}{
		{"X-Stainless-Retry-Count", "2", Headers{RetryCount: "2"}},
		{"x-stainless-retry-count", "0", Headers{RetryCount: "0"}},
		{"Idempotency-Key", "k", Headers{IdempotencyKey: true}},
		{"x-idempotency-key", "k", Headers{IdempotencyKey: true}},
		{"Authorization", "Bearer k", Headers{Credentials: Credentials{Authorization: "Bearer k"}}},
		{"authorization", "AWS4-HMAC-SHA256 x", Headers{Credentials: Credentials{Authorization: "AWS4-HMAC-SHA256 x"}, fixed: SkippedSigned}},
		{"api-key", "k", Headers{Credentials: Credentials{APIKey: "k"}}},
		{"X-API-Key", "k", Headers{Credentials: Credentials{XAPIKey: "k"}}},
		{"x-goog-api-key", "k", Headers{Credentials: Credentials{GoogleKey: "k"}}},
		{"content-length", "5", Headers{length: true}},
		{"Content-MD5", "x", Headers{fixed: SkippedSigned}},
		{"digest", "x", Headers{fixed: SkippedSigned}},
		{"Repr-Digest", "x", Headers{fixed: SkippedSigned}},
		{"Content-Digest", "x", Headers{fixed: SkippedSigned}},
		{"Signature-Input", "x", Headers{fixed: SkippedSigned}},
		{"Content-Encoding", "gzip", Headers{skipped: SkippedEncoding}},
		{"Content-Encoding", "IDENTITY", Headers{}},
		{"Content-Type", "application/json; charset=utf-8", Headers{}},
		{"Content-Type", "application/vnd.api+json", Headers{}},
		{"content-type", "text/plain", Headers{fixed: SkippedType}},
		{"Content-Type", "Multipart/Form-Data; boundary=b", Headers{skipped: SkippedForm, boundary: "b"}},
		{"X-Retry-Count", "1", Headers{}},
		{"Idempotency-Kez", "1", Headers{}},
		{"A", "1", Headers{}},
		{"X-A-Header-That-Is-Longer-Than-All-That-Matter", "1", Headers{}},
	} {
		var got Headers
		got.inspect(map[string][]string{test.key: {test.value}, "Empty": nil})
		if got.of = nil; !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %s is %+v, want %+v", test.key, test.value, got, test.want)
		}
	}
}

func ExampleHeaderValue() {
	h := http.Header{"x-goog-api-client": {"gl-go"}} // as the SDK writes it
	fmt.Printf("%q %q\n", h.Get("X-Goog-Api-Client"), HeaderValue(h, "X-Goog-Api-Client"))
	// Output: "" "gl-go"
}
