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

const geminiProURL = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:generateContent"

// gemini is an answer of a model of Gemini's, with these members of its usage, on the standard tier.
func gemini(model, usage string) string {
	return `{"candidates":[{"finishReason":"STOP"}],"modelVersion":"` + model + `","usageMetadata":{` + usage + `,"serviceTier":"standard"}}`
}

// wantUsage compares a row's counts with those that were worked out by hand.
func wantUsage(t *testing.T, row *ledger.Row, want price.Usage) {
	t.Helper()
	if row.Usage != want || row.UsageSource != ledger.Measured {
		t.Errorf("%+v (%s), want %+v", row.Usage, row.UsageSource, want)
	}
}

// Cached tokens of Gemini's were billed twice: they are part of the prompt's count (BerriAI/litellm#14849, LibreChat#12855,
// openinference#3016, earendil-works/pi#2148, claude-code-hub#338, tokscale#452).
func TestTracker07CachedTokensTwice(t *testing.T) {
	// 5005 fresh ones at 2.5, 257955 cached at 0.25 and 100 of output at 15: a long prompt of gemini-2.5-pro.
	x := billedCall{name: "one reported case", url: geminiProURL, request: `{}`,
		answer: gemini("gemini-2.5-pro", `"promptTokenCount":262960,"cachedContentTokenCount":257955,"candidatesTokenCount":100,"totalTokenCount":263060`),
		cost:   "0.07850125", list: "0.6589"} // 262960 x 2.5 + 100 x 15
	row := x.check(t)
	wantUsage(t, &row, price.Usage{Input: 5005, CachedInput: 257955, Output: 100})
	if row.Implicit.String() != "0.58039875" { // 257955 x (2.5 - 0.25)
		t.Errorf("implicit caching took off %v", row.Implicit)
	}
	// The same through the OpenAI-compatible API.
	x = billedCall{name: "the compatible face", url: geminiFaceURL, request: `{"model":"gemini-2.5-flash"}`,
		answer: `{"model":"gemini-2.5-flash","service_tier":"standard","usage":{"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,"prompt_tokens_details":{"cached_tokens":900}}}`,
		cost:   "0.000082"} // 100 x 0.3 + 900 x 0.03 + 10 x 2.5
	row = x.check(t)
	wantUsage(t, &row, price.Usage{Input: 100, CachedInput: 900, Output: 10})
}

// The prompt's count of text includes the cached text, and was taken for the fresh one (langchainjs#10440).
func TestTracker08DetailsIncludeCached(t *testing.T) {
	for _, x := range []struct {
		name, usage, cost string
		want              price.Usage
	}{
		// Text 700, of which 500 are cached, and audio 300, of which 100 are: 200 x 0.3 + 500 x 0.03 + 200 x 1 + 100 x 0.1 +
		// 10 x 2.5.
		{"details of the whole", `"promptTokenCount":1000,"cachedContentTokenCount":600,"candidatesTokenCount":10,"totalTokenCount":1010,
			"promptTokensDetails":[{"modality":"TEXT","tokenCount":700},{"modality":"AUDIO","tokenCount":300}],
			"cacheTokensDetails":[{"modality":"TEXT","tokenCount":500},{"modality":"AUDIO","tokenCount":100}]`, "0.00031",
			price.Usage{Input: 200, CachedInput: 500, AudioInput: 200, CachedAudioInput: 100, Output: 10}},
		// All of the text is cached, so that nothing of it is fresh: 0 + 700 x 0.03 + 300 x 1 + 10 x 2.5.
		{"all text cached", `"promptTokenCount":1000,"cachedContentTokenCount":700,"candidatesTokenCount":10,"totalTokenCount":1010,
			"promptTokensDetails":[{"modality":"AUDIO","tokenCount":300},{"modality":"TEXT","tokenCount":700}],
			"cacheTokensDetails":[{"modality":"TEXT","tokenCount":700}]`, "0.000346",
			price.Usage{CachedInput: 700, AudioInput: 300, Output: 10}},
		// Recorded: 13 x 0.3 + 9609 x 0.03 + (35 + 136) x 2.5.
		{"text alone", `"promptTokenCount":9622,"candidatesTokenCount":35,"totalTokenCount":9793,"cachedContentTokenCount":9609,"thoughtsTokenCount":136,
			"promptTokensDetails":[{"modality":"TEXT","tokenCount":9622}],"cacheTokensDetails":[{"modality":"TEXT","tokenCount":9609}]`, "0.00071967",
			price.Usage{Input: 13, CachedInput: 9609, Output: 171, Reasoning: 136}},
	} {
		row := billedCall{name: x.name, url: geminiURL, request: `{}`, answer: gemini("gemini-2.5-flash", x.usage), cost: x.cost}.check(t)
		wantUsage(t, &row, x.want)
	}
}

