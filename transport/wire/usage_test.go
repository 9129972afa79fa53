package wire_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

const (
	chatURL       = "https://api.openai.com/v1/chat/completions"
	responsesURL  = "https://api.openai.com/v1/responses"
	moonshotURL   = "https://api.moonshot.ai/v1/chat/completions"
	openRouterURL = "https://openrouter.ai/api/v1/chat/completions"
	gatewayURL    = "https://gw.example/v1/chat/completions"
)

// usageOf returns a document with a usage.
func usageOf(usage string) []string { return []string{`{"usage":{` + usage + `}}`} }

// One count has many names.
func TestUsageNames(t *testing.T) {
	const sums = `"prompt_tokens":100,"completion_tokens":10,"total_tokens":110,`
	cached := price.Usage{Input: 40, CachedInput: 60, Output: 10}
	var tests []answered
	for _, usage := range []string{
		sums + `"cached_tokens":60`,                                           // Moonshot
		sums + `"prompt_cache_hit_tokens":60,"prompt_cache_miss_tokens":40`,   // DeepSeek
		sums + `"num_cached_tokens":60`,                                       // Mistral
		sums + `"cache_read_input_tokens":60,"cache_creation_input_tokens":0`, // LiteLLM
		sums + `"prompt_tokens_details":{"cached_tokens":60}`,
		sums + `"prompt_token_details":{"cached_tokens":60}`,
		sums + `"prompt_tokens_details":{"cache_read_tokens":60}`,
		sums + `"input_tokens_details":{"cached_tokens":60}`,
		sums + `"cached_tokens":60,"prompt_tokens_details":{"cached_tokens":60},"prompt_cache_hit_tokens":60`,
		sums + `"cached_tokens":60,"prompt_tokens_details":{"cached_tokens":0},"prompt_cache_hit_tokens":null`, // a zero says nothing
		`"input_tokens":100,"output_tokens":10,"total_tokens":110,"input_tokens_details":{"cached_tokens":60}`,
		sums + `"input_tokens":100,"output_tokens":10,"cached_tokens":60`,
		sums + `"input_tokens":40,"output_tokens":10,"cache_read_input_tokens":60`, // Anthropic's beside OpenAI's
	} {
		tests = append(tests, answered{name: "cached: " + usage, url: moonshotURL, docs: usageOf(usage), usage: cached})
	}
	for _, usage := range []string{
		sums + `"prompt_tokens_details":{"cache_write_tokens":60}`,
		sums + `"prompt_tokens_details":{"cache_creation_tokens":60,"cache_write_tokens":60,"cached_tokens":0,"audio_tokens":0}`,
		sums + `"cache_creation_input_tokens":60`,
		sums + `"input_tokens_details":{"cache_creation_tokens":60}`,
	} {
		tests = append(tests, answered{name: "written: " + usage, url: gatewayURL, docs: usageOf(usage), usage: price.Usage{Input: 40, CacheWrite: 60, Output: 10}})
	}
	for _, usage := range []string{
		`"completion_tokens_details":{"reasoning_tokens":4}`, `"output_tokens_details":{"reasoning_tokens":4}`, `"reasoning_tokens":4`,
		`"completion_token_details":{"reasoning_tokens":4}`, `"completion_tokens_details":{"thinking_tokens":4}`,
	} {
		tests = append(tests, answered{name: "reasoning: " + usage, url: gatewayURL, docs: usageOf(sums + usage), usage: price.Usage{Input: 100, Output: 10, Reasoning: 4}})
	}
	for _, usage := range []string{
		sums + `"cached_tokens":60,"prompt_tokens_details":{"cached_tokens":50}`,
		sums + `"input_tokens":90`,
		sums + `"output_tokens":9`,
		sums + `"prompt_tokens_details":{"cache_creation_tokens":60,"cache_write_tokens":61}`,
	} {
		tests = append(tests, answered{name: "do not agree: " + usage, url: gatewayURL, docs: usageOf(usage), problem: "agree"})
	}
	for usage, name := range map[string]string{
		sums + `"dream_tokens":1`:                                                            "dream_tokens",
		sums + `"completion_tokens_details":{"dream_tokens":1}`:                              "dream_tokens",
		sums + `"details":{"of":{"dream_tokens":1}}`:                                         "dream_tokens",
		sums + `"cache_creation":{"ephemeral_24h_input_tokens":1}`:                           "ephemeral_24h_input_tokens",
		sums + `"prompt_tokens_details":{"cache_write_tokens_details":{"ttl_24h_tokens":7}}`: "ttl_24h_tokens",
	} {
		tests = append(tests, answered{name: "not known: " + usage, url: gatewayURL, docs: usageOf(usage), usage: price.Usage{Input: 100, Output: 10}, extras: name})
	}
	for _, usage := range []string{
		sums + `"dream_tokens":0`, sums + `"dream_tokens":null`, sums + `"dream_tokens":"1"`, sums + `"input_tokens_cost":5`, sums + `"tokens":[{"dream_tokens":1}]`,
		sums + `"prompt_tokens_details":{"text_tokens":100}`, sums + `"completion_tokens_details":{"accepted_prediction_tokens":4,"text_tokens":10}`,
	} {
		tests = append(tests, answered{name: "not charged for: " + usage, url: gatewayURL, docs: usageOf(usage), usage: price.Usage{Input: 100, Output: 10}})
	}
	testAnswers(t, tests)
}

