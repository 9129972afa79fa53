package llmtest

import "strings"

// Tool calls in the format of OpenAI's chat, in a message or in the delta of a stream. Only in
// a delta do they have an index.
type (
	toolCall struct {
		Index    *int     `json:"index,omitempty"`
		ID       string   `json:"id,omitempty"`
		Type     string   `json:"type,omitempty"`
		Function function `json:"function"`
	}
	function struct {
		Name      string `json:"name,omitempty"`
		Arguments string `json:"arguments"`
	}
	// sortedCall is a toolCall with its fields in alphabetical order, as Azure and Gemini send
	// them.
	sortedCall struct {
		Function sortedFunction `json:"function"`
		ID       string         `json:"id,omitempty"`
		Index    *int           `json:"index,omitempty"`
		Type     string         `json:"type,omitempty"`
	}
	sortedFunction struct {
		Arguments string `json:"arguments"`
		Name      string `json:"name,omitempty"`
	}
)

// toolCalls returns the calls of a message.
func toolCalls(calls []ToolCall) (out []toolCall) {
	for _, c := range calls {
		out = append(out, toolCall{ID: c.ID, Type: "function", Function: function{c.Name, c.Arguments}})
	}
	return out
}

// sortedCalls returns the calls of a message.
func sortedCalls(calls []ToolCall) (out []sortedCall) {
	for _, c := range calls {
		out = append(out, sortedCall{ID: c.ID, Type: "function", Function: sortedFunction{c.Arguments, c.Name}})
	}
	return out
}

// toolDelta returns a delta with a part of a tool call.
func toolDelta(call any) string { return `{"tool_calls":[` + string(encode(call)) + `]}` }

// joined returns the text of a message, or nil if it has none.
func joined(pieces []string) *string {
	if pieces == nil {
		return nil
	}
	text := strings.Join(pieces, "")
	return &text
}