// Gemini's count of cached tokens was not read at all (ai-tally#375, BerriAI/litellm#10667).
func TestTracker09CachedCountNotRead(t *testing.T) {
	const usage = `"promptTokenCount":1000,"candidatesTokenCount":100,"totalTokenCount":1100`
	const cached = `,"cachedContentTokenCount":900`
	checkAll(t, []billedCall{
		{name: "none cached", url: geminiURL, request: `{}`, answer: gemini("gemini-2.5-flash", usage), cost: "0.00055"},    // 1000 x 0.3 + 100 x 2.5
		{name: "cached", url: geminiURL, request: `{}`, answer: gemini("gemini-2.5-flash", usage+cached), cost: "0.000307"}, // 100 x 0.3 + 900 x 0.03 + 100 x 2.5
		{name: "cached, on Vertex AI", url: vertexURL, request: `{}`, answer: gemini("gemini-2.5-flash", usage+cached), cost: "0.000307"},
		{name: "streamed", url: geminiStreamURL + "?alt=sse", request: `{}`, answer: pieces(gemini("gemini-2.5-flash", usage+cached)), cost: "0.000307"},
		{name: "in an interaction", url: "https://generativelanguage.googleapis.com/v1beta/interactions", request: `{"model":"gemini-2.5-flash"}`,
			answer: `{"id":"i","model":"gemini-2.5-flash","status":"completed","service_tier":"standard","usage":{"total_input_tokens":1000,"total_cached_tokens":900,"total_output_tokens":100,"total_tokens":1100}}`,
			cost:   "0.000307"},
	})
}

// Reasoning was billed twice: OpenAI's count of the completion has it (decolua/9router#2762, OmniRoute#9212,
// twentyhq/twenty#18155).
func TestTracker10ReasoningTwice(t *testing.T) {
	for _, x := range []billedCall{
		{name: "chat", url: openaiURL, request: `{"model":"gpt-5"}`,
			answer: `{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":53,"completion_tokens":469,"total_tokens":522,"completion_tokens_details":{"reasoning_tokens":448}}}`},
		{name: "responses", url: responsesURL, request: `{"model":"gpt-5"}`,
			answer: `{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","usage":{"input_tokens":53,"output_tokens":469,"output_tokens_details":{"reasoning_tokens":448},"total_tokens":522}}`},
	} {
		x.cost = "0.00475625" // 53 x 1.25 + 469 x 10
		row := x.check(t)
		wantUsage(t, &row, price.Usage{Input: 53, Output: 469, Reasoning: 448})
	}
}

// Gemini's thoughts were not billed: they are counted besides the candidates (ai-tally#376, simonw/llm-gemini#75, LibreChat#13006,
// braintrust-proxy#920, crewAI#5699, deepeval#2943, req_llm#336).
func TestTracker11ThoughtsNotBilled(t *testing.T) {
	const usage = `"promptTokenCount":100,"candidatesTokenCount":150,"thoughtsTokenCount":8000,"totalTokenCount":8250`
	for _, x := range []billedCall{
		{name: "whole", url: geminiProURL, request: `{}`, answer: gemini("gemini-2.5-pro", usage)},
		{name: "streamed", url: strings.Replace(geminiProURL, ":g", ":streamG", 1) + "?alt=sse", request: `{}`,
			answer: pieces(gemini("gemini-2.5-pro", `"promptTokenCount":100,"thoughtsTokenCount":7000,"totalTokenCount":7100`), gemini("gemini-2.5-pro", usage))},
		{name: "in the total alone", url: geminiFaceURL, request: `{"model":"gemini-2.5-pro"}`,
			answer: `{"model":"gemini-2.5-pro","service_tier":"standard","usage":{"prompt_tokens":100,"completion_tokens":150,"total_tokens":8250}}`},
		{name: "in the total, and besides it", url: geminiFaceURL, request: `{"model":"gemini-2.5-pro"}`,
			answer: `{"model":"gemini-2.5-pro","service_tier":"standard","usage":{"prompt_tokens":100,"completion_tokens":150,"total_tokens":8250,"completion_tokens_details":{"reasoning_tokens":8000}}}`},
		{name: "in an interaction", url: "https://generativelanguage.googleapis.com/v1beta/interactions", request: `{"model":"gemini-2.5-pro"}`,
			answer: `{"id":"i","model":"gemini-2.5-pro","status":"completed","service_tier":"standard","usage":{"total_input_tokens":100,"total_output_tokens":150,"total_thought_tokens":8000,"total_tokens":8250}}`},
	} {
		x.cost = "0.081625" // 100 x 1.25 + 8150 x 10
		row := x.check(t)
		wantUsage(t, &row, price.Usage{Input: 100, Output: 8150, Reasoning: 8000})
	}
}

