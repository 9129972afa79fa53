package middleware_test

// The oracle says what a recorded answer used, by what the providers write about their own counting, and by nothing of
// this library's: it reads the whole body with encoding/json, plainly and slowly. TestRecordedTraffic holds the
// library's rows against it.

import (
	"bufio"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A verdict is what the oracle expects of one exchange.
type verdict struct {
	call     demand      // whether the exchange has to leave a row
	usage    price.Usage // what the answer says was used
	has      bool        // it says so at all
	doubtful bool        // its total contradicts its parts: the library may say that it does not trust it
	failed   bool        // a 2xx answer that holds an error
}

type demand int

const (
	noCall   demand = iota // free, or of a kind that is not supported: a row, if there is one, must not claim usage
	anyCall                // a call whose way of counting is not documented: a row, if there is one, may say anything
	mayCall                // a call that costs money and is not supported: a row, if there is one, must be right
	mustCall               // exactly one row
)

// A counting is one way in which providers count.
type counting int

const (
	countOpenAI       counting = iota // prompt_tokens or input_tokens, caches included
	countVercel                       // as OpenAI, but reasoning is in no other count
	countEmbeddings                   // as OpenAI, but nothing is generated
	countImages                       // as OpenAI, but images have a price of their own
	countGemini                       // usageMetadata
	countInteractions                 // usage.total_input_tokens
	countAnthropic                    // input_tokens, caches excluded
)

// judge is the oracle.
func judge(x *exchange) verdict {
	v := verdict{}
	var how counting
	if v.call, how = operationOf(x); v.call <= anyCall {
		return v
	}
	if x.Status < 200 || x.Status > 299 {
		return v // a rejection has no usage
	}
	documents := documentsOf(x.ResponseBody)
	v.failed = anyFailed(documents)
	switch how {
	case countGemini:
		v.usage, v.has, v.doubtful = geminiUsage(documents)
	case countInteractions:
		v.usage, v.has = interactionsUsage(documents)
	case countAnthropic:
		v.usage, v.has = anthropicUsage(documents)
	default:
		v.usage, v.has, v.doubtful = openAIUsage(documents, how)
	}
	return v
}

// ---- what is a call

// openAIOperations are the ends of the paths of OpenAI's API that cost tokens.
var openAIOperations = []struct {
	suffix string
	how    counting
}{
	{"/chat/completions", countOpenAI},
	{"/responses", countOpenAI},
	{"/embeddings", countEmbeddings},
	{"/completions", countOpenAI},
	{"/audio/transcriptions", countOpenAI},
	{"/audio/translations", countOpenAI},
	{"/images/generations", countImages},
	{"/images/edits", countImages},
}

// promised are, by host, the ends of the paths that the library has to understand; "" is every other host, where a chat
// is taken for OpenAI's.
var promised = map[string][]string{
	"api.openai.com":                {"/chat/completions", "/responses", "/embeddings", "/completions", "/audio/transcriptions", "/images/generations", "/images/edits"},
	"*.openai.azure.com":            {"/chat/completions", "/responses", "/embeddings"},
	"*.cognitiveservices.azure.com": {"/chat/completions", "/responses", "/embeddings"},
	"*.services.ai.azure.com":       {"/chat/completions", "/responses", "/embeddings"},
	"api.mistral.ai":                {"/chat/completions", "/embeddings"},
	"api.x.ai":                      {"/chat/completions", "/responses"},
	"":                              {"/chat/completions"},
}

// operationOf says whether the exchange is a call, and how its provider counts. It goes by method, host and path.
func operationOf(x *exchange) (demand, counting) {
	path, _, _ := strings.Cut(x.Path, "?")
	if x.Method != "POST" {
		return noCall, 0
	}
	google := x.Provider == "generativelanguage.googleapis.com" || x.Provider == "aiplatform.googleapis.com"
	switch {
	case google && strings.HasSuffix(path, "/interactions"):
		return mustCall, countInteractions
	case google && (strings.HasSuffix(path, ":generateContent") || strings.HasSuffix(path, ":streamGenerateContent")):
		return mustCall, countGemini
	case google && strings.HasSuffix(path, "/cachedContents"):
		return anyCall, 0
	case google && (strings.HasSuffix(path, ":embedContent") || strings.HasSuffix(path, ":batchEmbedContents")):
		return mayCall, countGemini
	case x.Provider == "aiplatform.googleapis.com" && strings.Contains(path, "/publishers/anthropic/"):
		return mayCall, countAnthropic
	case x.Provider == "api.anthropic.com" && path == "/v1/messages":
		return mustCall, countAnthropic
	case x.Provider == "ollama":
		return noCall, 0
	}
	for _, op := range openAIOperations {
		if !strings.HasSuffix(path, op.suffix) {
			continue
		}
		ends, known := promised[x.Provider]
		if !known {
			ends = promised[""]
		}
		if x.Provider == "ai-gateway.vercel.sh" && op.how == countOpenAI {
			return mustCall, countVercel
		}
		if slices.Contains(ends, op.suffix) {
			return mustCall, op.how
		}
		return mayCall, op.how
	}
	return noCall, 0
}

// ---- how bodies fall into documents

type object = map[string]any

// documentsOf returns the JSON objects of a body: a single one, those of an array, or the data of a stream's events.
func documentsOf(body string) []object {
	switch trimmed := strings.TrimSpace(body); {
	case strings.HasPrefix(trimmed, "{"):
		if d, ok := parse(trimmed).(object); ok {
			return []object{d}
		}
		return nil
	case strings.HasPrefix(trimmed, "["):
		elements, _ := parse(trimmed).([]any)
		return objects(elements)
	}
	var documents []object
	for _, data := range eventsOf(body) {
		if d, ok := parse(data).(object); ok {
			documents = append(documents, d)
		}
	}
	return documents
}

// eventsOf returns the data of a stream's events. An event that the body ends in the middle of counts.
func eventsOf(body string) []string {
	var events, lines []string
	for r := bufio.NewReader(strings.NewReader(body)); ; {
		line, err := r.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		if data, ok := strings.CutPrefix(line, "data:"); ok {
			lines = append(lines, strings.TrimPrefix(data, " "))
		}
		if (line == "" || err == io.EOF) && len(lines) > 0 {
			events, lines = append(events, strings.Join(lines, "\n")), nil
		}
		if err != nil {
			return events
		}
	}
}

// parse returns the one JSON value of s; nil if it is not one. (A made-up recording has lost the blank lines between
// its events. By the rules of SSE it is a single one then, whose data are several documents: that cannot be read.)
func parse(s string) any {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil
	}
	return v
}

