package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// converse sends one body to a URL through the zero policy, which is answered with the same over and over, and returns
// how often it was sent and the last row.
func converse(t *testing.T, url, body string, answer func(*http.Request) (*http.Response, error)) (sent int, row ledger.Row) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		base := &script{answers: []func(*http.Request) (*http.Response, error){answer}}
		stack := stackOver(t, base, policy.Policy{})
		resp, err := stack.Client().Post(url, jsonType, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		rows := stack.Rows()
		if len(rows) == 0 {
			t.Fatalf("%s left no row", url)
		}
		sent, row = len(base.bodies), rows[len(rows)-1]
	})
	return sent, row
}

// What a provider documents as free is believed of the provider: on its own host, and with an error that is its own. A
// gateway's word, or a page of something in between, may hide an answer that was billed.
func TestDocumentedOnlyByTheProvider(t *testing.T) {
	const (
		page   = "<html>gateway time-out</html>"
		google = `{"error":{"code":500,"message":"Internal error","status":"INTERNAL"}}`
	)
	for _, test := range []struct {
		url    string
		status int
		body   string
		free   bool
	}{
		{geminiURL, 500, google, true},
		{geminiURL, 500, page, false},
		{"http://gw.internal/v1beta/models/gemini-2.5-flash:generateContent", 500, google, false},
		{"http://gw.internal/v1/projects/p/locations/global/publishers/google/models/m:generateContent", 504, page, false},
		{"https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:generateContent", 504, google, true},
		{"https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:generateContent", 504, page, false},
		{"https://api.deepinfra.com/v1/openai/chat/completions", 500, google, false},
		{"https://openrouter.ai/api/v1/chat/completions", 524, page, false},
		{"https://openrouter.ai/api/v1/chat/completions", 502, `{"error":{"code":502,"message":"Provider returned error"}}`, true},
	} {
		sent, row := converse(t, test.url, `{"model":"m"}`, says(test.status, jsonType, test.body))
		if free := row.Outcome == policy.Rejected && sent > 1; free != test.free {
			t.Errorf("%s, %d %.20s: sent %d times, %s %s", test.url, test.status, test.body, sent, row.Outcome, row.Evidence)
		}
	}
}

// Where the tokens may not be all that is charged for, a row has no cost that looks exact.
func TestWhatTokensDoNotTell(t *testing.T) {
	const (
		responses = "https://api.openai.com/v1/responses"
		messages  = "https://api.anthropic.com/v1/messages"
		done      = `{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","usage":{"input_tokens":10,"output_tokens":20,"total_tokens":30}}`
		gemini    = `{"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":20,"totalTokenCount":30,"serviceTier":"standard"}}`
		chat      = `{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":10,"completion_tokens":20,"total_tokens":30,"video_of_citation_tokens":5000}}`
		claude    = `{"type":"message","id":"m","model":"claude-opus-4-6","usage":{"input_tokens":10,"output_tokens":20,"service_tier":"standard"%s}}`
	)
	searched := strings.Replace(done, `"usage":{`, `"tool_usage":{"web_search":{"num_requests":2}},"usage":{`, 1)
	many := strings.Repeat(`{"type":"function","name":"f"},`, 1000)
	for name, test := range map[string]struct {
		url, body, answer string
		priced            bool
	}{
		"responses":                   {responses, `{"model":"gpt-5"}`, done, true},
		"functions":                   {responses, `{"model":"gpt-5","tools":[{"type":"function","name":"web_search"}]}`, done, true},
		"a web search":                {responses, `{"model":"gpt-5","tools":[{"type":"web_search"}]}`, done, false},
		"a web search, counted":       {responses, `{"model":"gpt-5","tools":[{"type":"web_search"}]}`, searched, true},
		"a preview, counted":          {responses, `{"model":"gpt-5","tools":[{"type":"web_search_preview"}]}`, searched, false},
		"a search of files, too":      {responses, `{"model":"gpt-5","tools":[{"type":"web_search"},{"type":"file_search"}]}`, searched, false},
		"many functions":              {responses, `{"model":"gpt-5","tools":[` + many + `{"type":"function"}]}`, done, true},
		"many functions and a search": {responses, `{"model":"gpt-5","tools":[` + many + `{"type":"file_search"}]}`, done, false},
		"Gemini":                      {geminiURL, `{"tools":[{"functionDeclarations":[]}]}`, gemini, true},
		"Gemini, grounded":            {geminiURL, `{"tools":[{"functionDeclarations":[]},{"googleSearch":{}}]}`, gemini, true},
		"Gemini, with code":           {geminiURL, `{"tools":[{"googleSearch":{}},{"codeExecution":{}}]}`, gemini, false},
		"Claude":                      {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, ""), true},
		"Claude, with many tools":     {messages, `{"model":"claude-opus-4-6","tools":[` + strings.Repeat(`{"name":"web_search"},`, 1000) + `{"type":"web_search_20250305"}]}`, fmt.Sprintf(claude, ""), true},
		"Claude, one iteration":       {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"iterations":[{"input_tokens":10}]`), true},
		"Claude, two iterations":      {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"iterations":[{"input_tokens":1},{"input_tokens":10}]`), false},
		"Claude, fast":                {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"speed":"fast"`), false},
		"Claude, searching":           {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"server_tool_use":{"web_search_requests":1}`), true},
		"Claude, counting anew":       {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"dream_tokens":700`), false},
		"Claude, counting none":       {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"dream_tokens":0,"dream_tokens_cost":1`), true},
		"responses, counting anew":    {responses, `{"model":"gpt-5"}`, strings.Replace(done, `"usage":{`, `"max_output_tokens":100,"usage":{"output_tokens_details": {"smell_tokens" : 5},`, 1), false},
		"responses, with a limit":     {responses, `{"model":"gpt-5"}`, strings.Replace(done, `"usage":{`, `"max_output_tokens":100,"usage":{`, 1), true},
		"a chat, counting anew":       {openaiURL, `{"model":"gpt-5"}`, chat, false},
		"a chat":                      {openaiURL, `{"model":"gpt-5"}`, strings.Replace(chat, "video_of_citation", "text", 1), true},
		"Claude, running code":        {messages, `{"model":"claude-opus-4-6"}`, fmt.Sprintf(claude, `,"server_tool_use":{"code_execution_requests":1}`), false},
	} {
		_, row := converse(t, test.url, test.body, says(200, jsonType, test.answer))
		if row.Cost.Known != test.priced || row.Usage.Output != 20 || (row.Unpriced == "") != test.priced {
			t.Errorf("%s: cost %v, unpriced %q, %+v", name, row.Cost, row.Unpriced, row.Usage)
		}
	}
}

