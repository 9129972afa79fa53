package transport

import (
	"fmt"
	"net/http"
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

func ExampleHeaderValue() {
	h := http.Header{"x-goog-api-client": {"gl-go"}} // as the SDK writes it
	fmt.Printf("%q %q\n", h.Get("X-Goog-Api-Client"), HeaderValue(h, "X-Goog-Api-Client"))
	// Output: "" "gl-go"
}