// The total of a usage says what is within another count.
func TestUsageTotals(t *testing.T) {
	testAnswers(t, []answered{
		{name: "more reasoning than output, and the total does not allow it", url: openRouterURL,
			docs:  usageOf(`"prompt_tokens":43,"completion_tokens":10,"total_tokens":53,"completion_tokens_details":{"reasoning_tokens":11}`),
			usage: price.Usage{Input: 43, Output: 10, Reasoning: 10}},
		{name: "the same of a response", url: responsesURL,
			docs:  usageOf(`"input_tokens":43,"output_tokens":10,"total_tokens":53,"output_tokens_details":{"reasoning_tokens":11}`),
			usage: price.Usage{Input: 43, Output: 10, Reasoning: 10}},
		{name: "without a total", url: openRouterURL,
			docs:  usageOf(`"prompt_tokens":43,"completion_tokens":10,"completion_tokens_details":{"reasoning_tokens":11}`),
			usage: price.Usage{Input: 43, Output: 21, Reasoning: 11}},
		{name: "a total that is zero says nothing", url: openRouterURL,
			docs:  usageOf(`"prompt_tokens":43,"completion_tokens":10,"total_tokens":0`),
			usage: price.Usage{Input: 43, Output: 10}},
		{name: "the total allows a part of the reasoning", url: openRouterURL,
			docs:  usageOf(`"prompt_tokens":43,"completion_tokens":10,"total_tokens":58,"completion_tokens_details":{"reasoning_tokens":20}`),
			usage: price.Usage{Input: 43, Output: 15, Reasoning: 15}},
		{name: "Vercel's total leaves reasoning out", url: "https://ai-gateway.vercel.sh/v1/chat/completions",
			docs:  usageOf(`"prompt_tokens":28,"completion_tokens":9,"total_tokens":37,"completion_tokens_details":{"reasoning_tokens":75}`),
			usage: price.Usage{Input: 28, Output: 84, Reasoning: 75}},
		{name: "a prompt without what a cache has done", url: gatewayURL,
			docs:  usageOf(`"prompt_tokens":10,"completion_tokens":5,"total_tokens":8015,"prompt_tokens_details":{"cached_tokens":8000}`),
			usage: price.Usage{Input: 10, CachedInput: 8000, Output: 5}},
		{name: "tokens that are read and written", url: openRouterURL,
			docs:  usageOf(`"prompt_tokens":2168,"completion_tokens":100,"total_tokens":2268,"prompt_tokens_details":{"cached_tokens":2161,"cache_write_tokens":2161}`),
			usage: price.Usage{Input: 7, CachedInput: 2161, Output: 100}, extras: "read from a cache and as written to it"},
		{name: "some of them", url: openRouterURL,
			docs:  usageOf(`"prompt_tokens":100,"completion_tokens":1,"total_tokens":101,"prompt_tokens_details":{"cached_tokens":80,"cache_write_tokens":50}`),
			usage: price.Usage{Input: 20, CachedInput: 80, Output: 1}, extras: "read from a cache and as written to it"},
		{name: "all of the prompt is written", url: openRouterURL,
			docs:  usageOf(`"prompt_tokens":100,"completion_tokens":1,"total_tokens":101,"prompt_tokens_details":{"cache_write_tokens":100}`),
			usage: price.Usage{CacheWrite: 100, Output: 1}},
		{name: "what was written is apart from the prompt", url: gatewayURL,
			docs:  usageOf(`"prompt_tokens":100,"completion_tokens":10,"total_tokens":160,"prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":50}`),
			usage: price.Usage{Input: 80, CachedInput: 20, CacheWrite: 50, Output: 10}},
		{name: "what was written is apart, and only stated by its time to live", url: gatewayURL,
			docs:  usageOf(`"prompt_tokens":100,"completion_tokens":10,"total_tokens":160,"prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens_details":{"ttl_5m_tokens":50}}`),
			usage: price.Usage{Input: 80, CachedInput: 20, CacheWrite: 50, Output: 10}},
		{name: "what was read is apart from the prompt", url: gatewayURL,
			docs:  usageOf(`"prompt_tokens":100,"completion_tokens":10,"total_tokens":130,"prompt_tokens_details":{"cached_tokens":20,"cache_write_tokens":50}`),
			usage: price.Usage{Input: 50, CachedInput: 20, CacheWrite: 50, Output: 10}},
		{name: "reasoning is apart", url: gatewayURL,
			docs:  usageOf(`"prompt_tokens":100,"completion_tokens":10,"total_tokens":1000,"completion_tokens_details":{"reasoning_tokens":890}`),
			usage: price.Usage{Input: 100, Output: 900, Reasoning: 890}},
		{name: "reasoning is within the output, and does not explain the total", url: gatewayURL,
			docs:    usageOf(`"prompt_tokens":100,"completion_tokens":10,"total_tokens":115,"completion_tokens_details":{"reasoning_tokens":8}`),
			problem: "sum of its parts"},
		{name: "nothing explains the total", url: gatewayURL, docs: usageOf(`"prompt_tokens":100,"completion_tokens":10,"total_tokens":1000`), problem: "sum of its parts"},
		{name: "the same of a response", url: responsesURL, docs: usageOf(`"input_tokens":100,"output_tokens":10,"total_tokens":1000`), problem: "sum of its parts"},
		{name: "the prompt was not counted", url: chatURL, docs: usageOf(`"prompt_tokens":0,"completion_tokens":10,"total_tokens":110`), problem: "sum of its parts"},
		{name: "xAI did not count the prompt", url: "https://api.x.ai/v1/chat/completions", docs: usageOf(`"prompt_tokens":0,"completion_tokens":10,"total_tokens":110`), problem: "sum of its parts"},
		{name: "Google does not state the reasoning", url: "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions",
			docs:  usageOf(`"prompt_tokens":100,"completion_tokens":10,"total_tokens":1000`),
			usage: price.Usage{Input: 100, Output: 900, Reasoning: 890}},
		{name: "embeddings with another total", url: "https://api.openai.com/v1/embeddings", docs: usageOf(`"prompt_tokens":10,"total_tokens":3000`), problem: "sum of its parts"},
		{name: "embeddings of Google's with another total", url: "https://generativelanguage.googleapis.com/v1beta/openai/embeddings", docs: usageOf(`"prompt_tokens":10,"total_tokens":3000`), problem: "sum of its parts"},
		{name: "embeddings with output", url: "https://api.openai.com/v1/embeddings", docs: usageOf(`"prompt_tokens":10,"completion_tokens":2990,"total_tokens":3000`), problem: "counts output"},
		{name: "embeddings whose prompt is zero", url: "https://api.openai.com/v1/embeddings", docs: usageOf(`"prompt_tokens":0,"total_tokens":17`), usage: price.Usage{Input: 17}},
		{name: "embeddings with a total only", url: "https://api.openai.com/v1/embeddings", docs: usageOf(`"total_tokens":17`), usage: price.Usage{Input: 17}},
	})
}