// A stream of several answers has not ended with the first of them, and what it says that it cost so far is no bound.
func TestStreamsThatAreCut(t *testing.T) {
	for name, test := range map[string]struct{ url, body, stream string }{
		"two candidates": {
			"https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
			`{"generationConfig":{"candidateCount":2}}`,
			`data: {"candidates":[{"finishReason":"STOP"}],"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,"totalTokenCount":2,"serviceTier":"standard"}}` + "\r\n\r\n",
		},
		"a running cost": {
			"https://api.perplexity.ai/chat/completions", `{"model":"sonar","stream":true}`,
			`data: {"model":"sonar","choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"cost":{"total_cost":0.00001}}}` + "\n\n",
		},
	} {
		_, row := converse(t, test.url, test.body, func(*http.Request) (*http.Response, error) {
			body := io.MultiReader(strings.NewReader(test.stream), failing{errors.New("reset")})
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {eventType}}, Body: io.NopCloser(body)}, nil
		})
		if row.Outcome != policy.Partial || row.Cost.Known && row.UsageSource != ledger.Estimated || row.Exposure == row.Reported && row.Exposure.Known {
			t.Errorf("%s: %s, cost %v (%s), exposure %v, reported %v", name, row.Outcome, row.Cost, row.UsageSource, row.Exposure, row.Reported)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// What a request refers to counts: a limit on what a call may cost does not take its bytes for all of its input.
func TestMaxCostSeesWhatIsReferredTo(t *testing.T) {
	for _, test := range []struct{ url, body string }{
		{"https://api.openai.com/v1/responses", `{"model":"gpt-5","max_output_tokens":10,"previous_response_id":"r"}`},
		{"https://api.openai.com/v1/responses", `{"model":"gpt-5","max_output_tokens":10,"tools":[{"type":"mcp"}]}`},
		{"https://api.openai.com/v1/completions", `{"model":"gpt-5","max_tokens":10,"prompt":["a","b"]}`},
		{geminiURL, `{"generationConfig":{"maxOutputTokens":10},"contents":[{"parts":[{"inlineData":{"data":"AAAA"}}]}]}`},
		{"https://api.openai.com/v1/audio/speech", `{"model":"tts"}`},
	} {
		base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, jsonType, "{}")}}
		ctx := policy.With(context.Background(), policy.MaxCost(price.MustUSD("0.01")))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, test.url, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stackOver(t, base, policy.Policy{}).RoundTrip(req); !errors.Is(err, middleware.ErrCost) || len(base.bodies) != 0 {
			t.Errorf("%s: %v, sent %d times", test.body, err, len(base.bodies))
		}
	}
}

// A limit holds for calls that nobody understands, too, and not for what costs nothing.
func TestLimitsOfUnknownCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := &script{answers: []func(*http.Request) (*http.Response, error){says(200, jsonType, "{}")}}
		stack := stackOver(t, base, policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 60, Burst: 1}}})
		start := time.Now()
		for _, path := range []string{"audio/speech", "audio/speech", "responses/r"} {
			method := http.MethodPost
			if path == "responses/r" {
				method = http.MethodGet
			}
			req, err := http.NewRequest(method, "https://api.openai.com/v1/"+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := stack.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("three calls took %v", took)
		}
	})
}
