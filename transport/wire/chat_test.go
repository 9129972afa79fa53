package wire_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

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
		{"a total that nothing explains", `{"completion_tokens":12,"prompt_tokens":35,"total_tokens":109}`, price.Usage{}, true},
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

// The number of answers that a request asks for bounds its cost. If it cannot be read, it is not known.
func TestChoices(t *testing.T) {
	const completions = "https://api.openai.com/v1/completions"
	for _, test := range []struct {
		url, body string
		want      int64
	}{
		{"https://api.openai.com/v1/chat/completions", `{}`, 1},
		{"https://api.openai.com/v1/chat/completions", `{"n":null}`, 1},
		{"https://api.openai.com/v1/chat/completions", `{"n":3}`, 3},
		{"https://api.openai.com/v1/chat/completions", `{"n":3e0}`, 0},
		{"https://api.openai.com/v1/chat/completions", `{"n":"3"}`, 0},
		{completions, `{"n":2,"best_of":5,"prompt":"x"}`, 5},
		{completions, `{"n":-1,"best_of":5}`, 0},
		{completions, `{"prompt":["a","b"]}`, 0},
		{"https://api.openai.com/v1/images/generations", `{"n":1}`, 0},
		{"https://api.openai.com/v1/embeddings", `{}`, 1},
		{geminiURL, `{"generationConfig":{"candidateCount":4}}`, 4},
		{geminiURL, `{"generation_config":{"candidate_count":4.5}}`, 0},
		{geminiURL, `{}`, 1},
		{anthropicURL, `{"n":7}`, 1},
	} {
		d, call, ok := recognise(t, "POST", test.url)
		if !ok {
			t.Fatal(test.url)
		}
		d.Request(&call, nil, fields(t, call.RequestPaths, test.body))
		if call.Choices != test.want {
			t.Errorf("%s %s: %d choices, want %d", test.url, test.body, call.Choices, test.want)
		}
	}
}

// An output limit that is not set is not a limit of 0. An operation without output says so.
func TestMaxOutput(t *testing.T) {
	for _, test := range []struct {
		url, body string
		want      int64
		noOutput  bool
	}{
		{"https://api.openai.com/v1/responses", `{"max_output_tokens":50}`, 50, false},
		{"https://api.openai.com/v1/responses", `{}`, 0, false},
		{"https://api.openai.com/v1/embeddings", `{"max_tokens":50}`, 0, true},
		{geminiURL, `{"generationConfig":{"maxOutputTokens":7,"max_output_tokens":9}}`, 9, false},
		{"https://generativelanguage.googleapis.com/v1beta/models/m:embedContent", `{}`, 0, true},
		{"https://generativelanguage.googleapis.com/v1beta/cachedContents", `{}`, 0, true},
		{"https://api.openai.com/v1/videos", `{}`, 0, false},
	} {
		d, call, ok := recognise(t, "POST", test.url)
		if !ok {
			t.Fatal(test.url)
		}
		d.Request(&call, nil, fields(t, call.RequestPaths, test.body))
		if call.MaxOutput != test.want || call.NoOutput != test.noOutput {
			t.Errorf("%s %s: %d tokens, no output %v", test.url, test.body, call.MaxOutput, call.NoOutput)
		}
	}
}