// Audio and images may be cached, too.
func TestUsageCachedKinds(t *testing.T) {
	const sums = `"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,`
	testAnswers(t, []answered{
		{name: "stated", url: chatURL,
			docs:  usageOf(sums + `"prompt_tokens_details":{"text_tokens":700,"audio_tokens":300,"cached_tokens":600,"cached_tokens_details":{"text_tokens":400,"audio_tokens":200}}`),
			usage: price.Usage{Input: 300, CachedInput: 400, AudioInput: 100, CachedAudioInput: 200, Output: 10}},
		{name: "the rest of the text", url: chatURL,
			docs:  usageOf(sums + `"prompt_tokens_details":{"audio_tokens":300,"cached_tokens":600,"cached_tokens_details":{"text_tokens":600}}`),
			usage: price.Usage{Input: 100, CachedInput: 600, AudioInput: 300, Output: 10}},
		{name: "of a response", url: responsesURL,
			docs:  usageOf(`"input_tokens":1000,"output_tokens":10,"total_tokens":1010,"input_tokens_details":{"audio_tokens":300,"cached_tokens":600,"cached_tokens_details":{"audio_tokens":200}}`),
			usage: price.Usage{Input: 300, CachedInput: 400, AudioInput: 100, CachedAudioInput: 200, Output: 10}},
		{name: "it follows", url: chatURL, docs: usageOf(sums + `"prompt_tokens_details":{"audio_tokens":300,"cached_tokens":1000}`),
			usage: price.Usage{CachedInput: 700, CachedAudioInput: 300, Output: 10}},
		{name: "not stated", url: chatURL, docs: usageOf(sums + `"prompt_tokens_details":{"audio_tokens":300,"cached_tokens":600}`), problem: "how much of the audio was cached"},
		{name: "more than there is", url: chatURL, docs: usageOf(sums + `"prompt_tokens_details":{"audio_tokens":300,"cached_tokens":600,"cached_tokens_details":{"audio_tokens":301}}`), problem: "more cached tokens of audio"},
		{name: "images have no price of their own in a chat", url: chatURL,
			docs:  usageOf(sums + `"prompt_tokens_details":{"image_tokens":300,"cached_tokens":600,"cached_tokens_details":{"image_tokens":200,"text_tokens":400}}`),
			usage: price.Usage{Input: 400, CachedInput: 600, Output: 10}},
		{name: "images have one where images are made", url: "https://api.openai.com/v1/images/edits",
			docs: usageOf(`"input_tokens":1000,"output_tokens":10,"total_tokens":1010,"input_tokens_details":{"text_tokens":700,"image_tokens":300,"cached_tokens":600,"cached_tokens_details":{"text_tokens":400,"image_tokens":200}},
				"output_tokens_details":{"image_tokens":8,"text_tokens":2}`),
			usage: price.Usage{Input: 300, CachedInput: 400, ImageInput: 100, CachedImageInput: 200, Output: 2, ImageOutput: 8}},
		{name: "they need not be stated where there are none", url: "https://api.openai.com/v1/images/generations",
			docs:  usageOf(`"input_tokens":1000,"output_tokens":10,"total_tokens":1010,"input_tokens_details":{"text_tokens":1000,"image_tokens":0,"cached_tokens":600}`),
			usage: price.Usage{Input: 400, CachedInput: 600, ImageOutput: 10}},
	})
}

