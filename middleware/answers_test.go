package middleware_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

const (
	moonshotURL   = "https://api.moonshot.ai/v1/chat/completions"
	gatewayURL    = "https://gw.example/v1/chat/completions"
	openRouterURL = "https://openrouter.ai/api/v1/chat/completions"
)

// Moonshot has its cached tokens at the top of the usage, and a stream's usage within a choice (pi#8075, pi#2017).
func TestMoonshotUsage(t *testing.T) {
	const usage = `"usage":{"prompt_tokens":190,"completion_tokens":13,"total_tokens":203,"cached_tokens":120}`
	want := price.Usage{Input: 70, CachedInput: 120, Output: 13}
	for _, x := range []billedCall{
		{name: "a document", url: moonshotURL, request: `{"model":"kimi-k2.6"}`, answer: `{"model":"kimi-k2.6","choices":[{"finish_reason":"stop"}],` + usage + `}`},
		{name: "a stream", url: moonshotURL, request: `{"model":"kimi-k2.6","stream":true}`,
			answer: chunks(`{"model":"kimi-k2.6","choices":[{"delta":{"content":"x"},"finish_reason":null}]}`, `{"model":"kimi-k2.6","choices":[{"delta":{},"finish_reason":"stop",`+usage+`}]}`)},
	} {
		x.cost = "0.0001377" // 70 x 0.95 + 120 x 0.16 + 13 x 4
		row := x.check(t)
		wantUsage(t, &row, want)
	}
}

// A program can say what its provider calls its counts.
func TestUsageNamesOfAProgram(t *testing.T) {
	acme := &wire.Compatible{Provider: "acme", Hosts: []string{"llm.acme.example"}, UsageNames: map[string]wire.Count{
		"cache.hit_tokens": wire.CachedTokens, "cache.kept_tokens": wire.Written1h, "thought_tokens": wire.ReasoningTokens, "cache.block_tokens": wire.PartTokens,
	}}
	prices := catalogOf(t, "acme", `"m":{"periods":[{"source":"made up","tiers":{"standard":[{"usd_per_million":{"input":"1","cached_input":"0.1","cache_write_1h":"2","output":"10"}}]}}]}`)
	row := billedCall{name: "acme", url: "https://llm.acme.example/v1/chat/completions", request: `{"model":"m"}`,
		answer: `{"model":"m","choices":[{}],"usage":{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,"thought_tokens":4,"cache":{"hit_tokens":600,"kept_tokens":300,"block_tokens":9}}}`,
		cost:   "0.00086"}.check(t, middleware.WithDialects(acme), middleware.WithCatalog(prices)) // 100 x 1 + 600 x 0.1 + 300 x 2 + 10 x 10
	wantUsage(t, &row, price.Usage{Input: 100, CachedInput: 600, CacheWrite1h: 300, Output: 10, Reasoning: 4})
}