// What tools put into the prompt was taken to be in its count, or was not counted at all (meistrari/aicost#10).
func TestTracker12ToolUsePrompt(t *testing.T) {
	const usage = `"promptTokenCount":100,"candidatesTokenCount":20,"thoughtsTokenCount":30,"toolUsePromptTokenCount":50,"totalTokenCount":`
	for _, x := range []struct {
		total, cost string
		want        price.Usage
	}{
		{"200", "0.00017", price.Usage{Input: 150, Output: 50, Reasoning: 30}},  // besides the prompt: 150 x 0.3 + 50 x 2.5
		{"150", "0.000155", price.Usage{Input: 100, Output: 50, Reasoning: 30}}, // within it: 100 x 0.3 + 50 x 2.5
	} {
		row := billedCall{name: "total " + x.total, url: geminiURL, request: `{}`, answer: gemini("gemini-2.5-flash", usage+x.total), cost: x.cost}.check(t)
		wantUsage(t, &row, x.want)
	}
	// A total that is neither says that something is counted which is not understood.
	row := billedCall{name: "total 199", url: geminiURL, request: `{}`, answer: gemini("gemini-2.5-flash", usage+"199"), cost: "unknown"}.check(t)
	if row.UsageSource != ledger.Unknown || !strings.Contains(row.Unpriced, "totalTokenCount") {
		t.Errorf("%s, unpriced %q", row.UsageSource, row.Unpriced)
	}
}

// gpt-5.6-sol costs, in November 2026, $4 for a million input tokens, $0.4 if cached, $5 if written to a cache, and $20
// for output.
const solUsage = `"prompt_tokens":4020,"completion_tokens":4,"total_tokens":4024,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":4012}`

// Tokens written to a cache were dropped, and with them most of the prompt (BerriAI/litellm#33772, ccusage#1422, pi#6469,
// sub2api#3894, coder/xum#3705).
func TestTracker18CacheWritesDropped(t *testing.T) {
	for _, x := range []billedCall{
		{name: "chat", url: openaiURL, request: `{"model":"gpt-5.6-sol"}`, answer: `{"model":"gpt-5.6-sol","service_tier":"default","usage":{` + solUsage + `}}`},
		{name: "streamed", url: openaiURL, request: `{"model":"gpt-5.6-sol","stream":true}`,
			answer: chunks(`{"model":"gpt-5.6-sol","service_tier":"default","choices":[],"usage":{` + solUsage + `}}`)},
		{name: "responses", url: responsesURL, request: `{"model":"gpt-5.6-sol"}`,
			answer: `{"id":"r","model":"gpt-5.6-sol","status":"completed","service_tier":"default","usage":{"input_tokens":4020,"input_tokens_details":{"cached_tokens":0,"cache_write_tokens":4012},"output_tokens":4,"total_tokens":4024}}`},
	} {
		x.cost = "0.020172" // 8 x 4 + 4012 x 5 + 4 x 20
		row := x.check(t)
		wantUsage(t, &row, price.Usage{Input: 8, CacheWrite: 4012, Output: 4})
	}
	// A model that has no price for them leaves the call without one.
	row := billedCall{name: "without a price", url: openaiURL, request: `{"model":"gpt-5"}`,
		answer: `{"model":"gpt-5","service_tier":"default","usage":{` + solUsage + `}}`, cost: "unknown"}.check(t)
	if !strings.Contains(row.Unpriced, "cache_write") {
		t.Errorf("unpriced %q", row.Unpriced)
	}
	// The same holds for a time to live with its own price: $2.5 for 12 hours, instead of $1.25 for 30 minutes.
	billedCall{name: "for 12 hours", url: openaiURL, request: `{"model":"gpt-6.1-terra","prompt_cache_options":{"ttl":"12h"}}`,
		answer: `{"model":"gpt-6.1-terra","service_tier":"default","usage":{` + solUsage + `}}`, cost: "0.010058"}.check(t) // 8 x 1 + 4012 x 2.5 + 4 x 5
}