// The answer says for how long tokens were written to a cache. Where it does not, the request does.
func TestUsageCacheWrites(t *testing.T) {
	const chat = `"prompt_tokens":1000,"completion_tokens":10,"total_tokens":1010,"prompt_tokens_details":{"cache_write_tokens":900`
	const response = `"input_tokens":1000,"output_tokens":10,"total_tokens":1010,"input_tokens_details":{"cache_write_tokens":900`
	const long = `{"prompt_cache_options":{"ttl":"12h"}}`
	for _, test := range []struct {
		name, url, request, usage string
		short, hour, half         int64
		assumed                   bool
		problem                   string
	}{
		{"12 hours stated", responsesURL, `{}`, response + `,"cache_write_tokens_details":{"ttl_30m_tokens":0,"ttl_12h_tokens":900}}`, 0, 0, 900, false, ""},
		{"both stated", responsesURL, long, response + `,"cache_write_tokens_details":{"ttl_30m_tokens":700,"ttl_12h_tokens":200}}`, 700, 0, 200, false, ""},
		{"30 minutes stated", chatURL, long, chat + `,"cache_write_tokens_details":{"ttl_30m_tokens":900}}`, 900, 0, 0, false, ""},
		{"only by time", chatURL, long, `"prompt_tokens":1000,"completion_tokens":10,"prompt_tokens_details":{"cache_write_tokens_details":{"ttl_30m_tokens":900}}`, 900, 0, 0, false, ""},
		{"Anthropic's, passed on", gatewayURL, `{}`, chat + `,"cache_creation_token_details":{"ephemeral_5m_input_tokens":400,"ephemeral_1h_input_tokens":500}}`, 400, 500, 0, false, ""},
		{"not stated", chatURL, `{}`, chat + `}`, 900, 0, 0, true, ""},
		{"not stated, zeros", chatURL, `{}`, chat + `,"cache_write_tokens_details":{"ttl_30m_tokens":0,"ttl_12h_tokens":0}}`, 900, 0, 0, true, ""},
		{"not stated, 12 hours asked for", responsesURL, long, response + `}`, 0, 0, 900, true, ""},
		{"less stated than written", chatURL, `{}`, chat + `,"cache_write_tokens_details":{"ttl_12h_tokens":500}}`, 400, 0, 500, false, "for how long all"},
		{"more stated than written", chatURL, `{}`, chat + `,"cache_write_tokens_details":{"ttl_12h_tokens":901}}`, 0, 0, 901, false, "more tokens written"},
	} {
		d, call, _ := recognise(t, http.MethodPost, test.url)
		d.Request(&call, nil, fields(t, call.RequestPaths, test.request))
		var a wire.Answer
		d.Answer(&call, fields(t, call.AnswerPaths, `{"usage":{`+test.usage+`}}`), &a)
		u := a.Usage
		if u.CacheWrite != test.short || u.CacheWrite1h != test.hour || u.CacheWrite12h != test.half || a.TTLAssumed != test.assumed ||
			(a.Problem == "") != (test.problem == "") || !strings.Contains(a.Problem, test.problem) {
			t.Errorf("%s: %+v, assumed %v, problem %q", test.name, u, a.TTLAssumed, a.Problem)
		}
		if test.problem == "" && u.Prompt() != 1000 {
			t.Errorf("%s: a prompt of %d", test.name, u.Prompt())
		}
	}
}

