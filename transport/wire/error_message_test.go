package wire_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// failure returns a response outside of 2xx.
func failure(header http.Header, body string) *http.Response {
	return &http.Response{StatusCode: 500, Header: header, Body: io.NopCloser(strings.NewReader(body))}
}

// The message of an error is found in every provider's shape, and its body is still there.
func TestErrorMessage(t *testing.T) {
	json, plain := http.Header{"Content-Type": {"application/json"}}, http.Header{"Content-Type": {"text/plain; charset=utf-8"}}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write([]byte(`{"error":{"message":"zipped"}}`))
	z.Close()
	for _, test := range []struct {
		header     http.Header
		body, want string
	}{
		{json, `{"error":{"message":"The server had an error","type":"server_error"}}`, "The server had an error"},
		{json, `{"type":"error","error":{"type":"api_error","message":"internal"}}`, "internal"},
		{json, `[{"error":{"code":500,"message":"internal","status":"INTERNAL"}}]`, "internal"},
		{json, `{"code":"internal","error":"text"}`, "text"},
		{json, `{"message":"text"}`, "text"},
		{json, `{"detail":[{"msg":"text"}]}`, `[{"msg":"text"}]`},
		{json, ` `, ""},
		{json, `{}`, ""},
		{json, `null`, ""},
		{json, `{"error":null}`, ""},
		{json, `{"error":{"message":5}}`, "5"},
		{json, "not JSON", ""},
		{nil, `{"error":{"message":"no type"}}`, "no type"},
		{plain, "upstream request timeout\n", "upstream request timeout"},
		{plain, `{"error":{"message":"in the wrong type"}}`, "in the wrong type"},
		{plain, "bad \xff bytes", "bad  bytes"},
		{http.Header{"Content-Type": {"text/html"}}, "<html>bad gateway</html>", ""},
		{http.Header{"Content-Encoding": {"gzip"}}, zipped.String(), "zipped"},
		{plain, strings.Repeat("é", 2000), strings.Repeat("é", 1024)},
		{plain, "a" + strings.Repeat("é", 2000), "a" + strings.Repeat("é", 1023)},
	} {
		resp := failure(test.header, test.body)
		if got := wire.ErrorMessage(resp); got != test.want {
			t.Errorf("%.80q: %q, want %q", test.body, got, test.want)
		}
		if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != test.body {
			t.Errorf("%.80q: left is %.80q, %v", test.body, rest, err)
		}
	}
	if got := wire.ErrorMessage(&http.Response{StatusCode: 500}); got != "" {
		t.Errorf("without a body: %q", got)
	}
}

// With any body, the message is text of a bounded length, and the body is still whole.
func FuzzErrorMessage(f *testing.F) {
	f.Add("application/json", []byte(`{"error":{"message":"\ud800"}}`))
	f.Add("text/plain", []byte("\xff\xfe"))
	f.Fuzz(func(t *testing.T, media string, body []byte) {
		resp := failure(http.Header{"Content-Type": {media}}, string(body))
		if got := wire.ErrorMessage(resp); len(got) > 2<<10 || !utf8.ValidString(got) {
			t.Errorf("%d bytes: %q", len(got), got)
		}
		if rest, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(rest, body) {
			t.Errorf("left is %q of %q, %v", rest, body, err)
		}
	})
}

func ExampleErrorMessage() {
	resp := &http.Response{
		StatusCode: http.StatusInternalServerError,
		Header:     http.Header{"Content-Type": {"application/json"}},
		Body:       io.NopCloser(strings.NewReader(`{"error":{"message":"The server had an error","type":"server_error"}}`)),
	}
	fmt.Println(wire.ErrorMessage(resp))
	// Output: The server had an error
}