// Tokens written to a cache were billed at that price, and as plain input again (aplisay/llm-agent#345).
func TestTracker19CacheWritesTwice(t *testing.T) {
	// The guide's example: of 2600, 2000 are read, 400 written and 200 plain.
	row := billedCall{name: "within the prompt", url: openaiURL, request: `{"model":"gpt-5.6-sol"}`,
		answer: `{"model":"gpt-5.6-sol","service_tier":"default","usage":{"prompt_tokens":2600,"completion_tokens":100,"total_tokens":2700,"prompt_tokens_details":{"cached_tokens":2000,"cache_write_tokens":400}}}`,
		cost:   "0.0056"}.check(t) // 200 x 4 + 2000 x 0.4 + 400 x 5 + 100 x 20
	wantUsage(t, &row, price.Usage{Input: 200, CachedInput: 2000, CacheWrite: 400, Output: 100})
	// Anthropic counts all three apart: nothing is to be taken off there.
	row = billedCall{name: "besides it", url: anthropicURL, request: `{"model":"claude-sonnet-4-5"}`,
		answer: `{"type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":200,"cache_read_input_tokens":2000,"cache_creation_input_tokens":400,
			"cache_creation":{"ephemeral_5m_input_tokens":300,"ephemeral_1h_input_tokens":100},"output_tokens":100,"service_tier":"standard"}}`,
		cost: "0.004425"}.check(t) // 200 x 3 + 2000 x 0.3 + 300 x 3.75 + 100 x 6 + 100 x 15
	wantUsage(t, &row, price.Usage{Input: 200, CachedInput: 2000, CacheWrite: 300, CacheWrite1h: 100, Output: 100})
}

// Something that was used had no price, and so cost nothing (langfuse#16187).
func TestTracker20CounterWithoutAPrice(t *testing.T) {
	chat := func(details string) string {
		return `{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,` + details + `}}`
	}
	for name, x := range map[string]struct{ url, request, answer, why string }{
		"audio heard":        {openaiURL, `{"model":"gpt-5"}`, chat(`"prompt_tokens_details":{"audio_tokens":60}`), "audio_input"},
		"audio spoken":       {openaiURL, `{"model":"gpt-5"}`, chat(`"completion_tokens_details":{"audio_tokens":40}`), "audio_output"},
		"images made":        {openaiURL, `{"model":"gpt-5"}`, chat(`"completion_tokens_details":{"image_tokens":40}`), "image_output"},
		"an unknown counter": {openaiURL, `{"model":"gpt-5"}`, chat(`"dream_tokens":5000`), "dream_tokens"},
		"an unknown counter of Anthropic's": {"https://api.anthropic.com/v1/messages", `{"model":"claude-opus-4-6"}`,
			`{"type":"message","id":"m","model":"claude-opus-4-6","usage":{"input_tokens":10,"output_tokens":20,"dream_tokens":700,"service_tier":"standard"}}`, "dream_tokens"},
		"images by Gemini": {geminiURL, `{}`, gemini("gemini-2.5-flash", `"promptTokenCount":10,"candidatesTokenCount":1290,"totalTokenCount":1300,
			"candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}]`), "image_output"},
		"an unknown counter of Gemini's": {geminiURL, `{}`,
			gemini("gemini-2.5-flash", `"promptTokenCount":10,"candidatesTokenCount":20,"dreamsTokenCount":30,"totalTokenCount":60`), "totalTokenCount"},
		"images by a response": {responsesURL, `{"model":"gpt-5","tools":[{"type":"image_generation"}]}`,
			`{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","tool_usage":{"image_gen":{"output_tokens":40}},"usage":{"input_tokens":100,"output_tokens":50,"total_tokens":150}}`, "images"},
		"searches by xAI": {"https://api.x.ai/v1/chat/completions", `{"model":"grok-4.3"}`,
			`{"model":"grok-4.3","usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"num_sources_used":3}}`, "sources"},
		"code run by Claude": {anthropicURL, `{"model":"claude-sonnet-4-5"}`,
			`{"type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":100,"output_tokens":50,"service_tier":"standard","server_tool_use":{"code_execution_requests":1}}}`, "code execution"},
		"a write for an unknown time": {openaiURL, `{"model":"gpt-5.6-sol","prompt_cache_options":{"ttl":"9d"}}`,
			`{"model":"gpt-5.6-sol","service_tier":"default","usage":{` + solUsage + `}}`, "cache"},
	} {
		row := billedCall{name: name, url: x.url, request: x.request, answer: x.answer, cost: "unknown"}.check(t)
		if !strings.Contains(row.Unpriced, x.why) {
			t.Errorf("%s: unpriced %q, which does not say %q", name, row.Unpriced, x.why)
		}
	}
	// What is not there, or is there as 0, needs no price.
	billedCall{name: "none", url: openaiURL, request: `{"model":"gpt-5"}`, cost: "0.000625", // 100 x 1.25 + 50 x 10
		answer: chat(`"prompt_tokens_details":{"audio_tokens":0,"image_tokens":0},"completion_tokens_details":{"audio_tokens":0,"image_tokens":null}`)}.check(t)
}