func objects(elements []any) (list []object) {
	for _, e := range elements {
		if o, ok := e.(object); ok {
			list = append(list, o)
		}
	}
	return list
}

// at follows keys down to an object; nil if there is none.
func at(o object, keys ...string) object {
	for _, k := range keys {
		o, _ = o[k].(object)
	}
	return o
}

// count returns the first of the members that is a number.
func count(o object, keys ...string) (int64, bool) {
	for _, k := range keys {
		if n, ok := o[k].(json.Number); ok {
			if i, err := n.Int64(); err == nil {
				return i, true
			}
		}
	}
	return 0, false
}

func number(o object, keys ...string) int64 {
	n, _ := count(o, keys...)
	return n
}

// anyFailed reports whether one of the documents says that the provider failed: OpenAI's, Gemini's and Anthropic's
// top-level error, and the failed response of OpenAI's Responses API.
func anyFailed(documents []object) bool {
	for _, d := range documents {
		if d["error"] != nil || d["type"] == "error" || d["status"] == "failed" {
			return true
		}
		if at(d, "response")["status"] == "failed" {
			return true
		}
	}
	return false
}

// ---- OpenAI, and providers with its API

// openAIUsage is the last usage that is reported, in any of the places for it: at the top, in Groq's x_groq, and
// in the response of a terminal event.
func openAIUsage(documents []object, how counting) (u price.Usage, has, doubtful bool) {
	var last object
	for _, d := range documents {
		for _, place := range [][]string{{"x_groq", "usage"}, {"usage"}, {"response", "usage"}} {
			if o := at(d, place...); len(o) > 0 {
				last = o
			}
		}
	}
	u, has, doubtful = openAICounts(last, how)
	for _, d := range documents {
		for _, o := range []object{d, at(d, "response")} {
			if n, ok := count(at(o, "tool_usage", "web_search"), "num_requests"); ok {
				u.WebSearches = n
			}
		}
	}
	return u, has, doubtful
}