// The usages of a stream add to each other: what a later one does not say, or says to be zero, stays.
func TestUsageLaterZeros(t *testing.T) {
	testAnswers(t, []answered{
		{name: "all zero", url: chatURL, docs: []string{
			`{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"prompt_tokens_details":{"cached_tokens":4}}}`,
			`{"choices":[],"usage":{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0,"prompt_tokens_details":{"cached_tokens":0}}}`},
			usage: price.Usage{Input: 6, CachedInput: 4, Output: 5}},
		{name: "the prompt is zero", url: chatURL, docs: []string{
			`{"choices":[{}],"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}`,
			`{"choices":[{}],"usage":{"prompt_tokens":0,"completion_tokens":9,"total_tokens":9}}`},
			usage: price.Usage{Input: 10, Output: 9}},
		{name: "later without details", url: chatURL, docs: []string{
			`{"choices":[{}],"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":4}}}`,
			`{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":9}}`},
			usage: price.Usage{Input: 6, CachedInput: 4, Output: 9}},
		{name: "of a response", url: responsesURL, docs: []string{
			`{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":10,"output_tokens":5,"total_tokens":15}}}`,
			`{"type":"response.completed","response":{"id":"r","status":"completed","usage":{"input_tokens":0,"output_tokens":0,"total_tokens":0}}}`},
			usage: price.Usage{Input: 10, Output: 5}},
	})
}