// A stream that does not report its usage cost $0 (ferro-labs/ai-gateway#281, openclaw#120008, tokenjam#628, sglang#3743).
func TestTracker21StreamWithoutUsage(t *testing.T) {
	for _, x := range []billedCall{
		{name: "chat", url: openaiURL, request: `{"model":"gpt-5","stream":true,"max_tokens":100}`,
			answer: chunks(`{"model":"gpt-5","service_tier":"default","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}`)},
		{name: "chat, usage null", url: openaiURL, request: `{"model":"gpt-5","stream":true,"max_tokens":100}`,
			answer: chunks(`{"model":"gpt-5","service_tier":"default","choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":null}`)},
		{name: "responses", url: responsesURL, request: `{"model":"gpt-5","stream":true,"max_output_tokens":100}`,
			answer: event("completed", `{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","usage":null}`)},
		{name: "Gemini", url: geminiStreamURL + "?alt=sse", request: `{"generationConfig":{"maxOutputTokens":100}}`,
			answer: pieces(`{"candidates":[{"finishReason":"STOP"}],"modelVersion":"gemini-2.5-flash"}`)},
		{name: "Anthropic", url: anthropicURL, request: `{"model":"claude-sonnet-4-5","stream":true,"max_tokens":100}`,
			answer: "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude-sonnet-4-5\"}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"},
	} {
		x.cost = "unknown"
		if row := x.check(t); row.UsageSource != ledger.Unknown || row.Usage != (price.Usage{}) || !row.Exposure.Known || row.Exposure.Pico <= 0 {
			t.Errorf("%s: %s, %+v, exposure %v", x.name, row.UsageSource, row.Usage, row.Exposure)
		}
	}
}