func openAICounts(o object, how counting) (u price.Usage, has, doubtful bool) {
	prompt, hasPrompt := count(o, "prompt_tokens", "input_tokens")
	completion, hasCompletion := count(o, "completion_tokens", "output_tokens")
	if how == countEmbeddings && !hasPrompt {
		prompt, hasPrompt = count(o, "total_tokens") // Voyage's
	}
	if !hasPrompt && !hasCompletion {
		return u, false, false // a duration's, or an amount of money: no tokens
	}
	if how == countEmbeddings {
		completion = 0 // an embedding generates nothing
	}
	in := firstObject(o, "prompt_tokens_details", "input_tokens_details", "input_token_details", "prompt_token_details")
	out := firstObject(o, "completion_tokens_details", "output_tokens_details")
	audioIn, audioOut := number(in, "audio_tokens"), number(out, "audio_tokens")
	// DeepSeek says its hits twice; older answers of Mistral's have only num_cached_tokens.
	u.CachedInput = max(number(in, "cached_tokens"), number(o, "prompt_cache_hit_tokens"), number(o, "num_cached_tokens"))
	u.CacheWrite = number(in, "cache_write_tokens")
	reasoning := max(number(out, "reasoning_tokens"), number(o, "reasoning_tokens"))

	// What the total has beyond prompt and completion.
	var beyond int64
	total, hasTotal := count(o, "total_tokens")
	if hasTotal && how != countEmbeddings {
		beyond = max(0, total-prompt-completion)
		doubtful = total < prompt+completion
	}
	// At Mistral, audio is not in prompt_tokens (prompt 9 + completion 201 + audio 375 = total 585). Older answers leave
	// even the audio's count to the total, and say only its seconds.
	if beyond > 0 && reasoning == 0 && number(o, "prompt_audio_seconds") > 0 {
		audioIn, beyond = beyond, 0
		prompt += audioIn
	}
	u.AudioInput, u.AudioOutput = audioIn, audioOut
	u.ImageOutput = number(out, "image_tokens")
	if how == countImages {
		// Only here do images of the prompt cost otherwise than text. Older answers do not say what they generated: images.
		u.ImageInput = number(in, "image_tokens")
		if len(out) == 0 {
			u.ImageOutput = completion
		}
	}
	// Cached may be more than the prompt: the fresh part is never negative, and the cached count stands.
	u.Input = max(0, prompt-u.CachedInput-u.CacheWrite-u.AudioInput-u.ImageInput)
	u.Output = max(0, completion-audioOut-u.ImageOutput)
	switch {
	case beyond > 0: // reasoning outside of completion: xAI, Gemini's compatible face
		u.Output += beyond
		u.Reasoning = beyond
	case reasoning > u.Output && (how == countVercel || !hasTotal): // what is more than the whole cannot be within it
		u.Output += reasoning
		u.Reasoning = reasoning
	case reasoning > u.Output: // the total does not allow it
		u.Reasoning = u.Output
	default:
		u.Reasoning = reasoning
	}
	return u, true, doubtful
}

func firstObject(o object, keys ...string) object {
	for _, k := range keys {
		if v := at(o, k); v != nil {
			return v
		}
	}
	return nil
}

// ---- Gemini and Vertex

// geminiUsage is the last snapshot that counts anything: Vertex sends chunks that have only a trafficType.
func geminiUsage(documents []object) (u price.Usage, has, doubtful bool) {
	var last object
	for _, d := range documents {
		o := at(d, "usageMetadata")
		if _, ok := count(o, "promptTokenCount", "candidatesTokenCount", "totalTokenCount"); ok {
			last = o
		}
	}
	if last == nil {
		return u, false, false
	}
	prompt, cached := number(last, "promptTokenCount"), number(last, "cachedContentTokenCount")
	candidates, thoughts := number(last, "candidatesTokenCount"), number(last, "thoughtsTokenCount")
	tool := number(last, "toolUsePromptTokenCount")
	if total, ok := count(last, "totalTokenCount"); ok {
		doubtful = total < prompt+candidates+thoughts+tool
	}
	audio, allIn := modality(last, "promptTokensDetails", "AUDIO", "4")
	audioCached, _ := modality(last, "cacheTokensDetails", "AUDIO", "4")
	audioTool, _ := modality(last, "toolUsePromptTokensDetails", "AUDIO", "4")
	audioOut, _ := modality(last, "candidatesTokensDetails", "AUDIO", "4")
	u.ImageOutput, _ = modality(last, "candidatesTokensDetails", "IMAGE", "2")
	if allIn > prompt-cached { // the details are of the whole prompt; some answers have only those of its fresh part
		audio = max(0, audio-audioCached)
	}
	u.CachedAudioInput = audioCached
	u.CachedInput = max(0, cached-audioCached)
	u.AudioInput = audio + audioTool
	u.Input = max(0, prompt-cached-audio) + max(0, tool-audioTool)
	u.AudioOutput = audioOut
	u.Output = max(0, candidates-audioOut-u.ImageOutput) + thoughts
	u.Reasoning = thoughts
	u.WebSearches = groundedPrompts(documents)
	return u, true, doubtful
}