// Moonshot has a stream's usage within a choice.
func TestUsageInChoices(t *testing.T) {
	testAnswers(t, []answered{
		{name: "in one", url: moonshotURL, docs: []string{`{"choices":[{"index":0,"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15,"cached_tokens":4}}]}`},
			usage: price.Usage{Input: 6, CachedInput: 4, Output: 5}},
		{name: "in one, and at the top", url: moonshotURL, docs: []string{
			`{"choices":[{"index":0,"finish_reason":"stop","usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}],"usage":{"prompt_tokens":11,"completion_tokens":5,"total_tokens":16}}`},
			usage: price.Usage{Input: 11, Output: 5}},
		{name: "null", url: moonshotURL, docs: []string{`{"choices":[{"index":0,"usage":null},{"index":1,"usage":7}]}`}, noUsage: true},
		{name: "a word in the text", url: moonshotURL, docs: []string{`{"choices":[{"delta":{"content":"{\"usage\": {}}"}}]}`}, noUsage: true},
	})
}

// A usage that is longer than any is not read, and its cost not known.
func TestUsageTooLong(t *testing.T) {
	long := `{"choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"x":"` + strings.Repeat("x", 5000) + `"}}`
	d, call, _ := recognise(t, http.MethodPost, chatURL)
	r, _ := read(d, &call, "application/json", long)
	if a := r.Answer; !a.HasUsage || !strings.Contains(a.Problem, "too long") {
		t.Errorf("%+v", a)
	}
}

// Whatever a usage says, no count is negative. If it can be trusted, there is never more input than the prompt, or than was
// cached, and never more output than the total allows.
func TestUsageProperties(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func() int64 {
		return []int64{0, random.Int64N(12), random.Int64N(12), random.Int64N(3000)}[random.IntN(4)]
	}
	for _, url := range []string{chatURL, openRouterURL, "https://api.x.ai/v1/chat/completions", "https://api.openai.com/v1/images/edits", responsesURL} {
		trusted := 0
		for range 5_000 {
			prompt, output, cached, written, reasoning := some(), some(), some(), some(), some()
			audio, cachedAudio, images, audioOut := some(), some(), some(), some()
			total := []int64{0, prompt + output, prompt + output, prompt + output + reasoning, prompt + output + some()}[random.IntN(5)]
			doc := fmt.Sprintf(`{"usage":{"input_tokens":%d,"output_tokens":%d,"total_tokens":%d,"input_tokens_details":{"cached_tokens":%d,"cache_write_tokens":%d,
				"audio_tokens":%d,"image_tokens":%d,"cached_tokens_details":{"audio_tokens":%d}},"output_tokens_details":{"reasoning_tokens":%d,"audio_tokens":%d}}}`,
				prompt, output, total, cached, written, audio, images, cachedAudio, reasoning, audioOut)
			a := answer(t, url, doc)
			u := a.Usage
			for _, c := range u.Counters() {
				if *c.Count < 0 {
					t.Fatalf("%s\n%+v", doc, u)
				}
			}
			if a.Problem != "" {
				continue
			}
			trusted++
			left := max(0, total-prompt-output) // may be of the prompt, or of the output
			most, given := max(prompt+left, cached), u.Output+u.AudioOutput+u.ImageOutput
			if url == "https://api.x.ai/v1/chat/completions" {
				most = max(most, cached+images) // its images are never cached
			}
			if u.Prompt() > most || total > 0 && given > output+left || total == 0 && given > output+reasoning || u.Reasoning > u.Output {
				t.Fatalf("%s\n%+v", doc, u)
			}
		}
		if trusted < 100 {
			t.Errorf("%s: only %d can be trusted", url, trusted)
		}
	}
}
