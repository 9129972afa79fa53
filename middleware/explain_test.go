package middleware_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
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

// Explain says what is set and will not be done, and why. It logs nothing of that.
func TestExplainSaysWhatIsNotDone(t *testing.T) {
	soon := policy.FinishBy(time.Now().Add(20*time.Second + 900*time.Millisecond))
	idle := policy.Policy{Tier: policy.Flex, Patience: time.Second}
	for name, test := range map[string]struct {
		policy  policy.Policy
		method  string
		url     string
		body    string
		options []policy.Option
		want    []string
	}{
		"nothing":              {flexFirst, "POST", openaiURL, chatBody, nil, nil},
		"too late for flex":    {flexFirst, "POST", openaiURL, chatBody, []policy.Option{soon}, []string{"flex: 20s left, it needs 1m0s"}},
		"no tiers":             {flexFirst, "POST", "https://api.openai.com/v1/embeddings", `{"model":"text-embedding-3-small","input":"x"}`, nil, []string{"flex: this call takes no service tier"}},
		"a tier for a batch":   {policy.Policy{}, "POST", "https://api.openai.com/v1/batches", `{}`, []policy.Option{policy.OnTier(policy.Flex)}, []string{"flex: this call takes no service tier"}},
		"a setting":            {idle, "POST", openaiURL, chatBody, nil, []string{"patience 1s: the plan has no second tier"}},
		"a cost limit, sent":   {policy.Policy{}, "POST", openaiURL, boundedBody, []policy.Option{policy.MaxCost(1 << 60)}, nil},
		"no policy, no option": {policy.Policy{}, "POST", openaiURL, chatBody, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var log warnings
			stack := stackOver(t, newScript(), test.policy, middleware.WithLogger(log.logger()))
			req := chatRequest(t, test.method, test.url, test.body)
			e, err := stack.Explain(req.WithContext(policy.With(req.Context(), test.options...)))
			if err != nil || !slices.Equal(e.NotDone, test.want) {
				t.Errorf("%q, %v", e.NotDone, err)
			}
			for _, n := range test.want {
				if !strings.Contains(strings.Join(strings.Fields(e.String()), " "), "not done "+n) {
					t.Errorf("%q is not in %s", n, e)
				}
			}
			if got := log.of(""); len(got) != 0 {
				t.Errorf("logged %q", got)
			}
		})
	}
}

// Explain knows that a model has rejected a tier.
func TestExplainRejectedTier(t *testing.T) {
	base := newScript(says(400, jsonType, `{"error":{"param":"service_tier"}}`), says(200, jsonType, served))
	stack := stackOver(t, base, flexFirst)
	if _, err := chat(t, t.Context(), stack, chatBody); err != nil {
		t.Fatal(err)
	}
	e, err := stack.Explain(chatRequest(t, "POST", openaiURL, chatBody))
	if err != nil || !slices.Equal(e.NotDone, []string{"flex: rejected by this model"}) || e.Settings[0].Value != "standard" || e.Settings[0].From != "the model has rejected the tier" {
		t.Errorf("%q, %+v, %v", e.NotDone, e.Settings[0], err)
	}
}