// groundedPrompts is 1 if a search was made: the models on record are of those that are charged for by the prompt.
func groundedPrompts(documents []object) (n int64) {
	for _, d := range documents {
		candidates, _ := d["candidates"].([]any)
		for _, c := range objects(candidates) {
			if queries, _ := at(c, "groundingMetadata")["webSearchQueries"].([]any); len(queries) > 0 {
				n = 1
			}
		}
	}
	return n
}

// modality returns the tokens of one modality in a list of counts by modality, and all of the list's. With
// enum-encoding=int a modality is a number (google.ai.generativelanguage.v1beta.Modality).
func modality(o object, key, name, enum string) (some, all int64) {
	list, _ := o[key].([]any)
	for _, d := range objects(list) {
		n := number(d, "tokenCount")
		all += n
		if d["modality"] == name || d["modality"] == json.Number(enum) {
			some += n
		}
	}
	return some, all
}

// interactionsUsage is Gemini's newer API's: thoughts and tool use are outside of total_output_tokens and
// total_input_tokens, as in usageMetadata.
func interactionsUsage(documents []object) (u price.Usage, has bool) {
	for _, d := range documents {
		for _, place := range [][]string{{"usage"}, {"interaction", "usage"}} {
			o := at(d, place...)
			input, ok := count(o, "total_input_tokens")
			if !ok {
				continue
			}
			cached, thoughts := number(o, "total_cached_tokens"), number(o, "total_thought_tokens")
			u = price.Usage{
				Input:       max(0, input-cached) + number(o, "total_tool_use_tokens"),
				CachedInput: cached,
				Output:      number(o, "total_output_tokens") + thoughts,
				Reasoning:   thoughts,
			}
			has = true
		}
	}
	return u, has
}

// ---- Anthropic

// anthropicUsage puts together what message_start says with what message_delta changes: member by member, as a delta
// has only some of them. Caches are not in input_tokens.
func anthropicUsage(documents []object) (u price.Usage, has bool) {
	merged := object{}
	for _, d := range documents {
		for _, o := range []object{at(d, "message", "usage"), at(d, "usage")} {
			for k, v := range o {
				if v != nil {
					merged[k] = v
				}
			}
		}
	}
	if _, ok := count(merged, "input_tokens", "output_tokens"); !ok {
		return u, false
	}
	split := at(merged, "cache_creation")
	u.CacheWrite1h = number(split, "ephemeral_1h_input_tokens")
	u.CacheWrite = number(split, "ephemeral_5m_input_tokens")
	if all, ok := count(merged, "cache_creation_input_tokens"); ok {
		u.CacheWrite = max(0, all-u.CacheWrite1h)
	}
	u.Input = number(merged, "input_tokens")
	u.CachedInput = number(merged, "cache_read_input_tokens")
	u.Output = number(merged, "output_tokens")
	u.Reasoning = min(u.Output, number(at(merged, "output_tokens_details"), "thinking_tokens"))
	u.WebSearches = number(at(merged, "server_tool_use"), "web_search_requests")
	return u, true
}

