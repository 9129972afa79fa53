package wire_test

import (
	"bytes"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

func recognise(t *testing.T, method, rawURL string) (wire.Dialect, wire.Call, bool) {
	t.Helper()
	u, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	return new(wire.Router).Recognise(method, u)
}

func TestRecognise(t *testing.T) {
	for _, test := range []struct{ method, url, want string }{
		{"POST", "https://api.openai.com/v1/chat/completions", "openai chat flex,standard,priority asks"},
		{"POST", "https://API.OpenAI.com:443/v1/chat/completions", "openai chat flex,standard,priority asks"},
		{"POST", "https://eu.api.openai.com/v1/chat/completions", "openai chat flex,standard,priority asks regional"},
		{"POST", "https://api.openai.com/v1/responses", "openai responses flex,standard,priority"},
		{"POST", "https://api.openai.com/v1/responses/compact", "openai compact flex,standard,priority"},
		{"GET", "https://api.openai.com/v1/responses/resp_1?stream=true", "openai responses  passive poll"},
		{"GET", "https://api.openai.com/v1/responses/resp_1/input_items", ""},
		{"POST", "https://api.openai.com/v1/responses/resp_1/cancel", ""},
		{"POST", "https://api.openai.com/v1/embeddings", "openai embeddings "},
		{"POST", "https://api.openai.com/v1/completions", "openai completions  asks"},
		{"POST", "https://api.openai.com/v1/audio/transcriptions", "openai transcription "},
		{"POST", "https://api.openai.com/v1/images/edits", "openai images "},
		{"POST", "https://api.openai.com/v1/audio/speech", "openai unknown  passive"},
		{"POST", "https://api.openai.com/v1/threads/t/runs", "openai unknown  passive"},
		{"POST", "https://api.openai.com/v1/threads/t/messages", ""},
		{"POST", "https://api.openai.com/v1/batches", "openai unknown  passive later"},
		{"POST", "https://api.openai.com/v1/batches/b/cancel", ""},
		{"POST", "https://api.openai.com/v1/fine_tuning/jobs", "openai unknown  passive later"},
		{"POST", "https://api.openai.com/v1/fine_tuning/jobs/j/cancel", ""},
		{"POST", "https://api.openai.com/v1/agents/sessions", "openai unknown  passive"},
		{"POST", "https://api.openai.com/v1/realtime/sessions", ""},
		{"POST", "https://api.openai.com/v1/uploads/u/parts", ""},
		{"GET", "https://api.openai.com/v1/chat/completions", ""},
		{"POST", "https://api.openai.com/v1/files", ""},
		{"GET", "https://api.openai.com/v1/models", ""},
		{"POST", "http://127.0.0.1:8080/v1/chat/completions", "openai chat flex,standard,priority asks"},
		{"POST", "https://gateway.example/openai/chat/completions?x=1", "openai chat flex,standard,priority asks"},
		{"POST", "http://127.0.0.1:8080/v1/responses", "openai responses flex,standard,priority"},
		{"POST", "https://survey.example/forms/7/responses", ""},
		{"POST", "https://survey.example/orders", ""},
		{"POST", "http://127.0.0.1/v1beta/openai/chat/completions", "gemini chat flex,standard,priority asks caches"},
		{"POST", "http://127.0.0.1/v1beta/models/gemini-2.5-flash:generateContent", "gemini generate flex,standard,priority caches"},
		{"POST", "http://127.0.0.1/v1/projects/p/locations/global/publishers/google/models/m:generateContent", "vertex generate flex,standard,priority caches"},
		{"POST", "https://api.groq.com/openai/v1/chat/completions", "groq chat flex,standard,priority asks"},
		{"POST", "https://openrouter.ai/api/v1/chat/completions", "openrouter chat flex,standard,priority asks"},
		{"POST", "https://api.x.ai/v1/chat/completions", "xai chat standard,priority asks"},
		{"POST", "https://api.mistral.ai/v1/chat/completions", "mistral chat "},
		{"POST", "https://api.mistral.ai/v1/ocr", "mistral unknown  passive"},
		{"POST", "https://api.deepseek.com/chat/completions", "deepseek chat  asks"},
		{"POST", "https://api.perplexity.ai/chat/completions", "perplexity chat "},
		{"POST", "https://api.anthropic.com/v1/messages", "anthropic messages "},
		{"POST", "https://api.anthropic.com/v1/messages/count_tokens", "anthropic count_tokens  passive free"},
		{"POST", "https://api.anthropic.com/v1/messages/batches", "anthropic unknown  passive later"},
		{"POST", "http://gateway.example/proxy/v1/messages", "anthropic messages "},
		{"POST", "http://gateway.example/v1/messages/count_tokens", "anthropic count_tokens  passive free"},
		{"POST", "http://gateway.example/v1/threads/t/messages", ""},
		{"POST", "http://chat.example/messages", ""},
		{"POST", "https://api.anthropic.com/v1/complete", "anthropic unknown  passive"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", "gemini chat flex,standard,priority asks caches"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/chat/completions", "gemini chat flex,standard,priority asks caches"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", "gemini generate flex,standard,priority caches stream"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:countTokens", "gemini count_tokens  passive free"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/text-embedding-004:batchEmbedContents", "gemini embeddings "},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:batchGenerateContent", "gemini unknown  passive later"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/models/veo-3:predictLongRunning", "gemini unknown  passive"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/interactions", "gemini interactions flex,standard,priority"},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/cachedContents", "gemini create_cache  passive"},
		{"PATCH", "https://generativelanguage.googleapis.com/v1beta/cachedContents/x", "gemini update_cache  passive free"},
		{"DELETE", "https://aiplatform.googleapis.com/v1/projects/p/locations/l/cachedContents/1", "vertex delete_cache  regional passive free"},
		{"GET", "https://generativelanguage.googleapis.com/v1beta/cachedContents/x", ""},
		{"DELETE", "https://generativelanguage.googleapis.com/v1beta/cachedContents/x/y", ""},
		{"POST", "https://generativelanguage.googleapis.com/upload/v1beta/files", ""},
		{"POST", "https://aiplatform.googleapis.com/v1beta1/projects/p/locations/global/publishers/google/models/m:generateContent", "vertex generate flex,standard,priority caches"},
		{"POST", "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/google/models/m:generateContent", "vertex generate  caches regional"},
		{"POST", "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/us-east5/publishers/anthropic/models/m:rawPredict", "vertex unknown  passive"},
		{"POST", "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi/chat/completions", "vertex chat  asks caches"},
		{"POST", "https://me.openai.azure.com/openai/deployments/d/chat/completions?api-version=x", "azure chat flex,standard,priority asks"},
		{"POST", "https://me.openai.azure.com//openai/deployments/d/chat/completions", "azure chat flex,standard,priority asks"},
		{"POST", "https://me.services.ai.azure.com/openai/v1/responses", "azure responses flex,standard,priority"},
		{"POST", "https://api.openai.com/v1/chat/completions/x", ""},
		{"POST", "https://api.openai.com/v1/containers", "openai unknown  passive"},
		{"POST", "https://api.openai.com/v1/realtime/calls/x/hangup", ""},
		{"POST", "https://api.deepseek.com/anthropic/v1/messages", "deepseek messages "},
		{"POST", "https://openrouter.ai/api/v1/messages", "openrouter messages "},
		{"POST", "https://me.services.ai.azure.com/anthropic/v1/messages", "azure messages "},
		{"POST", "https://api.mistral.ai/v1/conversations", "mistral unknown  passive"},
		{"POST", "https://codestral.mistral.ai/v1/chat/completions", "mistral chat "},
		{"POST", "https://api.deepinfra.com/v1/openai/chat/completions", "openai chat flex,standard,priority asks"},
		{"POST", "https://forms.example.com/v1/forms/7/responses", ""},
		{"POST", "https://crm.example.com/v1/contacts/7/interactions", ""},
		{"POST", "https://shop.example.com/v1/x/cachedContents", ""},
		{"GET", "https://generativelanguage.googleapis.com/v1beta/interactions/i_1", "gemini interactions  passive poll"},
		{"POST", "https://generativelanguage.googleapis.com/v1alpha/auth_tokens", ""},
		{"POST", "https://generativelanguage.googleapis.com/v1beta/fileSearchStores/x:importFile", "gemini unknown  passive"},
		{"POST", "https://aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/veo:fetchPredictOperation", ""},
		{"POST", "https://api.groq.com./openai/v1/chat/completions", "groq chat flex,standard,priority asks"},
		{"POST", "https://r.openai.azure.us/openai/v1/chat/completions", "azure chat flex,standard,priority asks"},
		{"POST", "https://r.privatelink.openai.azure.com/openai/v1/chat/completions", "azure chat flex,standard,priority asks"},
	} {
		_, c, ok := recognise(t, test.method, test.url)
		got := ""
		if ok {
			var tiers []string
			for _, tier := range c.Tiers {
				tiers = append(tiers, string(tier))
			}
			got = c.Provider + " " + c.Operation + " " + strings.Join(tiers, ",")
			for _, flag := range []struct {
				set  bool
				name string
			}{{c.AskUsage, "asks"}, {c.Caches, "caches"}, {c.Stream, "stream"}, {c.Regional, "regional"}, {c.Kind != wire.Billable, "passive"}, {c.Kind == wire.Poll, "poll"}, {c.Kind == wire.Free, "free"}, {c.Kind == wire.Submission, "later"}} {
				if flag.set {
					got += " " + flag.name
				}
			}
		}
		if got != test.want {
			t.Errorf("%s %s:\ngot  %q\nwant %q", test.method, test.url, got, test.want)
		}
	}
}

func fields(t *testing.T, paths *transport.Paths, doc string) *transport.Fields {
	t.Helper()
	f, err := transport.Find([]byte(doc), paths)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func openAICall(t *testing.T, body string) (wire.Dialect, wire.Call, *transport.Fields) {
	t.Helper()
	d, call, ok := recognise(t, "POST", "https://api.openai.com/v1/chat/completions")
	if !ok {
		t.Fatal("not recognised")
	}
	f := fields(t, call.RequestPaths, body)
	d.Request(&call, nil, f)
	return d, call, f
}

func TestRequest(t *testing.T) {
	for body, want := range map[string]string{
		`{"model":"gpt-5"}`: "gpt-5||false|false|-1",
		`{"model":"gpt-5","stream":true,"service_tier":"flex"}`:                "gpt-5|flex|true|false|-1",
		`{"model":"m","service_tier":"default"}`:                               "m|standard|false|false|-1",
		`{"model":"m","service_tier":"fast"}`:                                  "m|priority|false|false|-1",
		`{"model":"m","service_tier":"auto"}`:                                  "m|auto|false|false|-1",
		`{"model":"m","service_tier":null}`:                                    "m||false|false|-1",
		`{"model":"m","stream":true,"stream_options":{"include_usage":false}}`: "m||true|true|-1",
		`{"model":"m","stream":true,"stream_options":{"x":1}}`:                 "m||true|false|-1",
		`{"model":"m","stream":false,"stream_options":{"include_usage":true}}`: "m||false|false|-1",
		`{"model":"m","max_tokens":10}`:                                        "m||false|false|10",
		`{"model":"m","max_tokens":10,"max_completion_tokens":30,"n":3}`:       "m||false|false|30",
		`{"model":"m","max_tokens":1e9}`:                                       "m||false|false|-1",
		`{"model":7,"stream":"true"}`:                                          "||false|false|-1",
		`{"model":"a\nb\u0000"}`:                                               "a?b?||false|false|-1",
	} {
		_, c, _ := openAICall(t, body)
		if got := fmt.Sprint(c.Model, "|", c.Tier, "|", c.Stream, "|", c.Usage, "|", c.MaxOutput); got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	_, c, _ := openAICall(t, `{"model":"`+strings.Repeat("x", 1000)+`"}`)
	if len(c.Model) != 128 {
		t.Errorf("a model's name of %d bytes", len(c.Model))
	}
}

func TestEdit(t *testing.T) {
	for _, test := range []struct {
		name, body string
		want       wire.Want
		after      string
		hides      bool
	}{
		{"nothing", `{"model":"m"}`, wire.Want{Usage: true}, `{"model":"m"}`, false},
		{"flex", `{"model":"m"}`, wire.Want{Tier: policy.Flex}, `{"service_tier":"flex","model":"m"}`, false},
		{"standard is default", `{"model":"m"}`, wire.Want{Tier: policy.Standard}, `{"service_tier":"default","model":"m"}`, false},
		{"priority is there as fast", `{"service_tier":"fast"}`, wire.Want{Tier: policy.Priority}, `{"service_tier":"fast"}`, false},
		{"replaced", `{"service_tier":"flex"}`, wire.Want{Tier: policy.Standard}, `{"service_tier":"default"}`, false},
		{"removed", `{"service_tier":"flex","model":"m"}`, wire.Want{}, `{"model":"m"}`, false},
		{"usage", `{"stream":true}`, wire.Want{Usage: true}, `{"stream_options":{"include_usage":true},"stream":true}`, true},
		{"usage, null options", `{"stream":true,"stream_options":null}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":{"include_usage":true}}`, true},
		{"usage, merged", `{"stream":true,"stream_options":{"include_obfuscation":false}}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false}}`, true},
		{"usage declined by the caller", `{"stream":true,"stream_options":{"include_usage":false}}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":{"include_usage":false}}`, false},
		{"usage asked by the caller", `{"stream":true,"stream_options":{"include_usage":true}}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":{"include_usage":true}}`, false},
		{"options are no object", `{"stream":true,"stream_options":[1]}`, wire.Want{Usage: true}, `{"stream":true,"stream_options":[1]}`, false},
		{"not wanted", `{"stream":true}`, wire.Want{}, `{"stream":true}`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, call, f := openAICall(t, test.body)
			var e wire.Edits
			d.Edit(&call, f, test.want, &e)
			got, err := f.Splice(e.Body...)
			if err != nil || string(got) != test.after || e.HideUsage != test.hides {
				t.Errorf("got %s, hides %v, %v\nwant %s, %v", got, e.HideUsage, err, test.after, test.hides)
			}
		})
	}
}

func answer(t *testing.T, url, doc string) wire.Answer {
	t.Helper()
	d, call, ok := recognise(t, "POST", url)
	if !ok {
		t.Fatal("not recognised")
	}
	var a wire.Answer
	d.Answer(&call, fields(t, call.AnswerPaths, doc), &a)
	return a
}

func TestUsage(t *testing.T) {
	const openai = "https://api.openai.com/v1/chat/completions"
	for _, test := range []struct {
		name, usage string
		want        price.Usage
		problem     bool
	}{
		{"plain", `{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}`, price.Usage{Input: 10, Output: 5}, false},
		{"no total", `{"prompt_tokens":10,"completion_tokens":5}`, price.Usage{Input: 10, Output: 5}, false},
		{"cached", `{"prompt_tokens":2600,"completion_tokens":5,"total_tokens":2605,"prompt_tokens_details":{"cached_tokens":2000,"cache_write_tokens":400}}`,
			price.Usage{Input: 200, CachedInput: 2000, CacheWrite: 400, Output: 5}, false},
		{"reasoning is within", `{"prompt_tokens":1,"completion_tokens":100,"total_tokens":101,"completion_tokens_details":{"reasoning_tokens":60}}`,
			price.Usage{Input: 1, Output: 100, Reasoning: 60}, false},
		{"audio", `{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":{"audio_tokens":80,"cached_tokens":0},"completion_tokens_details":{"audio_tokens":30}}`,
			price.Usage{Input: 20, AudioInput: 80, Output: 20, AudioOutput: 30}, false},
		{"thinking only in the total, as on Gemini's compatible face", `{"completion_tokens":12,"prompt_tokens":35,"total_tokens":109}`,
			price.Usage{Input: 35, Output: 74, Reasoning: 62}, false},
		{"reasoning outside, as on some xAI models", `{"prompt_tokens":21,"completion_tokens":1,"total_tokens":135,"completion_tokens_details":{"reasoning_tokens":113}}`,
			price.Usage{Input: 21, Output: 114, Reasoning: 113}, false},
		{"more cached than prompt", `{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":30}}`,
			price.Usage{CachedInput: 30, Output: 5}, false},
		{"zero is zero", `{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}`, price.Usage{}, false},
		{"null details", `{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"prompt_tokens_details":null}`, price.Usage{Input: 1, Output: 1}, false},
		{"negative", `{"prompt_tokens":-1,"completion_tokens":5}`, price.Usage{}, true},
		{"fractional", `{"prompt_tokens":1.5,"completion_tokens":5}`, price.Usage{}, true},
		{"huge", `{"prompt_tokens":18446744073709551616,"completion_tokens":5}`, price.Usage{}, true},
		{"a string", `{"prompt_tokens":"5","completion_tokens":5}`, price.Usage{}, true},
		{"half of it", `{"prompt_tokens":5}`, price.Usage{}, true},
		{"total too small", `{"prompt_tokens":5,"completion_tokens":5,"total_tokens":9}`, price.Usage{}, true},
		{"audio that may be cached", `{"prompt_tokens":5,"completion_tokens":5,"prompt_tokens_details":{"audio_tokens":4,"cached_tokens":4}}`, price.Usage{}, true},
		{"more audio than output", `{"prompt_tokens":5,"completion_tokens":5,"completion_tokens_details":{"audio_tokens":6}}`, price.Usage{}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := answer(t, openai, `{"usage":`+test.usage+`}`)
			if !a.HasUsage || (a.Problem != "") != test.problem {
				t.Fatalf("has usage %v, problem %q", a.HasUsage, a.Problem)
			}
			if !test.problem && a.Usage != test.want {
				t.Errorf("got %+v, want %+v", a.Usage, test.want)
			}
		})
	}
	for _, doc := range []string{`{}`, `{"usage":null}`, `{"usage":{}}`, `{"usage":[1]}`} {
		if a := answer(t, openai, doc); a.HasUsage {
			t.Errorf("%s: usage %+v", doc, a.Usage)
		}
	}
}

func TestAnswer(t *testing.T) {
	const openai = "https://api.openai.com/v1/chat/completions"
	a := answer(t, openai, `{"id":"c-1","model":"gpt-5-2025-08-07","service_tier":"default","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}`)
	if a.ResponseID != "c-1" || a.Model != "gpt-5-2025-08-07" || a.Tier != policy.Standard || !a.Hide {
		t.Errorf("%+v", a)
	}
	for name, doc := range map[string]string{
		"choices":       `{"choices":[{"index":0}],"usage":{"prompt_tokens":1,"completion_tokens":1}}`,
		"no usage":      `{"choices":[],"usage":null}`,
		"moderation":    `{"choices":[],"moderation":{},"usage":null}`,
		"no choices":    `{"usage":{"prompt_tokens":1,"completion_tokens":1}}`,
		"odd choices":   `{"choices":1,"usage":{"prompt_tokens":1,"completion_tokens":1}}`,
		"choices, null": `{"choices":null,"usage":{"prompt_tokens":1,"completion_tokens":1}}`,
	} {
		if answer(t, openai, doc).Hide {
			t.Errorf("%s: hidden", name)
		}
	}
	if answer(t, openai, `{"choices":[],"error":{"code":"x"},"usage":{"prompt_tokens":1,"completion_tokens":1}}`).Hide {
		t.Error("an error is hidden")
	}
	if !answer(t, openai, `{"choices" : [ ] ,"usage":{"prompt_tokens":1,"completion_tokens":1}}`).Hide {
		t.Error("spaces: not hidden")
	}
	failed := answer(t, openai, `{"error":{"message":"boom","code":"server_is_overloaded"}}`)
	if !failed.Failed || failed.ErrorCode != "server_is_overloaded" {
		t.Errorf("%+v", failed)
	}
	if a := answer(t, openai, `{"error":{"message":"your prompt was: x","code":"it was: x y"}}`); !a.Failed || a.ErrorCode != "" {
		t.Errorf("text where a code should be reaches the row: %+v", a)
	}
	if a := answer(t, openai, `{"error":null}`); a.Failed {
		t.Error("a null error is one")
	}
}

func TestRefusal(t *testing.T) {
	now := time.Now()
	const (
		openai     = "https://api.openai.com/v1/chat/completions"
		groq       = "https://api.groq.com/openai/v1/chat/completions"
		gemini     = "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"
		openrouter = "https://openrouter.ai/api/v1/chat/completions"
		azure      = "https://me.cognitiveservices.azure.com/openai/deployments/d/chat/completions"
		anthropic  = "https://API.anthropic.com/v1/chat/completions"
	)
	for _, test := range []struct {
		name, url string
		status    int
		header    map[string]string
		body      string
		want      string
		after     time.Duration
	}{
		{"flex has no room", openai, 429, map[string]string{"Retry-After": "300"}, `{"error":{"message":"Flex tier does not have sufficient resources available","type":"resource_unavailable","param":null,"code":"flex_unavailable"}}`, "rejected documented capacity flex_unavailable", 5 * time.Minute},
		{"flex has no room, older", openai, 429, nil, `{"error":{"message":"Flex does not have sufficient resources available to fulfill your request.","type":"x","code":null}}`, "rejected documented capacity x", 0},
		{"too fast", openai, 429, nil, `{"error":{"message":"Rate limit reached for gpt-4o-mini on tokens per min (TPM): Limit 200000, Used 200000, Requested 775. Please try again in 232ms. Visit x","type":"tokens","code":"rate_limit_exceeded"}}`, "rejected inferred rate rate_limit_exceeded", 232 * time.Millisecond},
		{"too fast, by header", openai, 429, map[string]string{"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "6m0s", "X-Ratelimit-Remaining-Tokens": "5", "X-Ratelimit-Reset-Tokens": "7h"}, `{"error":{"type":"requests","code":"rate_limit_exceeded"}}`, "rejected inferred rate rate_limit_exceeded", 6 * time.Minute},
		{"ramp", openai, 429, nil, `{"error":{"type":"rate_limit_error","code":"slow_down"}}`, "rejected inferred rate slow_down", 0},
		{"per day", openai, 429, nil, `{"error":{"message":"Rate limit reached on requests per day (RPD): Limit 200, Used 200. Please try again in 7m12s.","code":"rate_limit_exceeded"}}`, "rejected inferred quota rate_limit_exceeded", 7*time.Minute + 12*time.Second},
		{"too large", openai, 429, nil, `{"error":{"message":"Request too large for gpt-4o: Limit 30000, Requested 36969.","type":"tokens","code":"rate_limit_exceeded"}}`, "rejected inferred too_large rate_limit_exceeded", 0},
		{"no money", openai, 429, nil, `{"error":{"type":"insufficient_quota","code":"insufficient_quota"}}`, "rejected inferred quota insufficient_quota", 0},
		{"credit gone", openai, 429, nil, `{"error":{"type":"x","code":"credit_balance_exhausted"}}`, "rejected inferred quota credit_balance_exhausted", 0},
		{"spend cap", openai, 429, nil, `{"error":{"code":"project_spend_limit_exceeded"}}`, "rejected inferred quota project_spend_limit_exceeded", 0},
		{"429 of no shape", openai, 429, nil, `<html>slow down</html>`, "rejected inferred rate ", 0},
		{"tier not for this model", openai, 400, nil, `{"error":{"message":"Flex is not available for this model.","type":"invalid_request_error","param":"service_tier","code":null}}`, "rejected inferred tier_refused invalid_request_error", 0},
		{"tier, by message", openai, 400, nil, `{"error":{"message":"Invalid service_tier argument"}}`, "rejected inferred tier_refused ", 0},
		{"usage not understood", openai, 400, nil, `{"error":{"message":"Unknown parameter: 'stream_options'","param":"stream_options"}}`, "rejected inferred usage_refused ", 0},
		{"bad request", openai, 400, nil, `{"error":{"code":"context_length_exceeded"}}`, "rejected inferred bad_request context_length_exceeded", 0},
		{"no such model", openai, 404, nil, `{"error":{"code":"model_not_found"}}`, "rejected inferred bad_request model_not_found", 0},
		{"payment", openai, 402, nil, `{}`, "rejected inferred quota ", 0},
		{"overloaded", openai, 503, map[string]string{"Retry-After": "7"}, `{"error":{"type":"service_unavailable_error","code":"server_is_overloaded"}}`, "rejected reported overloaded server_is_overloaded", 7 * time.Second},
		{"another 503", openai, 503, nil, `upstream connect error`, "ambiguous  server_error ", 0},
		{"500", openai, 500, nil, `{"error":{"type":"server_error"}}`, "ambiguous  server_error server_error", 0},
		{"504", openai, 504, nil, ``, "ambiguous  server_error ", 0},
		{"408", openai, 408, nil, ``, "ambiguous  server_error ", 0},
		{"redirect", openai, 302, nil, ``, "rejected inferred bad_request ", 0},
		{"groq flex full", groq, 498, nil, `{"error":{"code":"capacity_exceeded"}}`, "rejected documented capacity capacity_exceeded", 0},
		{"498 elsewhere", openai, 498, nil, ``, "ambiguous  bad_request ", 0},
		{"client closed", openai, 499, nil, ``, "ambiguous  bad_request ", 0},
		{"azure content filter", azure, 400, nil, `{"error":{"code":"content_filter","message":"x"}}`, "ambiguous  bad_request content_filter", 0},
		{"anthropic overloaded", anthropic, 529, nil, `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`, "rejected reported overloaded overloaded_error", 0},
		{"gemini overloaded", gemini, 503, nil, `[{"error":{"code":503,"message":"x","status":"UNAVAILABLE"}}]`, "rejected reported overloaded UNAVAILABLE", 0},
		{"try again counts, not when all is back", openai, 429, map[string]string{"X-Ratelimit-Remaining-Requests": "0", "X-Ratelimit-Reset-Requests": "60s"}, `{"error":{"message":"Please try again in 232ms.","type":"requests"}}`, "rejected inferred rate requests", 232 * time.Millisecond},
		{"gemini, wrapped in an array", gemini, 429, nil, "[{\"error\":{\"code\":429,\"message\":\"x\",\"status\":\"RESOURCE_EXHAUSTED\"}}]\n", "rejected inferred rate RESOURCE_EXHAUSTED", 0},
		{"gemini 500 is free", gemini, 500, nil, `[{"error":{"code":500}}]`, "rejected documented server_error 500", 0},
		{"gemini 503 is not said to be", gemini, 503, nil, `[{"error":{"code":503}}]`, "ambiguous  server_error 503", 0},
		{"openrouter errors are free", openrouter, 502, nil, `{"error":{"code":502,"message":"Provider returned error"}}`, "rejected documented server_error 502", 0},
		{"a code that is text", openai, 400, nil, `{"error":{"code":"you said: hello"}}`, "rejected inferred bad_request ", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, call, ok := recognise(t, "POST", test.url)
			if !ok {
				t.Fatal("not recognised")
			}
			h := http.Header{}
			for k, v := range test.header {
				h.Set(k, v)
			}
			r := d.Refusal(&call, &wire.Response{Status: test.status, Header: h, Body: []byte(test.body), At: now})
			if got := fmt.Sprintf("%s %s %s %s", r.Outcome, r.Evidence, r.Reason, r.Code); got != test.want || r.RetryAfter != test.after {
				t.Errorf("got  %s, %v\nwant %s, %v", got, r.RetryAfter, test.want, test.after)
			}
		})
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	date := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	const month = 30 * 24 * time.Hour
	for _, test := range []struct {
		header []string // pairs
		want   time.Duration
	}{
		{nil, 0},
		{[]string{"Retry-After", "5"}, 5 * time.Second},
		{[]string{"Retry-After", " 5 "}, 5 * time.Second},
		{[]string{"Retry-After", "0"}, 0},
		{[]string{"Retry-After", "1.5"}, 1500 * time.Millisecond},
		{[]string{"Retry-After", "-3"}, 0},
		{[]string{"Retry-After", "NaN"}, 0},
		{[]string{"Retry-After", "Inf"}, month},
		{[]string{"Retry-After", "1e300"}, month},
		{[]string{"Retry-After", "99999999999"}, month},
		{[]string{"Retry-After", "soon"}, 0},
		{[]string{"Retry-After", ""}, 0},
		{[]string{"Retry-After", date(time.Minute)}, time.Minute},
		{[]string{"Retry-After", date(-time.Minute)}, 0},
		{[]string{"Retry-After", now.Add(time.Minute).Format(time.RFC850)}, time.Minute},
		{[]string{"Retry-After", now.Add(time.Minute).Format(time.ANSIC)}, time.Minute},
		{[]string{"Retry-After", date(10 * time.Minute), "Date", date(9 * time.Minute)}, time.Minute},
		{[]string{"Retry-After", date(1000 * time.Hour)}, month},
		{[]string{"Retry-After-Ms", "250"}, 250 * time.Millisecond},
		{[]string{"Retry-After-Ms", "0.5"}, 500 * time.Microsecond},
		{[]string{"Retry-After", "1", "Retry-After-Ms", "0"}, time.Second},
		{[]string{"Retry-After", "1", "Retry-After-Ms", "1500"}, 1500 * time.Millisecond},
		{[]string{"Retry-After", "1", "Retry-After", "4", "Retry-After", "2"}, 4 * time.Second},
	} {
		h := http.Header{}
		for pair := range slices.Chunk(test.header, 2) {
			h.Add(pair[0], pair[1])
		}
		if got := wire.RetryAfter(h, now); got != test.want {
			t.Errorf("%q: %v, want %v", test.header, got, test.want)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("5", "250", "Sat, 21 Nov 2026 12:00:00 GMT")
	f.Add("1e308", "-Inf", "")
	f.Add("Sat, 21 Nov 2026 12:00:00 GMT", "0x10p5", "x")
	now := time.Now()
	f.Fuzz(func(t *testing.T, after, ms, date string) {
		h := http.Header{"Retry-After": {after, ms}, "Retry-After-Ms": {ms}, "Date": {date}}
		if d := wire.RetryAfter(h, now); d < 0 || d > 30*24*time.Hour {
			t.Fatalf("%v", d)
		}
	})
}

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

// Whatever an answer holds, what is read from it is bounded and fit for a row, and the counts are none that a price
// could choke on.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"x","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9,"prompt_tokens_details":{"cached_tokens":3}}}`), 200<<8)
	f.Add([]byte(`{"error":{"code":429,"message":"Please try again in 1.5s.","param":"service_tier"}}`), 429<<8)
	f.Add([]byte("[{\"error\":{}}]\n"), 503<<8)
	for i := range fuzzed {
		f.Add([]byte(`{"usageMetadata":{"promptTokenCount":9,"totalTokenCount":9,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":4}]}}`), 200<<8|i)
		f.Add([]byte(`{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":5,"output_tokens":1}}}`), 200<<8|i)
	}
	f.Fuzz(func(t *testing.T, doc []byte, n int) {
		status, which := n>>8, fuzzed[n&0xff%len(fuzzed)]
		d, call, ok := recognise(t, "POST", which)
		if !ok {
			t.Fatal(which)
		}
		r := d.Refusal(&call, &wire.Response{Status: status, Header: http.Header{"X-Request-Id": {string(doc)}}, Body: doc, Asked: policy.Flex, At: time.Unix(0, 0)})
		if r.RetryAfter < 0 || r.Outcome == "" || len(r.Code) > 64 {
			t.Fatalf("%+v", r)
		}
		body, err := transport.Find(doc, call.RequestPaths)
		if object := bytes.HasPrefix(bytes.TrimSpace(doc), []byte("{")); err == nil && object && call.RequestPaths != nil {
			c := call
			d.Request(&c, http.Header{"x-vertex-ai-llm-shared-request-type": {string(doc)}}, body)
			var e wire.Edits
			d.Edit(&c, body, wire.Want{Tier: policy.Flex, Usage: true, Cache: "cachedContents/x"}, &e)
			if _, err := body.Splice(e.Body...); err != nil {
				t.Fatal(err)
			}
		}
		fields, err := transport.Find(doc, call.AnswerPaths)
		if err != nil || call.AnswerPaths == nil {
			return
		}
		var a wire.Answer
		d.Headers(&call, http.Header{"X-Request-Id": {string(doc)}, "X-Gemini-Service-Tier": {string(doc)}, "Azureai-Processed-Tier": {string(doc)}}, &a)
		d.Answer(&call, fields, &a)
		u := a.Usage
		for _, n := range []int64{u.Input, u.CachedInput, u.CacheWrite, u.Output, u.AudioInput, u.CachedAudioInput, u.AudioOutput, u.ImageInput, u.ImageOutput, u.Reasoning} {
			if n < 0 || n > math.MaxInt64/8 {
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
	})
}

func ExampleRouter_Recognise() {
	var router wire.Router
	u, _ := url.Parse("https://api.openai.com/v1/chat/completions")
	_, call, ok := router.Recognise(http.MethodPost, u)
	fmt.Println(ok, call.Provider, call.Operation, call.Tiers)
	u, _ = url.Parse("https://api.openai.com/v1/models")
	_, _, ok = router.Recognise(http.MethodGet, u)
	fmt.Println(ok)
	// Output:
	// true openai chat [flex standard priority]
	// false
}

func ExampleRetryAfter() {
	h := http.Header{"Retry-After": {"1"}, "Retry-After-Ms": {"1500"}}
	fmt.Println(wire.RetryAfter(h, time.Now()))
	// Output: 1.5s
}