// For how long tokens were written to a cache is what the answer says, whatever the request asks for. gpt-6.1-terra writes for
// $1.25 a million, or for $2.5 if they are kept for 12 hours; output is $5.
func TestCacheWriteTTL(t *testing.T) {
	const half, long = `"ttl_30m_tokens":100000,"ttl_12h_tokens":0`, `"ttl_30m_tokens":0,"ttl_12h_tokens":100000`
	request := func(options, breakpoint string) string {
		return `{"model":"gpt-6.1-terra"` + options + `,"input":[{"role":"user","content":[{"type":"input_text","text":"x","prompt_cache_breakpoint":{"mode":"explicit"` + breakpoint + `}}]}]}`
	}
	const plain, asks12h, part12h, part30m = `{"model":"gpt-6.1-terra"}`, `,"prompt_cache_options":{"ttl":"12h"}`, `,"ttl":"12h"`, `,"ttl":"30m"`
	for _, test := range []struct{ name, request, stated, cost string }{
		{"12 hours by a part", request("", part12h), long, "0.25015"},
		{"30 minutes by a part", request(asks12h, part30m), half, "0.12515"},
		{"both", request(asks12h, part30m), `"ttl_30m_tokens":50000,"ttl_12h_tokens":50000`, "0.18765"},
		{"not asked for", plain, long, "0.25015"},
		// Where the answer does not say it, the request does, unless its parts may ask for another time.
		{"not stated", plain, "", "0.12515"},
		{"not stated, 12 hours asked for", `{"model":"gpt-6.1-terra"` + asks12h + `}`, "", "0.25015"},
		{"not stated, a part without a time", request("", ""), "", "0.12515"},
		{"not stated, a part with one", request("", part12h), "", "unknown"},
		{"not stated, a part beside 12 hours", request(asks12h, ""), "", "unknown"},
	} {
		for _, face := range []struct{ url, prompt, output, details string }{
			{responsesURL, "input_tokens", "output_tokens", "input_tokens_details"}, {openaiURL, "prompt_tokens", "completion_tokens", "prompt_tokens_details"},
		} {
			details := ""
			if test.stated != "" {
				details = `,"cache_write_tokens_details":{` + test.stated + `}`
			}
			row := billedCall{name: test.name, url: face.url, request: test.request, cost: test.cost,
				answer: `{"id":"r","model":"gpt-6.1-terra","status":"completed","service_tier":"default","usage":{"` + face.prompt + `":100000,"` + face.output +
					`":30,"total_tokens":100030,"` + face.details + `":{"cached_tokens":0,"cache_write_tokens":100000` + details + `}}}`}.check(t)
			if test.cost == "unknown" && (!strings.Contains(row.Unpriced, "for how long") || row.UsageSource != ledger.Estimated) {
				t.Errorf("%s: %s, %q", test.name, row.UsageSource, row.Unpriced)
			}
		}
	}
	// The same holds for Anthropic's messages.
	const message = `{"type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":10,"cache_creation_input_tokens":1000,"output_tokens":2,"service_tier":"standard"}}`
	billedCall{name: "a message", url: anthropicURL, request: `{"model":"claude-sonnet-4-5"}`, answer: message, cost: "0.00381"}.check(t) // 10 x 3 + 1000 x 3.75 + 2 x 15
	billedCall{name: "a message with a time", url: anthropicURL, request: `{"model":"claude-sonnet-4-5","system":[{"cache_control":{"type":"ephemeral","ttl":"1h"}}]}`, answer: message, cost: "unknown"}.check(t)
}

// Counts that contradict each other have the total as a judge, and never become more than the prompt.
func TestContradictingCounts(t *testing.T) {
	billedCall{name: "more reasoning than output", url: gatewayURL, request: `{"model":"gpt-5"}`,
		answer: `{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":43,"completion_tokens":10,"total_tokens":53,"completion_tokens_details":{"reasoning_tokens":11}}}`,
		cost:   "0.00015375"}.check(t) // 43 x 1.25 + 10 x 10
	row := billedCall{name: "read and written", url: openRouterURL, request: `{"model":"google/gemini-2.5-flash"}`,
		answer: `{"model":"google/gemini-2.5-flash","choices":[{}],"usage":{"prompt_tokens":2168,"completion_tokens":100,"total_tokens":2268,"cost":0.0011,"prompt_tokens_details":{"cached_tokens":2161,"cache_write_tokens":2161}}}`,
		cost:   "unknown"}.check(t)
	if row.Usage.Prompt() != 2168 || row.Usage.Input != 7 || row.Exposure != ledger.Known(price.MustUSD("0.0011")) {
		t.Errorf("%+v, exposure %v", row.Usage, row.Exposure)
	}
}

// streamed returns the row of a stream that is lost behind the events, or ends there.
func streamed(t *testing.T, url, request, events string, lost bool) (row ledger.Row) {
	t.Helper()
	for name, reader := range map[string]func(io.Reader) io.Reader{"at once": whole, "byte by byte": iotest.OneByteReader} {
		body := io.Reader(strings.NewReader(events))
		if lost {
			body = cutAt(events, len(events))
		}
		got, _ := readRow(t, http.MethodPost, url, request, http.Header{"Content-Type": {eventType}}, 200, body, reader, policy.Policy{})
		if row.Outcome != "" && (row.Outcome != got.Outcome || row.UsageSource != got.UsageSource || row.Cost != got.Cost || row.Exposure != got.Exposure) {
			t.Errorf("%s: %+v, else %+v", name, got, row)
		}
		row = *got
	}
	return row
}