// TestOracle compares the oracle itself with counts that were worked out by hand.
func TestOracle(t *testing.T) {
	for _, c := range []struct {
		name, provider, path, body string
		want                       price.Usage
	}{
		{"openai, cache written", "api.openai.com", "/v1/chat/completions",
			`{"usage":{"prompt_tokens":4020,"completion_tokens":4,"total_tokens":4024,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":4012},"completion_tokens_details":{"reasoning_tokens":0}}}`,
			price.Usage{Input: 8, CacheWrite: 4012, Output: 4}},
		{"openai, reasoning within", "api.openai.com", "/v1/responses",
			"event: response.created\ndata: {\"response\":{\"usage\":null}}\n\nevent: response.completed\ndata: {\"response\":{\"usage\":{\"input_tokens\":53,\"output_tokens\":469,\"output_tokens_details\":{\"reasoning_tokens\":448},\"total_tokens\":522}}}\n\n",
			price.Usage{Input: 53, Output: 469, Reasoning: 448}},
		{"gemini's compatible face, thoughts only in the total", "generativelanguage.googleapis.com", "/v1beta/openai/chat/completions",
			`{"usage":{"completion_tokens":12,"prompt_tokens":35,"total_tokens":109}}`,
			price.Usage{Input: 35, Output: 74, Reasoning: 62}},
		{"xai, more cached than prompted", "api.x.ai", "/v1/chat/completions",
			`{"usage":{"prompt_tokens":7,"completion_tokens":1,"total_tokens":67,"prompt_tokens_details":{"cached_tokens":163},"completion_tokens_details":{"reasoning_tokens":59}}}`,
			price.Usage{CachedInput: 163, Output: 60, Reasoning: 59}},
		{"mistral, audio besides the prompt", "api.mistral.ai", "/v1/chat/completions",
			`{"usage":{"prompt_audio_seconds":4,"prompt_tokens":9,"completion_tokens":201,"total_tokens":585,"prompt_tokens_details":{"audio_tokens":375}}}`,
			price.Usage{Input: 9, AudioInput: 375, Output: 201}},
		{"transcription", "api.openai.com", "/v1/audio/transcriptions",
			`{"usage":{"type":"tokens","total_tokens":181,"input_tokens":37,"input_token_details":{"text_tokens":0,"audio_tokens":37},"output_tokens":144}}`,
			price.Usage{AudioInput: 37, Output: 144}},
		{"images", "api.openai.com", "/v1/images/edits",
			`{"usage":{"input_tokens":573,"input_tokens_details":{"image_tokens":517,"text_tokens":56},"output_tokens":4160,"total_tokens":4733}}`,
			price.Usage{Input: 56, ImageInput: 517, ImageOutput: 4160}},
		{"gemini, cached audio", "generativelanguage.googleapis.com", "/v1beta/models/m:generateContent",
			`{"usageMetadata":{"promptTokenCount":100,"cachedContentTokenCount":60,"candidatesTokenCount":20,"thoughtsTokenCount":5,"toolUsePromptTokenCount":7,"totalTokenCount":132,
			"promptTokensDetails":[{"modality":"AUDIO","tokenCount":70},{"modality":"TEXT","tokenCount":30}],"cacheTokensDetails":[{"modality":"AUDIO","tokenCount":50},{"modality":"TEXT","tokenCount":10}],
			"candidatesTokensDetails":[{"modality":4,"tokenCount":15},{"modality":"TEXT","tokenCount":5}]}}`,
			price.Usage{Input: 20 + 7, CachedInput: 10, CachedAudioInput: 50, AudioInput: 20, AudioOutput: 15, Output: 5 + 5, Reasoning: 5}},
		{"interactions", "generativelanguage.googleapis.com", "/v1beta/interactions",
			`{"usage":{"total_input_tokens":50,"total_cached_tokens":30,"total_output_tokens":8,"total_thought_tokens":4,"total_tool_use_tokens":3,"total_tokens":65}}`,
			price.Usage{Input: 23, CachedInput: 30, Output: 12, Reasoning: 4}},
		{"anthropic, a stream", "api.anthropic.com", "/v1/messages",
			"data: {\"message\":{\"usage\":{\"input_tokens\":4,\"cache_creation_input_tokens\":1165,\"cache_read_input_tokens\":9,\"cache_creation\":{\"ephemeral_5m_input_tokens\":165,\"ephemeral_1h_input_tokens\":1000},\"output_tokens\":1}}}\r\n\r\ndata: {\"usage\":{\"output_tokens\":237}}",
			price.Usage{Input: 4, CachedInput: 9, CacheWrite: 165, CacheWrite1h: 1000, Output: 237}},
	} {
		v := judge(&exchange{Provider: c.provider, Method: "POST", Path: c.path, Status: 200, ResponseBody: c.body})
		if v.call != mustCall || !v.has || v.usage != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, v, c.want)
		}
	}
}
