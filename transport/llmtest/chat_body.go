package llmtest

import "encoding/json"

// The bodies of OpenAI's chat responses. The order of the fields is OpenAI's.
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
		Role        string     `json:"role"`
		Content     *string    `json:"content"`
		ToolCalls   []toolCall `json:"tool_calls,omitempty"`
		Refusal     *string    `json:"refusal"`
		Annotations []string   `json:"annotations"`
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
		// Writes is in responses that are not streamed, and in streams only where writes have a price.
		Writes *int64        `json:"cache_write_tokens,omitempty"`
		Times  *writtenTimes `json:"cache_write_tokens_details,omitempty"` // only where writes have a price
		Audio  int64         `json:"audio_tokens"`
	}
	writtenTimes struct {
		Short int64 `json:"ttl_30m_tokens"`
		Long  int64 `json:"ttl_12h_tokens"`
	}
	outputDetails struct {
		Reasoning int64 `json:"reasoning_tokens"`
		Audio     int64 `json:"audio_tokens"`
		Accepted  int64 `json:"accepted_prediction_tokens"`
		Rejected  int64 `json:"rejected_prediction_tokens"`
	}
)

// usageOf returns the usage of g in OpenAI's format.
func usageOf(g Generation) usageBody {
	u := usageBody{
		Prompt: g.Prompt, Completion: g.Completion, Total: g.Prompt + g.Completion,
		In:  promptDetails{Cached: g.Cached},
		Out: outputDetails{Reasoning: g.Reasoning},
	}
	if g.Written > 0 {
		u.In.Writes, u.In.Times = &g.Written, timesOf(g)
	}
	return u
}

// timesOf returns for how long the tokens of g were written to a cache; nil if there are none.
func timesOf(g Generation) *writtenTimes {
	if g.Written == 0 {
		return nil
	}
	return &writtenTimes{g.Written - g.WrittenLong, g.WrittenLong}
}

// completion returns the body of a response that is not streamed.
func completion(x *exchange, g Generation) []byte {
	usage := usageOf(g)
	usage.In.Writes = &g.Written
	return encode(completionBody{
		ID: g.ID, Object: "chat.completion", Created: g.At.Unix(), Model: g.Model,
		Choices: []completionChoice{{
			Message: messageBody{Role: "assistant", Content: joined(x.text(g)), ToolCalls: toolCalls(x.script.calls), Annotations: []string{}},
			Finish:  x.finish(g),
		}},
		Usage: usage, Tier: g.Tier,
	})
}

// chatChunks returns all chunks of a stream. The event [DONE] follows them.
func chatChunks(x *exchange, g Generation) [][]byte {
	text := x.text(g)
	deltas := []string{`{"role":"assistant","content":"","refusal":null}`}
	if text == nil {
		deltas[0] = `{"role":"assistant","content":null,"refusal":null}`
	}
	for _, piece := range text {
		deltas = append(deltas, `{"content":`+string(encode(piece))+`}`)
	}
	for i, c := range x.script.calls {
		deltas = append(deltas, toolDelta(toolCall{Index: &i, ID: c.ID, Type: "function", Function: function{Name: c.Name}}))
		for _, piece := range split(c.Arguments, x.cfg.Chunks) {
			deltas = append(deltas, toolDelta(toolCall{Index: &i, Function: function{Arguments: piece}}))
		}
	}
	var chunks [][]byte
	for i, delta := range deltas {
		chunks = append(chunks, chatChunk(x, g, i, choice(delta, nil), "null"))
	}
	finish := x.finish(g)
	chunks = append(chunks, chatChunk(x, g, len(chunks), choice(`{}`, &finish), "null"))
	if x.params.includeUsage {
		chunks = append(chunks, chatChunk(x, g, len(chunks), []chunkChoice{}, string(encode(usageOf(g)))))
	}
	return chunks
}

// choice returns the choices of a chunk.
func choice(delta string, finish *string) []chunkChoice {
	return []chunkChoice{{Delta: json.RawMessage(delta), Finish: finish}}
}

// chatChunk returns the i-th chunk of a stream. It has the key "usage" only if usage was
// asked for.
func chatChunk(x *exchange, g Generation, i int, choices []chunkChoice, usage string) []byte {
	c := chunkBody{
		ID: g.ID, Object: "chat.completion.chunk", Created: g.At.Unix(), Model: g.Model,
		Tier: g.Tier, Fingerprint: "fp_llmtest", Choices: choices,
	}
	if x.params.includeUsage {
		c.Usage = json.RawMessage(usage)
	}
	if !x.params.noObfuscation {
		c.Obfuscation = padding(fold(g.Call), uint64(i))
	}
	return encode(c)
}
