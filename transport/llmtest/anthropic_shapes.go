package llmtest

import (
	"bytes"
	"fmt"
	"strings"
)

// The shapes of Anthropic's answers, their keys in the order of the wire.
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
	anthropicThought struct {
		Type      string `json:"type"`
		Thinking  string `json:"thinking"`
		Signature string `json:"signature"`
	}
	// anthropicUsage has Created, Tier and Geo in a message, and not in the event
	// that ends one.
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

// The shapes of the events, their keys in the order of the wire.
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

// anthropicUsageOf counts g, of which so many tokens have been written by now. What
// was read from a cache is not among the input.
func anthropicUsageOf(g Generation, output int64) anthropicUsage {
	return anthropicUsage{
		Input: g.Prompt - g.Cached, Cached: g.Cached, Created: &anthropicWritten{}, Output: output,
		Tier: g.Tier, Geo: "not_available",
	}
}

// all is the usage at the end, when it is known how much of it were thoughts.
func (u anthropicUsage) all(g Generation) anthropicUsage {
	u.Output = g.Completion
	if g.Reasoning > 0 {
		u.Out = &anthropicOutput{g.Reasoning}
	}
	return u
}

// stopReason is why g came to its end.
func (a *ask) stopReason(g Generation) string {
	if a.cutShort(g) {
		return "max_tokens"
	}
	return "end_turn"
}

// newAnthropicMessage is the message before there is anything in it.
func newAnthropicMessage(g Generation) anthropicMessage {
	return anthropicMessage{
		Model: g.Model, ID: g.ID, Type: "message", Role: "assistant", Content: []any{},
		Usage: anthropicUsageOf(g, 1),
	}
}

// thought is what the simulated models think, and signature vouches for it.
const thought = "The penny must be counted once."

func signature(g Generation) string { return fmt.Sprintf("%016x", draw(fold(g.Call), 0)) }

func (anthropicMessages) work(x *exchange) answer {
	g := x.bill("msg_")
	if x.ask.stream {
		return answer{stream: x.messageStream(g)}
	}
	m, reason := newAnthropicMessage(g), x.ask.stopReason(g)
	if g.Reasoning > 0 {
		m.Content = append(m.Content, anthropicThought{"thinking", thought, signature(g)})
	}
	m.Content = append(m.Content, anthropicText{"text", strings.Join(x.text(g), "")})
	m.Stop, m.Usage = &reason, m.Usage.all(g)
	return answer{body: encode(m)}
}

// messageStream has the input in its first event, and the output so far in the last
// but one.
func (x *exchange) messageStream(g Generation) *stream {
	s := &stream{contentType: eventStream}
	add := func(name string, shape any) {
		s.frames = append(s.frames, x.event(name, padded(encode(shape), g, len(s.frames))))
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
	block(anthropicText{Type: "text"}, deltas...)
	u := anthropicUsage{Input: g.Prompt - g.Cached, Cached: g.Cached}.all(g)
	add("message_delta", anthropicEnd{"message_delta", anthropicStop{Reason: x.ask.stopReason(g)}, u})
	add("message_stop", anthropicStopped{"message_stop"})
	s.failure = func(n int) [][]byte {
		return [][]byte{x.event("error", padded([]byte(overloadedEvent), g, n))}
	}
	return s
}

// overloadedEvent is how a stream ends that goes wrong.
const overloadedEvent = `{"type":"error","error":{"details":null,"type":"overloaded_error","message":"Overloaded"}}`

// padded puts blanks before the end of the i-th event, which hide how long it is.
func padded(event []byte, g Generation, i int) []byte {
	blanks := bytes.Repeat([]byte(" "), int(draw(fold(g.Call), uint64(i))%15))
	return append(append(event[:len(event)-1:len(event)-1], blanks...), '}')
}