// A usage of zero was taken for none, and an estimate put in its place (BerriAI/litellm#37994). The zero stays what the answer
// said, and costs nothing.
func TestTracker22ExplicitZero(t *testing.T) {
	const zero = `"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`
	const interactionsURL = "https://generativelanguage.googleapis.com/v1beta/interactions"
	for _, x := range []billedCall{
		{name: "chat", url: openaiURL, request: chatBody, answer: `{"model":"gpt-5","service_tier":"default","choices":[{"message":{"content":"hello"}}],` + zero + `}`},
		{name: "streamed", url: openaiURL, request: streamBody, answer: chunks(`{"model":"gpt-5","service_tier":"default","choices":[{"delta":{"content":"a"}}]}`,
			`{"model":"gpt-5","service_tier":"default","choices":[],`+zero+`}`)},
		{name: "responses", url: responsesURL, request: `{"model":"gpt-5"}`,
			answer: `{"id":"r","model":"gpt-5","status":"completed","service_tier":"default","usage":{"input_tokens":0,"output_tokens":0,"total_tokens":0}}`},
		{name: "embeddings", url: "https://api.openai.com/v1/embeddings", request: `{"model":"text-embedding-3-small","input":"hi"}`,
			answer: `{"model":"text-embedding-3-small","data":[{"embedding":[1]}],"usage":{"prompt_tokens":0,"total_tokens":0}}`},
		{name: "Gemini", url: geminiURL, request: `{}`, answer: gemini("gemini-2.5-flash", `"promptTokenCount":0,"totalTokenCount":0`)},
		{name: "an interaction", url: interactionsURL, request: `{"model":"gemini-2.5-flash"}`,
			answer: `{"id":"i","model":"gemini-2.5-flash","status":"completed","service_tier":"standard","usage":{"total_input_tokens":0,"total_output_tokens":0,"total_tokens":0}}`},
		{name: "Anthropic", url: anthropicURL, request: `{"model":"claude-sonnet-4-5"}`,
			answer: `{"type":"message","model":"claude-sonnet-4-5","content":[{"text":"a"}],"usage":{"input_tokens":0,"output_tokens":0,"service_tier":"standard"}}`},
	} {
		x.cost = "0"
		row := x.check(t)
		wantUsage(t, &row, price.Usage{})
	}
	// Output without a prompt is not plausible.
	row := billedCall{name: "output alone", url: openaiURL, request: chatBody, cost: "unknown",
		answer: `{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":0,"completion_tokens":9,"total_tokens":9}}`}.check(t)
	wantUsage(t, &row, price.Usage{Output: 9})
	billedCall{name: "reported as free", url: openaiURL, request: chatBody, cost: "0",
		answer: `{"model":"gpt-5","service_tier":"default","usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0,"cost":0}}`}.check(t)
	// Zeros that come first are not the end of a stream.
	row = billedCall{name: "first", url: openaiURL, request: streamBody, cost: "unknown",
		answer: `data: {"model":"gpt-5","service_tier":"default","choices":[],` + zero + "}\n\n"}.check(t)
	if row.Outcome != policy.Partial || row.Exposure.Pico <= 0 {
		t.Errorf("zeros first: %s, exposure %v", row.Outcome, row.Exposure)
	}
	// Absent is not zero.
	row = billedCall{name: "absent", url: openaiURL, request: chatBody, answer: `{"model":"gpt-5","service_tier":"default"}`, cost: "unknown"}.check(t)
	if row.UsageSource != ledger.Unknown {
		t.Errorf("absent: %s", row.UsageSource)
	}
}

// A Gemini usage that has the prompt alone does not say what was put out. A later event may say it.
func TestGeminiPromptAlone(t *testing.T) {
	const alone, whole = `"promptTokenCount":10`, `"promptTokenCount":10,"candidatesTokenCount":2,"totalTokenCount":12`
	for name, last := range map[string]string{"whole": alone, "streamed": alone, "streamed, corrected": whole} {
		x := billedCall{name: name, url: geminiURL, request: `{}`, answer: gemini("gemini-2.5-flash", last), cost: "unknown"}
		if name != "whole" {
			x.url, x.answer = geminiStreamURL+"?alt=sse", pieces(gemini("gemini-2.5-flash", alone), gemini("gemini-2.5-flash", last))
		}
		if last == whole {
			x.cost = "0.000008" // 10 x 0.3 + 2 x 2.5
		}
		if row := x.check(t); last == alone && (!strings.Contains(row.Unpriced, "output") || row.Exposure.Pico <= 0) {
			t.Errorf("%s: %q, exposure %v", name, row.Unpriced, row.Exposure)
		}
	}
}

// The usage of a response that ended incomplete was dropped (QuantumNous/new-api#7241).
func TestTracker23IncompleteResponse(t *testing.T) {
	response := func(status string) string {
		return `{"id":"r","model":"gpt-5","status":"` + status + `","service_tier":"default",` + gpt5Responded + `}`
	}
	for _, status := range []string{"completed", "incomplete", "failed", "cancelled"} {
		request := `{"model":"gpt-5","stream":true}`
		x := billedCall{name: status, url: responsesURL, request: request, cost: gpt5Standard, tier: policy.Standard,
			answer: event("created", `{"id":"r","model":"gpt-5","status":"in_progress","service_tier":"auto","usage":null}`) + event(status, response(status))}
		row := x.check(t)
		wantUsage(t, &row, price.Usage{Input: 1000, Output: 500})
		row = billedCall{name: status + ", whole", url: responsesURL, request: `{"model":"gpt-5"}`, answer: response(status), cost: gpt5Standard}.check(t)
		wantUsage(t, &row, price.Usage{Input: 1000, Output: 500})
	}
}

