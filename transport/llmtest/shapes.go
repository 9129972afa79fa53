package llmtest

import (
	"encoding/json"
	"strings"
)

// The shapes of OpenAI's chat answers, their keys in the order of the wire.
type (
	completionBody struct {
		ID          string             `json:"id"`
		Object      string             `json:"object"`
		Created     int64              `json:"created"`
		Model       string             `json:"model"`
		Choices     []completionChoice `json:"choices"`
		Usage       usageBody          `json:"usage"`
		Tier        string             `json:"service_tier"`
		Fingerprint *string            `json:"system_fingerprint"`
	}
	completionChoice struct {
		Index   int         `json:"index"`
		Message messageBody `json:"message"`
		Finish  string      `json:"finish_reason"`
	}
	messageBody struct {
		Role        string   `json:"role"`
		Content     string   `json:"content"`
		Refusal     *string  `json:"refusal"`
		Annotations []string `json:"annotations"`
	}
	chunkBody struct {
		ID          string          `json:"id"`
		Object      string          `json:"object"`
		Created     int64           `json:"created"`
		Model       string          `json:"model"`
		Tier        string          `json:"service_tier"`
		Fingerprint string          `json:"system_fingerprint"`
		Choices     []chunkChoice   `json:"choices"`
		Usage       json.RawMessage `json:"usage,omitempty"`
		Obfuscation string          `json:"obfuscation,omitempty"`
	}
	chunkChoice struct {
		Index    int             `json:"index"`
		Delta    json.RawMessage `json:"delta"`
		Logprobs *string         `json:"logprobs"`
		Finish   *string         `json:"finish_reason"`
	}
	usageBody struct {
		Prompt     int64         `json:"prompt_tokens"`
		Completion int64         `json:"completion_tokens"`
		Total      int64         `json:"total_tokens"`
		In         promptDetails `json:"prompt_tokens_details"`
		Out        outputDetails `json:"completion_tokens_details"`
	}
	promptDetails struct {
		Cached int64 `json:"cached_tokens"`
		// Writes is in the recorded unary answer and not in the recorded stream.
		Writes *int64 `json:"cache_write_tokens,omitempty"`
		Audio  int64  `json:"audio_tokens"`
	}
	outputDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
		Audio     int64 `json:"audio_tokens"`
		Accepted  int64 `json:"accepted_prediction_tokens"`
		Rejected  int64 `json:"rejected_prediction_tokens"`
	}
)

func usageOf(g Generation) usageBody {
	return usageBody{
		Prompt: g.Prompt, Completion: g.Completion, Total: g.Prompt + g.Completion,
		In:  promptDetails{Cached: g.Cached},
		Out: outputDetails{Reasoning: g.Reasoning},
	}
}

// completion returns the body of an answer that is not streamed.
func completion(g Generation, text []string, finish string) []byte {
	usage := usageOf(g)
	usage.In.Writes = new(int64)
	return encode(completionBody{
		ID: g.ID, Object: "chat.completion", Created: g.At.Unix(), Model: g.Model,
		Choices: []completionChoice{{
			Message: messageBody{Role: "assistant", Content: strings.Join(text, ""), Annotations: []string{}},
			Finish:  finish,
		}},
		Usage: usage, Tier: g.Tier,
	})
}

// events returns the data of every event of a streamed answer but the last,
// which is [DONE].
func (x *exchange) events(g Generation) [][]byte {
	deltas := []string{`{"role":"assistant","content":"","refusal":null}`}
	for _, piece := range x.text(g) {
		deltas = append(deltas, `{"content":`+string(encode(piece))+`}`)
	}
	var events [][]byte
	for i, delta := range deltas {
		events = append(events, x.chunk(g, i, choice(delta, nil), "null"))
	}
	finish := x.ask.finish(g)
	events = append(events, x.chunk(g, len(events), choice(`{}`, &finish), "null"))
	if x.ask.includeUsage {
		events = append(events, x.chunk(g, len(events), []chunkChoice{}, string(encode(usageOf(g)))))
	}
	return events
}

func choice(delta string, finish *string) []chunkChoice {
	return []chunkChoice{{Delta: json.RawMessage(delta), Finish: finish}}
}

// chunk returns the i-th chunk of a stream. Its usage is left out altogether
// where it was not asked for.
func (x *exchange) chunk(g Generation, i int, choices []chunkChoice, usage string) []byte {
	c := chunkBody{
		ID: g.ID, Object: "chat.completion.chunk", Created: g.At.Unix(), Model: g.Model,
		Tier: g.Tier, Fingerprint: "fp_llmtest", Choices: choices,
	}
	if x.ask.includeUsage {
		c.Usage = json.RawMessage(usage)
	}
	if !x.ask.plain {
		c.Obfuscation = padding(fold(g.Call), uint64(i))
	}
	return encode(c)
}

// padding returns one to fourteen letters, which hide how long a chunk is.
func padding(seed, n uint64) string {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	bits := draw(seed, n)
	b := make([]byte, 1+bits%14)
	for i := range b {
		bits = mix(bits)
		b[i] = letters[bits%uint64(len(letters))]
	}
	return string(b)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // only our own shapes come here, and they always marshal
	}
	return b
}
