package llmtest

import (
	"encoding/json"
	"strings"
)

// The shapes of Azure's chat answers, their keys in the order of the alphabet, as
// the wire has them. They have the tier only if one was asked for.
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
		Annotations []string `json:"annotations"`
		Content     string   `json:"content"`
		Refusal     *string  `json:"refusal"`
		Role        string   `json:"role"`
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
	// azurePrompts is the first chunk of a stream, in which the filter speaks before
	// the model does.
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

// promptFilter is what the content filter found in a prompt.
type promptFilter struct {
	Index  int           `json:"prompt_index"`
	Filter filterResults `json:"content_filter_results"`
}

// filterResults has a member for each category that was looked for, and is empty
// where there was nothing to look at.
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

// What the filter finds in a prompt, in a whole answer, in a piece of one, and in a
// prompt that it refuses.
var (
	safe       = &severity{false, "safe"}
	undetected = &detection{}
	safePrompt = filterResults{Hate: safe, Jailbreak: undetected, SelfHarm: safe, Sexual: safe, Violence: safe}
	safeText   = filterResults{Hate: safe, Code: undetected, Text: undetected, SelfHarm: safe, Sexual: safe, Violence: safe}
	safePiece  = filterResults{Hate: safe, SelfHarm: safe, Sexual: safe, Violence: safe}
	violent    = filterResults{Hate: safe, SelfHarm: safe, Sexual: safe, Violence: &severity{true, "medium"}}
)

func azureUsageOf(g Generation) azureUsage {
	return azureUsage{
		Completion: g.Completion, Out: azureOutput{Reasoning: g.Reasoning},
		Prompt: g.Prompt, In: azureInput{Cached: g.Cached}, Total: g.Prompt + g.Completion,
	}
}

// shownTier is the tier in the body.
func shownTier(x *exchange, g Generation) string {
	if x.ask.tier == "" {
		return ""
	}
	return g.Tier
}

func azureCompletion(x *exchange, g Generation) []byte {
	return encode(azureBody{
		Choices: []azureChoice{{
			Filter: safeText, Finish: x.ask.finish(g),
			Message: azureMessage{Annotations: []string{}, Content: strings.Join(x.text(g), ""), Role: "assistant"},
		}},
		Created: g.At.Unix(), ID: g.ID, Model: g.Model, Object: "chat.completion",
		Prompts: []promptFilter{{Filter: safePrompt}}, Tier: shownTier(x, g), Usage: azureUsageOf(g),
	})
}

// azureEvents returns the data of every event but the last, which is [DONE].
func azureEvents(x *exchange, g Generation) [][]byte {
	events := [][]byte{encode(azurePrompts{Choices: []azureDelta{}, Prompts: []promptFilter{{Filter: safePrompt}}})}
	add := func(choices []azureDelta, usage string) {
		c := azureChunk{
			Choices: choices, Created: g.At.Unix(), ID: g.ID, Model: g.Model, Object: "chat.completion.chunk", Tier: shownTier(x, g),
		}
		if x.ask.includeUsage {
			c.Usage = json.RawMessage(usage)
		}
		if !x.ask.plain {
			c.Obfuscation = padding(fold(g.Call), uint64(len(events)))
		}
		events = append(events, encode(c))
	}
	delta := func(f filterResults, delta string, finish *string) {
		add([]azureDelta{{Filter: f, Delta: json.RawMessage(delta), Finish: finish}}, "null")
	}
	delta(filterResults{}, `{"content":"","refusal":null,"role":"assistant"}`, nil)
	for _, piece := range x.text(g) {
		delta(safePiece, `{"content":`+string(encode(piece))+`}`, nil)
	}
	finish := x.ask.finish(g)
	delta(filterResults{}, `{}`, &finish)
	if x.ask.includeUsage {
		add([]azureDelta{}, string(encode(azureUsageOf(g))))
	}
	return events
}