// A stream that the caller gave up was billed in full, or not at all (sub2api#4408, llm-d-router#2469).
func TestTracker24CancelledStream(t *testing.T) {
	const soFar = `{"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":1000,"candidatesTokenCount":31,"totalTokenCount":1031,"serviceTier":"standard"}}`
	for _, x := range []struct {
		name, url, request, first string
		cost, exposed             string
		source                    ledger.UsageSource
	}{
		// OpenAI reports a stream's usage at its end, which never came: what it cost is not known, but it is at most that of 100
		// bytes of request, 128 tokens that OpenAI may add, and 100 tokens of output at the dearest tier it could have been:
		// 228 x 2.5 + 100 x 20.
		{"chat", openaiURL, padded(`{"model":"gpt-5","stream":true,"max_tokens":100,"user":"%s"}`, 100),
			"data: {\"model\":\"gpt-5\",\"service_tier\":\"default\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n", "unknown", "0.00257", ledger.Unknown},
		{"responses", responsesURL, padded(`{"model":"gpt-5","stream":true,"max_output_tokens":100,"user":"%s"}`, 100),
			event("created", `{"id":"r","model":"gpt-5","status":"in_progress","service_tier":"auto","usage":null}`), "unknown", "0.00257", ledger.Unknown},
		// Gemini reports it all along: 1000 x 0.3 + 31 x 2.5 so far. At most it is 2128 x 0.3 + 100 x 2.5 on
		// the tier that was asked for. The difference is the exposure.
		{"Gemini", geminiStreamURL + "?alt=sse", padded(`{"service_tier":"standard","generationConfig":{"maxOutputTokens":100},"contents":[{"parts":[{"text":"%s"}]}]}`, 2000),
			pieces(soFar), "0.0003775", "0.0005109", ledger.Estimated},
	} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(moment(t, noon)))
			ctx, cancel := context.WithCancel(t.Context())
			stack := stackOver(t, newScript(func(req *http.Request) (*http.Response, error) {
				r, w := io.Pipe()
				go io.WriteString(w, x.first)
				context.AfterFunc(req.Context(), func() { w.CloseWithError(req.Context().Err()) })
				return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {eventType}}, Body: r}, nil
			}), policy.Policy{})
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.url, strings.NewReader(x.request))
			if err != nil {
				t.Fatal(err)
			}
			resp, err := stack.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(resp.Body, make([]byte, len(x.first))); err != nil {
				t.Fatal(err)
			}
			time.AfterFunc(time.Second, cancel)
			if _, err := io.Copy(io.Discard, resp.Body); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", x.name, err)
			}
			resp.Body.Close()
			synctest.Wait()
			rows := stack.Rows()
			if len(rows) != 1 || rows[0].Outcome != policy.Partial || rows[0].UsageSource != x.source ||
				rows[0].Cost.String() != x.cost || rows[0].Exposure.String() != x.exposed || rows[0].Cost.Known == (rows[0].Unpriced != "") {
				t.Errorf("%s: want cost %s (%s), exposed %s: %+v", x.name, x.cost, x.source, x.exposed, rows)
			}
		})
	}
}

// padded puts as much text into the format as makes it n bytes long.
func padded(format string, n int) string {
	return fmt.Sprintf(format, strings.Repeat("x", n-len(format)+len("%s")))
}

