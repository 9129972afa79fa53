package llmtest

import (
	"encoding/json"
	"fmt"
	"strings"
)

// The body of a response. The order of the fields is OpenAI's.
type (
	responseBody struct {
		ID           string          `json:"id"`
		Object       string          `json:"object"`
		Created      int64           `json:"created_at"`
		Status       string          `json:"status"`
		Background   bool            `json:"background"`
		Billing      *billing        `json:"billing,omitempty"`
		Completed    *int64          `json:"completed_at"`
		Error        any             `json:"error"`
		Frequency    json.RawMessage `json:"frequency_penalty"`
		Incomplete   *incomplete     `json:"incomplete_details"`
		Instructions json.RawMessage `json:"instructions"`
		Most         *int64          `json:"max_output_tokens"`
		ToolCalls    *int64          `json:"max_tool_calls"`
		Model        string          `json:"model"`
		Output       []any           `json:"output"`
		Parallel     bool            `json:"parallel_tool_calls"`
		Presence     json.RawMessage `json:"presence_penalty"`
		Previous     *string         `json:"previous_response_id"`
		CacheKey     *string         `json:"prompt_cache_key"`
		Reasoning    json.RawMessage `json:"reasoning"`
		Safety       *string         `json:"safety_identifier"`
		Tier         string          `json:"service_tier"`
		Store        bool            `json:"store"`
		Temperature  json.RawMessage `json:"temperature"`
		Text         json.RawMessage `json:"text"`
		ToolChoice   string          `json:"tool_choice"`
		ToolUsage    json.RawMessage `json:"tool_usage,omitempty"`
		Tools        []string        `json:"tools"`
		Logprobs     int             `json:"top_logprobs"`
		TopP         json.RawMessage `json:"top_p"`
		Truncation   string          `json:"truncation"`
		Usage        *responseUsage  `json:"usage"`
		User         *string         `json:"user"`
		Metadata     struct{}        `json:"metadata"`
	}
	billing struct {
		Payer string `json:"payer"`
	}
	incomplete struct {
		Reason string `json:"reason"`
	}
	responseUsage struct {
		Input  int64          `json:"input_tokens"`
		In     responseInput  `json:"input_tokens_details"`
		Output int64          `json:"output_tokens"`
		Out    responseOutput `json:"output_tokens_details"`
		Total  int64          `json:"total_tokens"`
	}
	responseInput struct {
		Writes int64         `json:"cache_write_tokens"`
		Times  *writtenTimes `json:"cache_write_tokens_details,omitempty"` // only where writes have a price
		Cached int64         `json:"cached_tokens"`
	}
	responseOutput struct {
		Reasoning int64 `json:"reasoning_tokens"`
	}
	outputMessage struct {
		ID      string       `json:"id"`
		Type    string       `json:"type"`
		Status  string       `json:"status"`
		Content []outputText `json:"content"`
		Role    string       `json:"role"`
	}
	outputText struct {
		Type        string   `json:"type"`
		Annotations []string `json:"annotations"`
		Logprobs    []string `json:"logprobs"`
		Text        string   `json:"text"`
	}
	outputCall struct {
		ID        string `json:"id"`
		Type      string `json:"type"`
		Status    string `json:"status"`
		Arguments string `json:"arguments"`
		CallID    string `json:"call_id"`
		Name      string `json:"name"`
	}
	outputReasoning struct {
		ID      string   `json:"id"`
		Type    string   `json:"type"`
		Summary []string `json:"summary"`
	}
)

// Fields that are the same in every response. The usage of tools has names that the usage of
// the model has too.
var (
	zero            = json.RawMessage("0.0")
	one             = json.RawMessage("1.0")
	plainText       = json.RawMessage(`{"format":{"type":"text"},"verbosity":"medium"}`)
	noEffort        = json.RawMessage(`{"effort":null,"summary":null}`)
	noToolsWereUsed = json.RawMessage(`{"image_gen":{"input_tokens":0,"input_tokens_details":{"image_tokens":0,"text_tokens":0},` +
		`"output_tokens":0,"output_tokens_details":{"image_tokens":0,"text_tokens":0},"total_tokens":0},` +
		`"web_search":{"num_requests":0}}`)
)

// body returns the response with a status. It has its output, its usage and the tier that
// served the request only when it is complete or incomplete.
func (r *savedResponse) body(status string) responseBody {
	b := responseBody{
		ID: r.g.ID, Object: "response", Created: r.g.At.Unix(), Status: status, Background: r.background,
		Frequency: zero, Instructions: r.instructions, Model: r.g.Model, Output: []any{}, Parallel: true,
		Presence: zero, Reasoning: noEffort, Tier: r.tier, Store: r.store, Temperature: one, Text: plainText,
		ToolChoice: "auto", Tools: []string{}, TopP: one, Truncation: "disabled",
	}
	if r.maxTokens > 0 {
		b.Most = &r.maxTokens
	}
	switch status {
	case "incomplete":
		b.Incomplete = &incomplete{"max_output_tokens"}
	case "completed":
		done := r.done.Unix()
		b.Completed = &done
	default:
		return b
	}
	b.Tier, b.Billing, b.ToolUsage = r.g.Tier, &billing{"developer"}, noToolsWereUsed
	if r.g.Reasoning > 0 {
		b.Output = append(b.Output, r.thinking())
	}
	if len(r.pieces) > 0 {
		b.Output = append(b.Output, r.message(status))
	}
	for i := range r.calls {
		b.Output = append(b.Output, r.call(i))
	}
	b.Usage = &responseUsage{
		Input: r.g.Prompt, In: responseInput{Writes: r.g.Written, Times: timesOf(r.g), Cached: r.g.Cached},
		Output: r.g.Completion, Out: responseOutput{Reasoning: r.g.Reasoning},
		Total: r.g.Prompt + r.g.Completion,
	}
	return b
}

// message returns the item with the text. It is empty until it is finished.
func (r *savedResponse) message(status string) outputMessage {
	m := outputMessage{
		ID: "msg_" + strings.TrimPrefix(r.g.ID, "resp_"), Type: "message",
		Status: status, Content: []outputText{}, Role: "assistant",
	}
	if status == "completed" || status == "incomplete" {
		m.Content = append(m.Content, newOutputText(strings.Join(r.pieces, "")))
	}
	return m
}

// call returns the item with the i-th tool call.
func (r *savedResponse) call(i int) outputCall {
	c := r.calls[i]
	return outputCall{
		ID: fmt.Sprintf("fc_%s%02x", strings.TrimPrefix(r.g.ID, "resp_"), i), Type: "function_call", Status: "completed",
		Arguments: c.Arguments, CallID: c.ID, Name: c.Name,
	}
}

// thinking returns the item that stands for the reasoning.
func (r *savedResponse) thinking() outputReasoning {
	return outputReasoning{"rs_" + strings.TrimPrefix(r.g.ID, "resp_"), "reasoning", []string{}}
}

// newOutputText returns the text in an item.
func newOutputText(text string) outputText {
	return outputText{Type: "output_text", Annotations: []string{}, Logprobs: []string{}, Text: text}
}
