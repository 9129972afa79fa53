package llmtest

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Turn is a request that a [Config.Reply] answers.
type Turn struct {
	// Request is the request, as in [Server.Requests].
	Request
	// ToolResults are the results of tools in the request, in its order: those of earlier
	// turns too, if the client sends the whole conversation each time.
	ToolResults []ToolResult
}

// ToolResult is the result of a tool as the client sent it.
type ToolResult struct {
	// ID is the id of the tool call. Gemini and Vertex may have none.
	ID string
	// Name is the name of the tool if the client sent it. Clients of Gemini and Vertex always
	// do, and those of Anthropic never.
	Name string
	// Content is the text of the result. If the result is JSON, as it is for Gemini and
	// Vertex, it is that JSON.
	Content string
}

// Reply is what the model answers. The zero value is what a server without a
// [Config.Reply] answers: some words of its own.
//
// The reason for the end of the response is the provider's for tool calls, if there are
// some ("tool_calls", "tool_use"). Gemini and Vertex have none, and the Responses API has
// no reasons. Otherwise it is that of a response that was cut short, if the response has as
// many tokens as the request allows, and else that of a complete response.
type Reply struct {
	// Text is the text of the response. A stream has it in [Config.Chunks] pieces.
	Text string
	// JSON is encoded by [encoding/json] to be the text, as for a structured output. A reply
	// has either Text or JSON.
	JSON any
	// ToolCalls are the tools that the model wants to have called, in addition to its text.
	// The text may then be missing. The tools need not be in the request.
	ToolCalls []ToolCall
	// Usage is what is billed and reported. nil is an estimate: the prompt as without a Reply,
	// and a token for four bytes of the response.
	Usage *Usage
}

// ToolCall is the call of a tool, which is a function of the program under test.
type ToolCall struct {
	// ID identifies the call. "" is an id of the server's own in the provider's form. Gemini
	// and Vertex then send none, as they do.
	ID string
	// Name is the name of the tool.
	Name string
	// Arguments is a JSON object. "" is an object without members.
	Arguments string
}

// Usage counts tokens as [Generation] does: Cached is a part of Prompt, and Reasoning is a
// part of Completion.
type Usage struct {
	Prompt, Cached, Completion, Reasoning int64
}

// script is a Reply that was checked. Its zero value is the zero Reply.
type script struct {
	scripted bool // there is content
	text     string
	calls    []ToolCall
	usage    *Usage
}

// check returns the reply as a script, or what is wrong with it.
func (r Reply) check() (s script, err error) {
	s.text, s.usage = r.Text, r.Usage
	if r.JSON != nil {
		if r.Text != "" {
			return s, errors.New("it has both Text and JSON")
		}
		b, err := json.Marshal(r.JSON)
		if err != nil {
			return s, fmt.Errorf("JSON: %w", err)
		}
		s.text = string(b)
	}
	ids := make(map[string]bool)
	for i, c := range r.ToolCalls {
		if c.Arguments == "" {
			c.Arguments = "{}"
		}
		var object map[string]json.RawMessage
		switch err := json.Unmarshal([]byte(c.Arguments), &object); {
		case c.Name == "":
			return s, fmt.Errorf("ToolCalls[%d].Name is empty", i)
		case err != nil:
			return s, fmt.Errorf("ToolCalls[%d].Arguments is not a JSON object: %w", i, err)
		case object == nil:
			return s, fmt.Errorf("ToolCalls[%d].Arguments is null, not a JSON object", i)
		case ids[c.ID]:
			return s, fmt.Errorf("ToolCalls[%d].ID is that of another call: %q", i, c.ID)
		}
		ids[c.ID] = c.ID != ""
		s.calls = append(s.calls, c)
	}
	s.scripted = s.text != "" || len(s.calls) > 0
	return s, r.Usage.check()
}

// check returns what is wrong with the usage.
func (u *Usage) check() error {
	switch {
	case u == nil:
		return nil
	case u.Prompt < 0 || u.Cached < 0 || u.Completion < 0 || u.Reasoning < 0:
		return fmt.Errorf("Usage has a negative count: %+v", *u)
	case u.Cached > u.Prompt:
		return fmt.Errorf("Usage.Cached is %d of %d prompt tokens", u.Cached, u.Prompt)
	case u.Reasoning > u.Completion:
		return fmt.Errorf("Usage.Reasoning is %d of %d completion tokens", u.Reasoning, u.Completion)
	}
	return nil
}

// count sets the tokens of the reply in what was measured without it.
func (s *script) count(g *Generation, maxTokens int64) {
	switch {
	case s.usage != nil:
		g.Prompt, g.Cached, g.Completion, g.Reasoning = s.usage.Prompt, s.usage.Cached, s.usage.Completion, s.usage.Reasoning
	case s.scripted:
		n := len(s.text)
		for _, c := range s.calls {
			n += len(c.Name) + len(c.Arguments)
		}
		g.Completion = int64(max(1, n/4))
		if g.Reasoning > 0 {
			g.Completion *= 2 // it thinks as much as it writes
		}
		if maxTokens > 0 {
			g.Completion = min(g.Completion, maxTokens)
		}
		g.Reasoning = min(g.Reasoning, g.Completion/2)
	}
}

// split splits a text into at most n pieces of about the same length, 8 if n <= 0. No piece
// is empty.
func split(text string, n int) (pieces []string) {
	if n <= 0 {
		n = 8
	}
	runes := []rune(text)
	n = min(n, len(runes))
	for i := range n {
		pieces = append(pieces, string(runes[len(runes)*i/n:len(runes)*(i+1)/n]))
	}
	return pieces
}