// Whether an answer is complete, and its usage that of all of it, follows from its events.
func TestCompleteness(t *testing.T) {
	const (
		model      = `"id":"c","model":"gpt-5-mini","service_tier":"default",`
		begun      = `{` + model + `"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}`
		running    = `{` + model + `"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"usage":{"prompt_tokens":29,"completion_tokens":1,"total_tokens":30}}`
		ended      = `{` + model + `"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
		usage      = `{` + model + `"choices":[],"usage":{"prompt_tokens":29,"completion_tokens":9,"total_tokens":38}}`
		alone      = `{` + model + `"usage":{"prompt_tokens":29,"completion_tokens":9,"total_tokens":38}}`
		endedUsage = `{` + model + `"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":29,"completion_tokens":9,"total_tokens":38}}`
		empty      = `{` + model + `"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":""}]}`
		gemini     = `{"candidates":[{}],"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"totalTokenCount":15,"serviceTier":"standard"}}`
		finish     = `{"candidates":[{"finishReason":"STOP"}],"modelVersion":"gemini-2.5-flash"}`
	)
	one := func(data ...string) string { return "data: " + strings.Join(data, "\n\ndata: ") + "\n\n" }
	const geminiEvents = geminiStreamURL + "?alt=sse"
	for _, test := range []struct {
		name, url, events string
		lost              bool
		outcome           policy.Outcome
		source            ledger.UsageSource
		exposed           bool
	}{
		{"usage in every event, cut", openaiURL, one(running, running), true, policy.Partial, ledger.Estimated, true},
		{"usage in every event, no end", openaiURL, one(running, running), false, policy.Partial, ledger.Estimated, true},
		{"usage in every event, ended, cut", openaiURL, one(running, ended), true, policy.Partial, ledger.Estimated, true},
		{"usage in every event, ended, no end", openaiURL, one(running, ended), false, policy.Partial, ledger.Estimated, true},
		{"usage in every event, ended, done", openaiURL, one(running, ended) + "data: [DONE]\n\n", true, policy.Billed, ledger.Measured, false},
		{"usage in every event and the last, cut", openaiURL, one(running, endedUsage), true, policy.Billed, ledger.Measured, false},
		{"usage in every event and behind the last, cut", openaiURL, one(running, ended, usage), true, policy.Billed, ledger.Measured, false},
		{"usage in events of its own, cut", openaiURL, one(begun, alone, begun), true, policy.Partial, ledger.Estimated, true},
		{"usage in events of its own, ended, cut", openaiURL, one(begun, alone, ended), true, policy.Partial, ledger.Estimated, true},
		{"usage in an event of its own, no end", openaiURL, one(begun, ended, alone), false, policy.Billed, ledger.Measured, false},
		{"usage in an event of its own, done", openaiURL, one(begun, alone) + "data: [DONE]\n\n", true, policy.Billed, ledger.Measured, false},
		{"usage in an event of its own behind the last, cut", openaiURL, one(begun, ended, alone), true, policy.Billed, ledger.Measured, false},
		{"usage in every event, done", openaiURL, one(running) + "data: [DONE]\n\n", false, policy.Billed, ledger.Measured, false},
		{"usage behind the last, no end", openaiURL, one(begun, usage), false, policy.Billed, ledger.Measured, false},
		{"usage behind the last, cut", openaiURL, one(begun, usage), true, policy.Partial, ledger.Measured, false},
		{"an empty reason to finish, cut", openaiURL, one(empty, empty), true, policy.Partial, ledger.Unknown, true},
		{"an empty reason to finish, no end", openaiURL, one(empty, empty), false, policy.Partial, ledger.Unknown, true},
		{"finished without usage", openaiURL, one(begun, ended), true, policy.Billed, ledger.Unknown, true},
		{"Gemini, finished without usage", geminiEvents, one(gemini, finish), false, policy.Billed, ledger.Measured, false},
		{"Gemini, finished without usage, cut", geminiEvents, one(gemini, finish), true, policy.Billed, ledger.Measured, false},
		{"Gemini, an empty reason", geminiEvents, one(gemini, strings.Replace(finish, "STOP", "", 1)), true, policy.Partial, ledger.Estimated, true},
		{"Gemini, not finished", geminiEvents, one(gemini, `{"candidates":[{}]}`), false, policy.Partial, ledger.Estimated, true},
	} {
		request := `{"model":"gpt-5-mini","stream":true,"max_tokens":100,"messages":[]}`
		if test.url == geminiEvents {
			request = `{"generationConfig":{"maxOutputTokens":100}}`
		}
		row := streamed(t, test.url, request, test.events, test.lost)
		if row.Outcome != test.outcome || row.UsageSource != test.source || (row.Exposure.Known && row.Exposure.Pico > 0) != test.exposed {
			t.Errorf("%s: %s, %s, exposure %v, want %s, %s, %v", test.name, row.Outcome, row.UsageSource, row.Exposure, test.outcome, test.source, test.exposed)
		}
	}
}

