package llmtest

import "encoding/json"

// The bodies of Azure's chat responses. Azure sends the fields in alphabetical order. It
// sends the tier only if one was asked for.
type (
	azureBody struct {
		Choices     []azureChoice  `json:"choices"`
		Created     int64          `json:"created"`
		ID          string         `json:"id"`
		Model       string         `json:"model"`
		Object      string         `json:"object"`
		Prompts     []promptFilter `json:"prompt_filter_results"`
		Tier        string         `json:"service_tier,omitempty"`
		Fingerprint *string        `json:"system_fingerprint"`
		Usage       azureUsage     `json:"usage"`
	}
	azureChoice struct {
		Filter   filterResults `json:"content_filter_results"`
		Finish   string        `json:"finish_reason"`
		Index    int           `json:"index"`
		Logprobs *string       `json:"logprobs"`
		Message  azureMessage  `json:"message"`
	}
	azureMessage struct {
		Annotations []string     `json:"annotations"`
		Content     *string      `json:"content"`
		Refusal     *string      `json:"refusal"`
		Role        string       `json:"role"`
		ToolCalls   []sortedCall `json:"tool_calls,omitempty"`
	}
	azureChunk struct {
		Choices     []azureDelta    `json:"choices"`
		Created     int64           `json:"created"`
		ID          string          `json:"id"`
		Model       string          `json:"model"`
		Obfuscation string          `json:"obfuscation,omitempty"`
		Object      string          `json:"object"`
		Tier        string          `json:"service_tier,omitempty"`
		Fingerprint *string         `json:"system_fingerprint"`
		Usage       json.RawMessage `json:"usage,omitempty"`
	}
	azureDelta struct {
		Filter   filterResults   `json:"content_filter_results"`
		Delta    json.RawMessage `json:"delta"`
		Finish   *string         `json:"finish_reason"`
		Index    int             `json:"index"`
		Logprobs *string         `json:"logprobs"`
	}
	// azurePrompts is the first chunk of a stream. It has only the result of the content
	// filter for the prompt.
	azurePrompts struct {
		Choices []azureDelta   `json:"choices"`
		Created int64          `json:"created"`
		ID      string         `json:"id"`
		Model   string         `json:"model"`
		Object  string         `json:"object"`
		Prompts []promptFilter `json:"prompt_filter_results"`
	}
	azureUsage struct {
		Completion int64       `json:"completion_tokens"`
		Out        azureOutput `json:"completion_tokens_details"`
		Prompt     int64       `json:"prompt_tokens"`
		In         azureInput  `json:"prompt_tokens_details"`
		Total      int64       `json:"total_tokens"`
	}
	azureOutput struct {
		Accepted  int64 `json:"accepted_prediction_tokens"`
		Audio     int64 `json:"audio_tokens"`
		Reasoning int64 `json:"reasoning_tokens"`
		Rejected  int64 `json:"rejected_prediction_tokens"`
	}
	azureInput struct {
		Audio  int64 `json:"audio_tokens"`
		Cached int64 `json:"cached_tokens"`
	}
)

// promptFilter is the content filter's result for a prompt.
type promptFilter struct {
	Index  int           `json:"prompt_index"`
	Filter filterResults `json:"content_filter_results"`
}

// filterResults has a member for each category that was checked. It is empty where there
// is no text.
type filterResults struct {
	Hate      *severity  `json:"hate,omitempty"`
	Jailbreak *detection `json:"jailbreak,omitempty"`
	Code      *detection `json:"protected_material_code,omitempty"`
	Text      *detection `json:"protected_material_text,omitempty"`
	SelfHarm  *severity  `json:"self_harm,omitempty"`
	Sexual    *severity  `json:"sexual,omitempty"`
	Violence  *severity  `json:"violence,omitempty"`
}

type severity struct {
	Filtered bool   `json:"filtered"`
	Severity string `json:"severity"`
}

type detection struct {
	Filtered bool `json:"filtered"`
	Detected bool `json:"detected"`
}

