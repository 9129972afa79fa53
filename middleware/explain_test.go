package middleware_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// Explain says what is in force for a request, and leaves the request as it is.
func TestExplain(t *testing.T) {
	stack := stackOver(t, newScript(), policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, Limits: []policy.Limit{
		{Match: policy.Match{Provider: "openai"}, Concurrency: 32}, {Match: policy.Match{Provider: "gemini"}, Concurrency: 1},
	}})
	soon := policy.With(t.Context(), policy.FinishBy(time.Now().Add(time.Second)))
	done, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		req  *http.Request
		want []string // in its text
		not  string
	}{
		"a call": {chatRequest(t, "POST", openaiURL, boundedBody),
			[]string{"call openai chat of gpt-5", "tier flex (policy)", "fallback standard (policy)", "limit 32 at once", "costs at most $0.0012675"}, "body left"},
		"without a bound":   {chatRequest(t, "POST", openaiURL, `{"model":"mystery"}`), []string{"openai chat of mystery"}, "costs at most"},
		"too late for flex": {chatRequest(t, "POST", openaiURL, boundedBody).WithContext(soon), []string{"tier standard (too little time for flex)"}, ""},
		"no JSON":           {chatRequest(t, "POST", openaiURL, `text`), []string{"body left as it is"}, ""},
		"a fetch":           {chatRequest(t, "GET", responsesURL+"/resp_1", ""), []string{"body left as it is it is sent as it is, and observed"}, "flex"},
		"cost limit": {chatRequest(t, "POST", openaiURL, boundedBody).WithContext(policy.With(t.Context(), policy.MaxCost(1))),
			[]string{"costs at most $0.0012675", "it would be refused skinflint: cost limit for gpt-5: it could cost $0.0012675, and the limit is $0.000000000001"}, ""},
		"no time": {chatRequest(t, "POST", openaiURL, boundedBody).WithContext(policy.With(t.Context(), policy.FinishBy(time.Now().Add(-time.Second)))),
			[]string{"it would be refused skinflint: deadline"}, "no call"},
		"no bound, cost limit": {chatRequest(t, "POST", openaiURL, `{"model":"mystery"}`).WithContext(policy.With(t.Context(), policy.MaxCost(1))),
			[]string{"it would be refused skinflint: cost limit for mystery: it is not known whether it costs at most"}, "limit 32 at once costs"},
		"a context that is done": {chatRequest(t, "POST", openaiURL, boundedBody).WithContext(done),
			[]string{"call openai chat of gpt-5", "costs at most $0.0012675"}, "refused"},
		"no call": {chatRequest(t, "POST", "https://example.com/v1/files", "x"), []string{"no call that skinflint recognises"}, "costs"},
	} {
		t.Run(name, func(t *testing.T) {
			before, _ := test.req.GetBody()
			e, err := stack.Explain(test.req)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(strings.Fields(e.String()), " ")
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is not in %s", want, got)
				}
			}
			if test.not != "" && strings.Contains(got, test.not) {
				t.Errorf("%q is in %s", test.not, got)
			}
			left, _ := io.ReadAll(test.req.Body)
			if whole, _ := io.ReadAll(before); string(left) != string(whole) {
				t.Errorf("%q is left of the body %q", left, whole)
			}
		})
	}
	if rows := stack.Rows(); len(rows) != 0 {
		t.Errorf("%+v", rows)
	}
}

// chatRequest returns a request with a body that can be read again.
func chatRequest(t *testing.T, method, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// A request whose body cannot be read twice, or whose context options are invalid, is not explained.
func TestExplainFails(t *testing.T) {
	stack := stackOver(t, newScript(), policy.Policy{})
	once := httptest.NewRequest(http.MethodPost, openaiURL, strings.NewReader(chatBody))
	once.GetBody = nil
	bad := chatRequest(t, "POST", openaiURL, chatBody).WithContext(policy.With(t.Context(), policy.OnTier("turbo")))
	for want, req := range map[string]*http.Request{"no GetBody": once, "OnTier": bad} {
		if _, err := stack.Explain(req); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
