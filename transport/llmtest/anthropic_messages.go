package llmtest

import (
	"bytes"
	"encoding/json"
)

// anthropicMessages is POST /v1/messages.
type anthropicMessages struct{ anthropic }

func (anthropicMessages) read(x *exchange, body []byte) *flaw {
	p := &x.params
	fields, f := readMessages(x, body)
	p.operation = "messages"
	var most *int64
	var thinking struct {
		Type string `json:"type"`
	}
	f = first(f, scan(fields, []target{
		{"max_tokens", &most}, {"stream", &p.stream}, {"service_tier", &p.tier}, {"thinking", &thinking},
	}))
	p.thinking = thinking.Type == "enabled" || thinking.Type == "adaptive"
	p.noThinking = !p.thinking
	p.includeUsage = p.stream // it is always there
	if p.tier != "" && p.tier != "auto" && p.tier != "standard_only" {
		p.servedTier = ""
	}
	switch {
	case f != nil:
		return f
	case most == nil:
		return missing("max_tokens")
	case *most < 1:
		return &flaw{message: "max_tokens: must be greater than or equal to 1"}
	}
	return p.boundOutput("max_tokens", most)
}

func (anthropicMessages) work(x *exchange) answer {
	g := x.bill("msg_")
	if x.params.stream {
		return answer{stream: messageStream(x, g)}
	}
	m, reason := newAnthropicMessage(g), stopReason(x, g)
	if g.Reasoning > 0 {
		m.Content = append(m.Content, anthropicThought{"thinking", thought, signature(g)})
	}
	if text := joined(x.text(g)); text != nil {
		m.Content = append(m.Content, anthropicText{"text", *text})
	}
	for _, c := range x.script.calls {
		m.Content = append(m.Content, anthropicTool{"tool_use", c.ID, c.Name, json.RawMessage(c.Arguments)})
	}
	m.Stop, m.Usage = &reason, finalUsage(m.Usage, g)
	return answer{body: encode(m)}
}

// stopReason returns Anthropic's reason for the end of g.
func stopReason(x *exchange, g Generation) string {
	switch {
	case len(x.script.calls) > 0:
		return "tool_use"
	case x.params.cutShort(g):
		return "max_tokens"
	}
	return "end_turn"
}

// messageStream returns a stream that has the input tokens in its first event, and all
// usage in the last but one.
func messageStream(x *exchange, g Generation) *stream {
	s := &stream{contentType: eventStream}
	add := func(name string, body any) {
		s.frames = append(s.frames, x.event(name, padEvent(encode(body), g, len(s.frames))))
	}
	index := 0
	block := func(start any, deltas ...any) {
		add("content_block_start", anthropicBlock{Type: "content_block_start", Index: index, Block: start})
		if index == 0 {
			s.frames = append(s.frames, x.event("ping", []byte(`{"type": "ping"}`)))
		}
		for _, d := range deltas {
			add("content_block_delta", anthropicBlock{Type: "content_block_delta", Index: index, Delta: d})
		}
		add("content_block_stop", anthropicBlock{Type: "content_block_stop", Index: index})
		index++
	}
	add("message_start", anthropicStart{"message_start", newAnthropicMessage(g)})
	if g.Reasoning > 0 {
		block(anthropicThought{Type: "thinking"}, anthropicThinking{"thinking_delta", thought}, anthropicSignature{"signature_delta", signature(g)})
	}
	var deltas []any
	for _, piece := range x.text(g) {
		deltas = append(deltas, anthropicText{"text_delta", piece})
	}
	if deltas != nil {
		block(anthropicText{Type: "text"}, deltas...)
	}
	for _, c := range x.script.calls {
		deltas = []any{anthropicInput{"input_json_delta", ""}}
		for _, piece := range split(c.Arguments, x.cfg.Chunks) {
			deltas = append(deltas, anthropicInput{"input_json_delta", piece})
		}
		block(anthropicTool{"tool_use", c.ID, c.Name, json.RawMessage("{}")}, deltas...)
	}
	u := finalUsage(anthropicUsage{Input: g.Prompt - g.Cached - g.Written, Written: g.Written, Cached: g.Cached}, g)
	add("message_delta", anthropicEnd{"message_delta", anthropicStop{Reason: stopReason(x, g)}, u})
	add("message_stop", anthropicStopped{"message_stop"})
	s.failure = func(n int) [][]byte {
		return [][]byte{x.event("error", padEvent([]byte(overloadedEvent), g, n))}
	}
	return s
}

// overloadedEvent ends a stream that fails.
const overloadedEvent = `{"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"}}`

// padEvent adds spaces before the end of the i-th event, as Anthropic does to hide its
// length.
func padEvent(event []byte, g Generation, i int) []byte {
	spaces := bytes.Repeat([]byte(" "), int(draw(fold(g.Call), uint64(i))%15))
	return append(append(event[:len(event)-1:len(event)-1], spaces...), '}')
}