// Cached audio was charged twice, or at the price of text (wso2/gateway-controllers#285, BerriAI/litellm#38423).
func TestTracker25CachedAudio(t *testing.T) {
	// gemini-3-flash-preview: text 0.5, cached 0.05, audio 1, cached audio 0.1, output 3.
	const prompt = `"promptTokenCount":1000,"candidatesTokenCount":10,"totalTokenCount":1010,"promptTokensDetails":[{"modality":"TEXT","tokenCount":600},{"modality":"AUDIO","tokenCount":400}]`
	url := strings.Replace(geminiURL, "2.5-flash", "3-flash-preview", 1)
	for _, x := range []struct {
		name, usage, cost string
		want              price.Usage
	}{
		{"none cached", prompt, "0.00073", price.Usage{Input: 600, AudioInput: 400, Output: 10}}, // 600 x 0.5 + 400 x 1 + 10 x 3
		{"both cached", prompt + `,"cachedContentTokenCount":500,"cacheTokensDetails":[{"modality":"TEXT","tokenCount":200},{"modality":"AUDIO","tokenCount":300}]`,
			"0.00037", price.Usage{Input: 400, CachedInput: 200, AudioInput: 100, CachedAudioInput: 300, Output: 10}}, // 400 x 0.5 + 200 x 0.05 + 100 x 1 + 300 x 0.1 + 10 x 3
		{"only audio cached", prompt + `,"cachedContentTokenCount":400,"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":400}]`,
			"0.00037", price.Usage{Input: 600, CachedAudioInput: 400, Output: 10}}, // 600 x 0.5 + 400 x 0.1 + 10 x 3
		{"only text cached", prompt + `,"cachedContentTokenCount":400,"cacheTokensDetails":[{"modality":"TEXT","tokenCount":400}]`,
			"0.00055", price.Usage{Input: 200, CachedInput: 400, AudioInput: 400, Output: 10}}, // 200 x 0.5 + 400 x 0.05 + 400 x 1 + 10 x 3
	} {
		row := billedCall{name: x.name, url: url, request: `{}`, answer: gemini("gemini-3-flash-preview", x.usage), cost: x.cost}.check(t)
		wantUsage(t, &row, x.want)
	}
	// How much of the audio was cached is not said: no cost that looks exact.
	row := billedCall{name: "not said", url: url, request: `{}`, answer: gemini("gemini-3-flash-preview", prompt+`,"cachedContentTokenCount":400`), cost: "unknown"}.check(t)
	if row.UsageSource != ledger.Unknown {
		t.Errorf("not said: %s", row.UsageSource)
	}
}

// Audio was charged for at the wrong price (BerriAI/litellm#19488, pollinations#11178, BerriAI/litellm#38412).
func TestTracker26AudioPrice(t *testing.T) {
	prices := middleware.WithPrices(catalogOf(t, "openai", `"gpt-audio":{"periods":[{"source":"test","tiers":{"standard":[
		{"usd_per_million":{"input":"2.5","output":"10","audio_input":"40","audio_output":"80"}}]}}]}`))
	checkAll(t, []billedCall{
		{name: "a chat", url: openaiURL, request: `{"model":"gpt-audio"}`,
			answer: `{"model":"gpt-audio","service_tier":"default","usage":{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
				"prompt_tokens_details":{"audio_tokens":60,"text_tokens":40},"completion_tokens_details":{"audio_tokens":40,"text_tokens":10}}}`,
			cost: "0.0058"}, // 40 x 2.5 + 60 x 40 + 10 x 10 + 40 x 80
		{name: "a transcription", url: "https://api.openai.com/v1/audio/transcriptions", request: "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-audio\r\n--b--\r\n",
			header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}},
			answer: `{"text":"x","usage":{"type":"tokens","input_tokens":47,"input_token_details":{"text_tokens":10,"audio_tokens":37},"output_tokens":20,"total_tokens":67}}`,
			cost:   "0.001705"}, // 10 x 2.5 + 37 x 40 + 20 x 10
		{name: "a transcription by the second", url: "https://api.openai.com/v1/audio/transcriptions", request: "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-audio\r\n--b--\r\n",
			header: http.Header{"Content-Type": {"multipart/form-data; boundary=b"}},
			answer: `{"text":"x","usage":{"type":"duration","seconds":4}}`, cost: "unknown"},
		{name: "speech", url: "https://api.openai.com/v1/audio/speech", request: `{"model":"gpt-audio","input":"x"}`, answer: "data: {}\n\n", cost: "unknown"},
		{name: "heard by Gemini", url: geminiURL, request: `{}`, cost: "0.00065", // 100 x 0.3 + 570 x 1 + 20 x 2.5
			answer: gemini("gemini-2.5-flash", `"promptTokenCount":670,"candidatesTokenCount":20,"totalTokenCount":690,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":570},{"modality":"TEXT","tokenCount":100}]`)},
		// Speech of Gemini's is dearer than its text, and this model's price for it is not known.
		{name: "spoken by Gemini", url: geminiURL, request: `{}`, cost: "unknown",
			answer: gemini("gemini-2.5-flash", `"promptTokenCount":10,"candidatesTokenCount":200,"totalTokenCount":210,"candidatesTokensDetails":[{"modality":"AUDIO","tokenCount":200}]`)},
	}, prices)
}