// A gateway that does not know an edit of ours is not shown it again, whatever it says that with.
func TestEditsRefused(t *testing.T) {
	const (
		ok      = `{"id":"c","model":"gpt-5-mini","service_tier":"default","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}`
		request = `{"model":"gpt-5-mini","stream":true,"messages":[]}`
	)
	for _, test := range []struct {
		name    string
		status  int
		refusal string
		policy  policy.Policy
		edit    string
		sends   []int // of each of two calls
	}{
		{"usage, by an object", 422, `{"message":{"detail":[{"loc":["body","stream_options","include_usage"],"msg":"Extra inputs are not permitted"}]}}`, policy.Policy{}, "stream_options", []int{2, 1}},
		{"usage, by 404", 404, `stream_options: no such thing`, policy.Policy{}, "stream_options", []int{2, 1}},
		{"usage, by 500", 500, `{"error":{"message":"extraneous key [include_usage] is not permitted","code":"500"}}`, policy.Policy{}, "stream_options", []int{1, 1}},
		{"tier, by an object", 422, `{"message":{"detail":[{"loc":["body","service_tier"],"msg":"Extra inputs are not permitted"}]}}`, flexFirst, `"flex"`, []int{2, 1}},
		{"tier, by 500", 500, `<html>unknown field service_tier</html>`, flexFirst, `"flex"`, []int{1, 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			base := newScript(says(test.status, jsonType, test.refusal), says(200, jsonType, ok))
			stack := stackOver(t, base, test.policy)
			for n, sends := range test.sends {
				before := len(base.bodies)
				mustDo(t, stack, http.MethodPost, gatewayURL, request)
				if got := len(base.bodies) - before; got != sends {
					t.Errorf("%s: call %d is sent %d times, want %d", test.name, n, got, sends)
				}
				if first := strings.Contains(base.bodies[before], test.edit); first != (n == 0) {
					t.Errorf("%s: call %d is sent as %s", test.name, n, base.bodies[before])
				}
			}
			if last := base.bodies[len(base.bodies)-1]; strings.Contains(last, test.edit) {
				t.Errorf("%s: the last is sent as %s", test.name, last)
			}
		})
	}
}

// A limit that is used up, and comes back when a header says so, is waited for.
func TestWaitsForAReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base := newScript(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 429, Body: io.NopCloser(strings.NewReader(`{"message":"Tokens per minute limit exceeded","type":"too_many_tokens_error"}`)), Header: http.Header{
				"Content-Type": {jsonType}, "X-Ratelimit-Remaining-Tokens-Minute": {"0"}, "X-Ratelimit-Reset-Tokens-Minute": {"41.2"},
				"X-Ratelimit-Remaining-Requests-Day": {"7"}, "X-Ratelimit-Reset-Requests-Day": {"43200"},
			}}, nil
		}, says(200, jsonType, served))
		stack := stackOver(t, base, policy.Policy{})
		start := time.Now()
		if _, err := do(t, t.Context(), stack, http.MethodPost, "https://api.cerebras.ai/v1/chat/completions", chatBody); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); len(base.bodies) != 2 || waited < 41200*time.Millisecond || waited > time.Minute {
			t.Errorf("%d sends after %v", len(base.bodies), waited)
		}
	})
}

// Tokens of an audio that is embedded have a price of their own, however their list is spelt.
func TestEmbeddedAudio(t *testing.T) {
	const url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-2:embedContent"
	for _, list := range []string{"promptTokenDetails", "promptTokensDetails"} {
		row := billedCall{name: list, url: url, request: `{"content":{"parts":[{"inline_data":{"mime_type":"audio/mp3","data":"AA"}}]}}`,
			answer: `{"embedding":{"values":[0.1]},"usageMetadata":{"promptTokenCount":260,"` + list + `":[{"modality":"AUDIO","tokenCount":250},{"modality":"TEXT","tokenCount":10}]}}`,
			cost:   "0.001627"}.check(t) // 10 x 0.2 + 250 x 6.5
		wantUsage(t, &row, price.Usage{Input: 10, AudioInput: 250})
	}
	// Without a list it is not known what was embedded, unless it is text.
	const answer = `{"embedding":{"values":[0.1]},"usageMetadata":{"promptTokenCount":260}}`
	billedCall{name: "no list", url: url, request: `{"content":{"parts":[{"inline_data":{"mime_type":"audio/mp3","data":"AA"}}]}}`, answer: answer, cost: "unknown"}.check(t)
	billedCall{name: "no list in a batch", url: strings.Replace(url, "embedContent", "batchEmbedContents", 1), request: `{"requests":[{"content":{"parts":[{"fileData":{"fileUri":"x"}}]}}]}`, answer: answer, cost: "unknown"}.check(t)
	billedCall{name: "text", url: url, request: `{"content":{"parts":[{"text":"what is inline_data?"}]}}`, answer: answer, cost: "0.000052"}.check(t)
}
