package llmtest

import (
	"encoding/json"
	"strings"
)

// The results of tools in the messages, the input or the contents of a request.
type (
	resultItem struct {
		Role       string          `json:"role"`
		Type       string          `json:"type"`
		ToolCallID string          `json:"tool_call_id"` // chat
		CallID     string          `json:"call_id"`      // Responses
		ToolUseID  string          `json:"tool_use_id"`  // Anthropic
		Content    json.RawMessage `json:"content"`
		Output     json.RawMessage `json:"output"`
		Name       string          `json:"name"`
		Text       string          `json:"text"`
		Parts      json.RawMessage `json:"parts"`
		Camel      *geminiResult   `json:"functionResponse"`
		Snake      *geminiResult   `json:"function_response"`
	}
	geminiResult struct {
		ID       string          `json:"id"`
		Name     string          `json:"name"`
		Response json.RawMessage `json:"response"`
	}
)

// items returns the elements of a list. An object is a list of one, and anything else is
// empty. Elements of another type are left out.
func items(raw json.RawMessage) (list []resultItem) {
	var elements []json.RawMessage
	if json.Unmarshal(raw, &elements) != nil {
		elements = []json.RawMessage{raw}
	}
	for _, e := range elements {
		var item resultItem
		if json.Unmarshal(e, &item) == nil {
			list = append(list, item)
		}
	}
	return list
}

// toolResults returns the results of tools in the content of a request, whatever the format.
func toolResults(content json.RawMessage) (results []ToolResult) {
	for _, m := range items(content) {
		switch {
		case m.Role == "tool":
			results = append(results, ToolResult{ID: m.ToolCallID, Name: m.Name, Content: resultText(m.Content)})
			continue
		case m.Type == "function_call_output":
			results = append(results, ToolResult{ID: m.CallID, Name: m.Name, Content: resultText(m.Output)})
			continue
		}
		for _, block := range items(m.Content) {
			if block.Type == "tool_result" {
				results = append(results, ToolResult{ID: block.ToolUseID, Content: resultText(block.Content)})
			}
		}
		for _, part := range items(m.Parts) {
			for _, r := range []*geminiResult{part.Camel, part.Snake} {
				if r != nil {
					results = append(results, ToolResult{ID: r.ID, Name: r.Name, Content: string(r.Response)})
				}
			}
		}
	}
	return results
}

// resultText returns the text of a result: a string, or the text of a list of blocks. Anything
// else is returned as it is.
func resultText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	if len(raw) == 0 || raw[0] != '[' {
		return string(raw)
	}
	var all strings.Builder
	for _, block := range items(raw) {
		all.WriteString(block.Text)
	}
	return all.String()
}
