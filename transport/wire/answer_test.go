package wire_test

import (
	"cmp"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// fuzzed are calls of every kind that is read.
var fuzzed = []string{
	"https://api.openai.com/v1/chat/completions", "https://api.openai.com/v1/responses",
	"https://api.openai.com/v1/embeddings", "https://api.openai.com/v1/audio/transcriptions",
	"https://api.openai.com/v1/images/edits", "https://api.anthropic.com/v1/messages",
	"https://generativelanguage.googleapis.com/v1beta/models/m:generateContent",
	"https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
	"https://generativelanguage.googleapis.com/v1beta/interactions",
	"https://generativelanguage.googleapis.com/v1beta/cachedContents",
	"https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google/models/m:generateContent",
	"https://me.openai.azure.com/openai/deployments/d/chat/completions", "https://api.x.ai/v1/chat/completions",
	"https://api.mistral.ai/v1/chat/completions", "https://api.perplexity.ai/chat/completions",
	"https://openrouter.ai/api/v1/chat/completions", "https://api.groq.com/openai/v1/chat/completions",
}

// For any request and answer, what is read from it is bounded and fit for a row, and the counts are fit for a price.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"x","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3}}}`), 200<<8)
	f.Add([]byte(`{"error":{"code":429,"message":"Please try again in 1.5s.","param":"service_tier"}}`), 429<<8)
	f.Add([]byte("[{\"error\":{}}]\n"), 503<<8)
	for i := range fuzzed {
		f.Add([]byte(`{"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":4}]}}`), 200<<8|i)
		f.Add([]byte(`{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":5,"output_tokens":1}}}`), 200<<8|i)
		f.Add([]byte(`{"tools":[{"googleSearch":{}},{"type":"x"}],"candidates":[{"groundingMetadata":{"webSearchQueries":["a","b"]}}]}`), 200<<8|i)
	}
	f.Fuzz(func(t *testing.T, doc []byte, n int) {
		status, which := n>>8, fuzzed[n&0xff%len(fuzzed)]
		d, call, ok := recognise(t, "POST", which)
		if !ok {
			t.Fatal(which)
		}
		fuzzRejection(t, d, &call, doc, status)
		requested := call
		fuzzRequest(t, d, &requested, doc)
		fuzzAnswer(t, d, &call, doc)
		fuzzAnswer(t, d, &requested, doc)
	})
}

func fuzzRejection(t *testing.T, d wire.Dialect, call *wire.Call, doc []byte, status int) {
	r := d.Rejection(call, &wire.Response{Status: status, Header: http.Header{"X-Request-Id": {string(doc)}}, Body: doc, Asked: policy.Flex, At: time.Unix(0, 0)})
	if r.RetryAfter < 0 || r.Outcome == "" || len(r.Code) > 64 {
		t.Fatalf("%+v", r)
	}
}

func fuzzRequest(t *testing.T, d wire.Dialect, call *wire.Call, doc []byte) {
	body, ok := scan(doc, call.RequestPaths)
	if !ok || call.RequestPaths == nil {
		return
	}
	d.Request(call, http.Header{"x-vertex-ai-llm-shared-request-type": {string(doc)}}, body)
	if call.Choices < 0 || call.MaxOutput < 0 || call.Tools == wire.UnknownTools {
		t.Fatalf("%+v", call)
	}
	var e wire.Edits
	d.Edit(call, body, wire.Want{Tier: policy.Flex, Usage: true, Cache: "cachedContents/x"}, &e)
	if _, err := body.Splice(e.Body...); err != nil {
		t.Fatal(err)
	}
	writes := []wire.WriteTo{{At: transport.Range{From: 1, To: len(doc) - 1}, Is: wire.WriteSpot(len(doc) % 4)}}
	d.Edit(call, body, wire.Want{PromptCache: wire.PromptCache{Writes: writes, Key: string(doc)}}, &e)
	_, _ = body.Splice(e.Body...) // of a place that is none it may be an error
}

func fuzzAnswer(t *testing.T, d wire.Dialect, call *wire.Call, doc []byte) {
	fields, ok := scan(doc, call.AnswerPaths)
	if !ok || call.AnswerPaths == nil {
		return
	}
	var a wire.Answer
	d.Headers(call, http.Header{"X-Request-Id": {string(doc)}, "X-Gemini-Service-Tier": {string(doc)}, "Azureai-Processed-Tier": {string(doc)}}, &a)
	d.Answer(call, fields, &a)
	u := a.Usage
	for _, c := range u.Counters() {
		if *c.Count < 0 || *c.Count > math.MaxInt64/8 {
			t.Fatalf("%+v", u)
		}
	}
	if a.Problem == "" && u.Reasoning > u.Output {
		t.Fatalf("%+v", u)
	}
	for _, text := range []string{a.RequestID, a.ResponseID, a.Model, a.ErrorCode, string(a.Tier)} {
		if len(text) > 3*128 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("%q", text)
		}
	}
}

// An answered is what a call's answer should be read as.
type answered struct {
	name, url string
	request   string   // its body; "" is {}
	docs      []string // of the answer, one after the other
	usage     price.Usage
	tier      policy.Tier
	model     string
	extras    string // a part of it; "" is none
	problem   string // a part of it; "" is none
	noUsage   bool
	reported  string // in US dollars; "" if nothing was
}

// testAnswers reads answers.
func testAnswers(t *testing.T, tests []answered) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d, call, ok := recognise(t, http.MethodPost, test.url)
			if !ok {
				t.Fatal("not recognised")
			}
			d.Request(&call, nil, fields(t, call.RequestPaths, cmp.Or(test.request, "{}")))
			call.Stream = call.Stream || len(test.docs) > 1
			var a wire.Answer
			for _, doc := range test.docs {
				d.Answer(&call, fields(t, call.AnswerPaths, doc), &a)
			}
			test.compare(t, &a)
		})
	}
}

func (test *answered) compare(t *testing.T, a *wire.Answer) {
	t.Helper()
	if a.HasUsage == test.noUsage || test.problem == "" && a.Usage != test.usage {
		t.Errorf("usage: %v %+v\nwant   %v %+v", a.HasUsage, a.Usage, !test.noUsage, test.usage)
	}
	if a.Tier != test.tier || a.Model != test.model {
		t.Errorf("tier %q of model %q, want %q of %q", a.Tier, a.Model, test.tier, test.model)
	}
	if !strings.Contains(a.Extras, test.extras) || (test.extras == "") != (a.Extras == "") {
		t.Errorf("extras: %q, want %q", a.Extras, test.extras)
	}
	if !strings.Contains(a.Problem, test.problem) || (test.problem == "") != (a.Problem == "") {
		t.Errorf("problem: %q, want %q", a.Problem, test.problem)
	}
	want := price.Pico(0)
	if test.reported != "" {
		want = price.MustUSD(test.reported)
	}
	if a.HasReported != (test.reported != "") || a.Reported != want {
		t.Errorf("reported: %v %v, want %q", a.HasReported, a.Reported, test.reported)
	}
}
