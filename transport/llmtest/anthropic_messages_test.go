package llmtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func checkAnthropic(t *testing.T, u *anthropicUsage, g llmtest.Generation) {
	t.Helper()
	if u == nil || u.Input+u.Cached != g.Prompt || u.Cached != g.Cached || u.Written != 0 || u.Output != g.Completion || u.Out.Thinking != g.Reasoning {
		t.Errorf("usage %+v, meter %+v", u, g)
	}
}

func checkAnthropicBody(t *testing.T, m anthropic, g llmtest.Generation, body string) {
	t.Helper()
	if m.ID != g.ID || m.Model != g.Model || m.Type != "message" || m.Role != "assistant" || deref(m.Stop) != "end_turn" ||
		len(m.Content) != 1 || m.Content[0].Type != "text" || m.Content[0].Text == "" || m.Usage.Tier != "standard" || m.Usage.Created == nil {
		t.Errorf("got %s", body)
	}
}

func checkAnthropicMeter(t *testing.T, g llmtest.Generation, r llmtest.Request, tier string) {
	t.Helper()
	if g.Provider != "anthropic" || g.Operation != "messages" || g.Tier != "standard" || g.Cached == 0 || g.Reasoning != 0 ||
		!strings.HasPrefix(g.ID, "msg_") || r.Tier != tier {
		t.Errorf("metered %+v", g)
	}
}

func TestAnthropic(t *testing.T) {
	for _, asked := range []string{"", "auto", "standard_only"} {
		everywhere(t, asked, llmtest.Config{CachedPercent: 50}, func(t *testing.T, srv *llmtest.Server) {
			var fields []string
			if asked != "" {
				fields = append(fields, `"service_tier":"`+asked+`"`)
			}
			a := mustDo(t, srv, "POST", messagesURL, message(strings.Repeat("long ", 2000), fields...), 200)
			m, g := decode[anthropic](t, a.body), srv.Meter()[0]
			checkAnthropic(t, m.Usage, g)
			checkAnthropicBody(t, m, g, a.body)
			checkAnthropicMeter(t, g, srv.Requests()[0], asked)
			keysInOrder(t, a.body, "model", "id", "type", "role", "content", "stop_reason", "stop_sequence", "stop_details", "usage",
				"input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "ephemeral_5m_input_tokens",
				"ephemeral_1h_input_tokens", "output_tokens", "service_tier", "inference_geo")
			checkHeaders(t, a.header, map[string]string{
				"content-type": "application/json", "x-should-retry": "", "openai-version": "", "x-ratelimit-limit-requests": "",
				"anthropic-ratelimit-requests-limit": "5000", "anthropic-ratelimit-requests-remaining": "4999",
				"anthropic-ratelimit-input-tokens-limit": "2000000", "anthropic-ratelimit-output-tokens-remaining": "398976",
			})
			if _, err := time.Parse(time.RFC3339, a.header.Get("anthropic-ratelimit-input-tokens-reset")); err != nil || !strings.HasPrefix(a.header.Get("request-id"), "req_") {
				t.Errorf("%v, headers %v", err, a.header)
			}
		})
	}
}

// A model thinks if and only if the request turns thinking on.
func TestAnthropicThinks(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", messagesURL, message("hi", `"thinking":{"type":"enabled","budget_tokens":1024}`), 200)
		m, g := decode[anthropic](t, a.body), srv.Meter()[0]
		checkAnthropic(t, m.Usage, g)
		if g.Reasoning == 0 || len(m.Content) != 2 || m.Content[0].Type != "thinking" || m.Content[0].Thinking == "" || m.Content[0].Signature == "" {
			t.Errorf("got %s", a.body)
		}
		keysInOrder(t, a.body, "output_tokens", "output_tokens_details", "thinking_tokens", "service_tier")
		mustDo(t, srv, "POST", messagesURL, strings.Replace(message("hi", `"thinking":{"type":"disabled"}`), "claude", "o3", 1), 200)
		if g := srv.Meter()[1]; g.Reasoning != 0 {
			t.Errorf("metered %+v", g)
		}
	})
}

