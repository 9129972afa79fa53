package wire_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// readRejection reads a response outside of 2xx to a call whose body is {}, after edits of ours.
func readRejection(t *testing.T, url string, status int, h http.Header, body string, asked policy.Tier, askedUsage bool) string {
	t.Helper()
	return readRejectionOf(t, url, status, h, body, asked, &wire.Edits{HideUsage: askedUsage})
}

func readRejectionOf(t *testing.T, url string, status int, h http.Header, body string, asked policy.Tier, edits *wire.Edits) string {
	t.Helper()
	d, call, ok := recognise(t, http.MethodPost, url)
	if !ok {
		t.Fatal(url)
	}
	if h == nil {
		h = http.Header{}
	}
	r := wire.ReadRejection(d, &call, &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, asked, edits)
	return fmt.Sprint(r.Outcome, " ", r.Reason)
}

// A refusal of an edit of ours is recognised whatever its status and shape are. Its outcome is what it would be without.
func TestReadRejectionOfEdits(t *testing.T) {
	usage := map[string]string{
		"OpenAI":           `{"error":{"message":"Unknown parameter: 'stream_options'.","type":"invalid_request_error","param":"stream_options","code":"unknown_parameter"}}`,
		"an object":        `{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","stream_options","include_usage"],"msg":"Extra inputs are not permitted","input":true}]},"type":"invalid_request_error"}`,
		"a list":           `{"detail":[{"loc":["body","stream_options"],"msg":"extra fields not permitted"}]}`,
		"a list of errors": `{"errors":[{"message":"stream_options: unknown"}]}`,
		"in an array":      `[{"error":{"code":400,"message":"Unknown name \"stream_options\": Cannot find field."}}]`,
		"escaped":          `{"error":{"message":"upstream said: {\"error\": {\"message\": \"extraneous key [include_usage] is not permitted\"}}","code":"500"}}`,
		"a text":           `"stream_options is not supported"`,
		"plain text":       `stream_options is not supported`,
		"a page":           `<html><body>Bad request: <b>stream_options</b></body></html>`,
		"camel case":       `{"error":"json: unknown field \"streamOptions\""}`,
		"Go":               `{"error":"unknown field StreamOptions.IncludeUsage"}`,
		"words":            `{"message":"Stream options can only be defined when stream is true"}`,
		"deep":             `{"status":"fail","data":{"errors":{"body":{"include_usage":["is not a known field"]}}}}`,
	}
	tier := map[string]string{
		"OpenAI":       `{"error":{"message":"Invalid service_tier argument","type":"invalid_request_error","param":"service_tier","code":null}}`,
		"an object":    `{"message":{"detail":[{"loc":["body","service_tier"],"msg":"Extra inputs are not permitted"}]}}`,
		"camel case":   `{"error":"unknown field serviceTier"}`,
		"plain text":   `service_tier: extra fields not permitted`,
		"without name": `{"error":{"message":"Flex is not available for this model."}}`,
		"unsupported":  `{"detail":"tier 'flex' is unsupported"}`,
	}
	for status, outcome := range map[int]string{400: "rejected", 401: "rejected", 403: "rejected", 404: "rejected", 405: "rejected", 415: "rejected", 422: "rejected", 500: "ambiguous", 501: "ambiguous", 502: "ambiguous", 503: "ambiguous"} {
		for name, body := range usage {
			if got := readRejection(t, gatewayURL, status, nil, body, "", true); got != outcome+" usage_refused" {
				t.Errorf("%d, usage, %s: %s", status, name, got)
			}
		}
		for name, body := range tier {
			want := outcome + " tier_refused"
			if status >= 500 && (name == "without name" || name == "unsupported") {
				want = "ambiguous server_error" // "flex is not available" may be about right now
			}
			if got := readRejection(t, gatewayURL, status, nil, body, policy.Flex, false); got != want {
				t.Errorf("%d, tier, %s: %s", status, name, got)
			}
		}
	}
}

// What was not our edit, and what has another reason, is not taken for it.
func TestReadRejectionOfOthers(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		asked  policy.Tier
		usage  bool
		want   string
	}{
		"the caller asked for usage": {500, `{"error":{"message":"include_usage"}}`, "", false, "ambiguous server_error"},
		"nothing is named":           {500, `{"error":{"message":"boom"}}`, policy.Flex, true, "ambiguous server_error"},
		"too fast":                   {429, `{"error":{"message":"slow down, and drop stream_options"}}`, "", true, "rejected rate"},
		"no money":                   {402, `{"error":{"message":"stream_options cost"}}`, "", true, "rejected quota"},
		"overloaded":                 {503, `{"error":{"message":"stream_options","code":"server_is_overloaded"}}`, "", true, "rejected overloaded"},
		"a redirect":                 {307, `stream_options`, "", true, "rejected bad_request"},
		"standard, a common word":    {400, `{"error":{"message":"The default model is not available"}}`, policy.Standard, false, "rejected bad_request"},
		"standard, named":            {422, `{"detail":"service_tier"}`, policy.Standard, false, "rejected tier_refused"},
		"both, usage goes first":     {422, `{"detail":"stream_options, service-tier"}`, policy.Flex, true, "rejected usage_refused"},
	} {
		if got := readRejection(t, gatewayURL, test.status, nil, test.body, test.asked, test.usage); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// It may come compressed.
func TestReadRejectionCompressed(t *testing.T) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, `{"error":{"message":"extraneous key [include_usage]"}}`)
	w.Close()
	if got := readRejection(t, gatewayURL, 500, http.Header{"Content-Encoding": {"gzip"}}, packed.String(), "", true); got != "ambiguous usage_refused" {
		t.Error(got)
	}
}