// The content filter's results for a prompt, for a whole response, for a chunk, and for a
// prompt that is rejected.
var (
	safe       = &severity{false, "safe"}
	undetected = &detection{}
	safePrompt = filterResults{Hate: safe, Jailbreak: undetected, SelfHarm: safe, Sexual: safe, Violence: safe}
	safeText   = filterResults{Hate: safe, Code: undetected, Text: undetected, SelfHarm: safe, Sexual: safe, Violence: safe}
	safePiece  = filterResults{Hate: safe, SelfHarm: safe, Sexual: safe, Violence: safe}
	violent    = filterResults{Hate: safe, SelfHarm: safe, Sexual: safe, Violence: &severity{true, "medium"}}
)

// azureUsageOf returns the usage of g in Azure's format.
func azureUsageOf(g Generation) azureUsage {
	return azureUsage{
		Completion: g.Completion, Out: azureOutput{Reasoning: g.Reasoning},
		Prompt: g.Prompt, In: azureInput{Cached: g.Cached}, Total: g.Prompt + g.Completion,
	}
}

// shownTier returns the tier in the body, which is there only if one was asked for.
func shownTier(x *exchange, g Generation) string {
	if x.params.tier == "" {
		return ""
	}
	return g.Tier
}

// azureCompletion returns the body of a response that is not streamed.
func azureCompletion(x *exchange, g Generation) []byte {
	return encode(azureBody{
		Choices: []azureChoice{{
			Filter: safeText, Finish: x.finish(g),
			Message: azureMessage{
				Annotations: []string{}, Content: joined(x.text(g)), Role: "assistant", ToolCalls: sortedCalls(x.script.calls),
			},
		}},
		Created: g.At.Unix(), ID: g.ID, Model: g.Model, Object: "chat.completion",
		Prompts: []promptFilter{{Filter: safePrompt}}, Tier: shownTier(x, g), Usage: azureUsageOf(g),
	})
}

// azureChunks returns all chunks of a stream. The event [DONE] follows them.
func azureChunks(x *exchange, g Generation) [][]byte {
	chunks := [][]byte{encode(azurePrompts{Choices: []azureDelta{}, Prompts: []promptFilter{{Filter: safePrompt}}})}
	add := func(choices []azureDelta, usage string) {
		c := azureChunk{
			Choices: choices, Created: g.At.Unix(), ID: g.ID, Model: g.Model, Object: "chat.completion.chunk", Tier: shownTier(x, g),
		}
		if x.params.includeUsage {
			c.Usage = json.RawMessage(usage)
		}
		if !x.params.noObfuscation {
			c.Obfuscation = padding(fold(g.Call), uint64(len(chunks)))
		}
		chunks = append(chunks, encode(c))
	}
	delta := func(f filterResults, delta string, finish *string) {
		add([]azureDelta{{Filter: f, Delta: json.RawMessage(delta), Finish: finish}}, "null")
	}
	text := x.text(g)
	if text == nil {
		delta(filterResults{}, `{"content":null,"refusal":null,"role":"assistant"}`, nil)
	} else {
		delta(filterResults{}, `{"content":"","refusal":null,"role":"assistant"}`, nil)
	}
	for _, piece := range text {
		delta(safePiece, `{"content":`+string(encode(piece))+`}`, nil)
	}
	for i, c := range x.script.calls {
		delta(filterResults{}, toolDelta(sortedCall{Function: sortedFunction{Name: c.Name}, ID: c.ID, Index: &i, Type: "function"}), nil)
		for _, piece := range split(c.Arguments, x.cfg.Chunks) {
			delta(filterResults{}, toolDelta(sortedCall{Function: sortedFunction{Arguments: piece}, Index: &i}), nil)
		}
	}
	finish := x.finish(g)
	delta(filterResults{}, `{}`, &finish)
	if x.params.includeUsage {
		add([]azureDelta{}, string(encode(azureUsageOf(g))))
	}
	return chunks
}
