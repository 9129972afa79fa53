package llmtest

import (
	"encoding/json"
	"strings"
)

// The shapes of a response, their keys in the order of the wire.
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
		Writes int64 `json:"cache_write_tokens"`
		Cached int64 `json:"cached_tokens"`
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
	outputReasoning struct {
		ID      string   `json:"id"`
		Type    string   `json:"type"`
		Summary []string `json:"summary"`
	}
)

// What no request here changes. The usage of tools is counted apart, by names that
// the usage of the model has as well.
var (
	zero            = json.RawMessage("0.0")
	one             = json.RawMessage("1.0")
	plainText       = json.RawMessage(`{"format":{"type":"text"},"verbosity":"medium"}`)
	noEffort        = json.RawMessage(`{"effort":null,"summary":null}`)
	noToolsWereUsed = json.RawMessage(`{"image_gen":{"input_tokens":0,"input_tokens_details":{"image_tokens":0,"text_tokens":0},` +
		`"output_tokens":0,"output_tokens_details":{"image_tokens":0,"text_tokens":0},"total_tokens":0},` +
		`"web_search":{"num_requests":0}}`)
)

// body is the response with a status. It has its output, its usage and the tier
// that served only when it has come to its end.
func (a *storedAnswer) body(status string) responseBody {
	b := responseBody{
		ID: a.g.ID, Object: "response", Created: a.g.At.Unix(), Status: status, Background: a.background,
		Frequency: zero, Instructions: a.instructions, Model: a.g.Model, Output: []any{}, Parallel: true,
		Presence: zero, Reasoning: noEffort, Tier: a.asked, Store: a.store, Temperature: one, Text: plainText,
		ToolChoice: "auto", Tools: []string{}, TopP: one, Truncation: "disabled",
	}
	if a.most > 0 {
		b.Most = &a.most
	}
	switch status {
	case "incomplete":
		b.Incomplete = &incomplete{"max_output_tokens"}
	case "completed":
		done := a.done.Unix()
		b.Completed = &done
	default:
		return b
	}
	b.Tier, b.Billing, b.ToolUsage = a.g.Tier, &billing{"developer"}, noToolsWereUsed
	if a.g.Reasoning > 0 {
		b.Output = append(b.Output, a.thinking())
	}
	b.Output = append(b.Output, a.message(status))
	b.Usage = &responseUsage{
		Input: a.g.Prompt, In: responseInput{Cached: a.g.Cached},
		Output: a.g.Completion, Out: responseOutput{Reasoning: a.g.Reasoning},
		Total: a.g.Prompt + a.g.Completion,
	}
	return b
}

// message is the item with the text, which is there when it is finished.
func (a *storedAnswer) message(status string) outputMessage {
	m := outputMessage{
		ID: "msg_" + strings.TrimPrefix(a.g.ID, "resp_"), Type: "message",
		Status: status, Content: []outputText{}, Role: "assistant",
	}
	if status == "completed" || status == "incomplete" {
		m.Content = append(m.Content, newOutputText(strings.Join(a.pieces, "")))
	}
	return m
}

// thinking is the item that stands for the reasoning.
func (a *storedAnswer) thinking() outputReasoning {
	return outputReasoning{"rs_" + strings.TrimPrefix(a.g.ID, "resp_"), "reasoning", []string{}}
}

func newOutputText(text string) outputText {
	return outputText{Type: "output_text", Annotations: []string{}, Logprobs: []string{}, Text: text}
}