func TestAnthropicStopsAtLimit(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		request := strings.Replace(message("hi"), "1024", "5", 1)
		a := mustDo(t, srv, "POST", messagesURL, request, 200)
		if m := decode[anthropic](t, a.body); deref(m.Stop) != "max_tokens" || m.Usage.Output != 5 {
			t.Errorf("got %s", a.body)
		}
	})
}

// namedEvents splits a stream into the names and the data of its events.
func namedEvents(t *testing.T, stream, end string) (names []string, events []anthropic) {
	t.Helper()
	for frame := range strings.SplitSeq(strings.TrimSuffix(stream, end+end), end+end) {
		name, data, ok := strings.Cut(frame, end)
		name, ok2 := strings.CutPrefix(name, "event: ")
		data, ok3 := strings.CutPrefix(data, "data: ")
		e := decode[anthropic](t, data)
		if !ok || !ok2 || !ok3 || e.Type != name {
			t.Fatalf("event %q", frame)
		}
		names, events = append(names, name), append(events, e)
	}
	return names, events
}

func checkAnthropicStart(t *testing.T, start *anthropic, g llmtest.Generation) {
	t.Helper()
	if start.ID != g.ID || start.Model != g.Model || start.Stop != nil || len(start.Content) != 0 ||
		start.Usage.Input+start.Usage.Cached != g.Prompt || start.Usage.Output != 1 || start.Usage.Tier != "standard" || g.Cached == 0 {
		t.Errorf("begins with %+v, usage %+v", start, start.Usage)
	}
}

func TestAnthropicStream(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		inBubble(t, llmtest.Config{Chunks: 2, CachedPercent: 50, CRLF: end == "\r\n"}, func(t *testing.T, srv *llmtest.Server) {
			a := mustDo(t, srv, "POST", messagesURL, message(strings.Repeat("long ", 2000), `"stream":true`), 200)
			names, events := namedEvents(t, a.body, end)
			if got := strings.Join(names, " "); got != "message_start content_block_start ping content_block_delta content_block_delta "+
				"content_block_stop message_delta message_stop" {
				t.Fatalf("events %s", got)
			}
			g, start, last := srv.Meter()[0], events[0].Message, events[6]
			checkAnthropicStart(t, start, g)
			checkAnthropic(t, last.Usage, g)
			if last.Delta.Stop != "end_turn" || last.Usage.Created != nil || last.Usage.Tier != "" {
				t.Errorf("ends with %+v", last)
			}
			if text := events[3].Delta.Text + events[4].Delta.Text; strings.Count(text, " ") != 1 {
				t.Errorf("says %q", text)
			}
			checkHeaders(t, a.header, map[string]string{"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"})
			if r := srv.Requests()[0]; !r.Stream || !r.IncludeUsage {
				t.Errorf("recorded %+v", r)
			}
		})
	}
}

func TestAnthropicThinkingStream(t *testing.T) {
	inBubble(t, llmtest.Config{Chunks: 1}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", messagesURL, message("hi", `"stream":true`, `"thinking":{"type":"adaptive"}`), 200)
		names, events := namedEvents(t, a.body, "\n")
		if got := strings.Join(names[1:], " "); got != "content_block_start ping content_block_delta content_block_delta content_block_stop "+
			"content_block_start content_block_delta content_block_stop message_delta message_stop" {
			t.Fatalf("events %s", got)
		}
		if events[1].Block.Type != "thinking" || events[3].Delta.Type != "thinking_delta" || events[4].Delta.Signature == "" ||
			events[6].Index != 1 || events[6].Block.Type != "text" || events[7].Delta.Type != "text_delta" {
			t.Errorf("got %s", a.body)
		}
		checkAnthropic(t, events[9].Usage, srv.Meter()[0])
	})
}

func TestAnthropicErrorInStream(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream)}, func(t *testing.T, srv *llmtest.Server) {
		names, events := namedEvents(t, mustDo(t, srv, "POST", messagesURL, message("hi", `"stream":true`), 200).body, "\n")
		last := events[len(events)-1]
		if names[0] != "message_start" || len(names) != 8 || last.Error == nil || last.Error.Type != "overloaded_error" || last.Error.Message != "Overloaded" {
			t.Errorf("got %q, the last %+v", names, last)
		}
	})
}
