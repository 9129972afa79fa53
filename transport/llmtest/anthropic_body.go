package llmtest

import (
	"encoding/json"
	"fmt"
)

// The bodies of Anthropic's responses. The order of the fields is Anthropic's.
type (
	anthropicMessage struct {
		Model    string         `json:"model"`
		ID       string         `json:"id"`
		Type     string         `json:"type"`
		Role     string         `json:"role"`
		Content  []any          `json:"content"`
		Stop     *string        `json:"stop_reason"`
		Sequence *string        `json:"stop_sequence"`
		Details  *string        `json:"stop_details"`
		Usage    anthropicUsage `json:"usage"`
	}
	anthropicText struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	anthropicTool struct {
		Type  string          `json:"type"`
		ID    string          `json:"id"`
		Name  string          `json:"name"`
		Input json.RawMessage `json:"input"`
	}
	anthropicInput struct {
		Type    string `json:"type"`
		Partial string `json:"partial_json"`
	}
	anthropicThought struct {
		Type      string `json:"type"`
		Thinking  string `json:"thinking"`
		Signature string `json:"signature"`
	}
	// anthropicUsage has Created, Tier and Geo only in a message, not in message_delta.
	anthropicUsage struct {
		Input   int64             `json:"input_tokens"`
		Written int64             `json:"cache_creation_input_tokens"`
		Cached  int64             `json:"cache_read_input_tokens"`
		Created *anthropicWritten `json:"cache_creation,omitempty"`
		Output  int64             `json:"output_tokens"`
		Out     *anthropicOutput  `json:"output_tokens_details,omitempty"`
		Tier    string            `json:"service_tier,omitempty"`
		Geo     string            `json:"inference_geo,omitempty"`
	}
	anthropicWritten struct {
		Short int64 `json:"ephemeral_5m_input_tokens"`
		Long  int64 `json:"ephemeral_1h_input_tokens"`
	}
	anthropicOutput struct {
		Thinking int64 `json:"thinking_tokens"`
	}
)

// The events of a stream. The order of the fields is Anthropic's.
type (
	anthropicStart struct {
		Type    string           `json:"type"`
		Message anthropicMessage `json:"message"`
	}
	anthropicBlock struct {
		Type  string `json:"type"`
		Index int    `json:"index"`
		Block any    `json:"content_block,omitempty"`
		Delta any    `json:"delta,omitempty"`
	}
	anthropicThinking struct {
		Type     string `json:"type"`
		Thinking string `json:"thinking"`
	}
	anthropicSignature struct {
		Type      string `json:"type"`
		Signature string `json:"signature"`
	}
	anthropicEnd struct {
		Type  string         `json:"type"`
		Delta anthropicStop  `json:"delta"`
		Usage anthropicUsage `json:"usage"`
	}
	anthropicStop struct {
		Reason   string  `json:"stop_reason"`
		Sequence *string `json:"stop_sequence"`
		Details  *string `json:"stop_details"`
	}
	anthropicStopped struct {
		Type string `json:"type"`
	}
)

// anthropicUsageOf returns the usage of g after output tokens have been written. Input does
// not include what was read from a cache or written to one.
func anthropicUsageOf(g Generation, output int64) anthropicUsage {
	return anthropicUsage{
		Input: g.Prompt - g.Cached - g.Written, Written: g.Written, Cached: g.Cached,
		Created: &anthropicWritten{g.Written - g.WrittenLong, g.WrittenLong}, Output: output,
		Tier: g.Tier, Geo: "not_available",
	}
}

// finalUsage returns u with the output tokens at the end of g.
func finalUsage(u anthropicUsage, g Generation) anthropicUsage {
	u.Output = g.Completion
	if g.Reasoning > 0 {
		u.Out = &anthropicOutput{g.Reasoning}
	}
	return u
}

// newAnthropicMessage returns a message without content.
func newAnthropicMessage(g Generation) anthropicMessage {
	return anthropicMessage{
		Model: g.Model, ID: g.ID, Type: "message", Role: "assistant", Content: []any{},
		Usage: anthropicUsageOf(g, 1),
	}
}

// thought is what simulated models think.
const thought = "The penny must be counted once."

// signature returns the signature of a thought.
func signature(g Generation) string { return fmt.Sprintf("%016x", draw(fold(g.Call), 0)) }
