package llmtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const messagesURL = "https://api.anthropic.com/v1/messages"

// message returns a request for a message with further fields put in.
func message(prompt string, fields ...string) string {
	fields = append([]string{
		`"model":"claude-haiku-4-5"`, `"max_tokens":1024`,
		fmt.Sprintf(`"messages":[{"role":"user","content":%q}]`, prompt),
	}, fields...)
	return "{" + strings.Join(fields, ",") + "}"
}

// anthropic is an answer of Anthropic's, or an event of one, or an error.
type anthropic struct {
	Type, ID, Model, Role string
	Content               []block
	Stop                  *string `json:"stop_reason"`
	Usage                 *anthropicUsage
	Error                 *struct{ Type, Message string }
	Request               string `json:"request_id"`
	Message               *anthropic
	Index                 int
	Block                 *block `json:"content_block"`
	Delta                 *struct {
		block
		Stop string `json:"stop_reason"`
	}
}

type block struct{ Type, Text, Thinking, Signature string }

type anthropicUsage struct {
	Input   int64 `json:"input_tokens"`
	Cached  int64 `json:"cache_read_input_tokens"`
	Written int64 `json:"cache_creation_input_tokens"`
	Created *struct {
		Short int64 `json:"ephemeral_5m_input_tokens"`
		Long  int64 `json:"ephemeral_1h_input_tokens"`
	} `json:"cache_creation"`
	Output int64 `json:"output_tokens"`
	Out    struct {
		Thinking int64 `json:"thinking_tokens"`
	} `json:"output_tokens_details"`
	Tier string `json:"service_tier"`
}

func checkAnthropic(t *testing.T, u *anthropicUsage, g llmtest.Generation) {
	t.Helper()
	if u == nil || u.Input+u.Cached != g.Prompt || u.Cached != g.Cached || u.Written != 0 || u.Output != g.Completion || u.Out.Thinking != g.Reasoning {
		t.Errorf("usage %+v, meter %+v", u, g)
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
			if m.ID != g.ID || m.Model != g.Model || m.Type != "message" || m.Role != "assistant" || deref(m.Stop) != "end_turn" ||
				len(m.Content) != 1 || m.Content[0].Type != "text" || m.Content[0].Text == "" || m.Usage.Tier != "standard" || m.Usage.Created == nil {
				t.Errorf("got %s", a.body)
			}
			if g.Provider != "anthropic" || g.Operation != "messages" || g.Tier != "standard" || g.Cached == 0 || g.Reasoning != 0 ||
				!strings.HasPrefix(g.ID, "msg_") || srv.Requests()[0].Tier != asked {
				t.Errorf("metered %+v", g)
			}
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

// What is told to think does so, whatever its name; nothing else does.
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

// namedEvents splits a stream into the names of its events, and what they say.
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
			if start.ID != g.ID || start.Model != g.Model || start.Stop != nil || len(start.Content) != 0 ||
				start.Usage.Input+start.Usage.Cached != g.Prompt || start.Usage.Output != 1 || start.Usage.Tier != "standard" || g.Cached == 0 {
				t.Errorf("begins with %+v, usage %+v", start, start.Usage)
			}
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

func TestAnthropicRefusals(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.Overloaded,
		llmtest.FlexUnavailable, llmtest.ServerError, llmtest.BadRequest)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, tt := range []struct {
			request       string
			status        int
			kind, message string
			retryAfter    string
			again         string
		}{
			{message("hi"), 429, "rate_limit_error", "rate limit of 60 requests per minute", "1", "true"},
			{message("hi"), 400, "invalid_request_error", "Your credit balance is too low", "", "false"},
			{message("hi"), 529, "overloaded_error", "Overloaded", "", "true"},
			{message("hi"), 529, "overloaded_error", "Overloaded", "", "true"},
			{message("hi"), 500, "api_error", "Internal server error", "", "true"},
			{message("hi"), 400, "invalid_request_error", "script", "", "false"},
			{message("hi", `"service_tier":"flex"`), 400, "invalid_request_error", "service_tier: Input should be", "", "false"},
			{strings.Replace(message("hi"), "claude", "missing", 1), 404, "not_found_error", "model: missing-haiku-4-5", "", "false"},
			{body("hi"), 400, "invalid_request_error", "max_tokens: Field required", "", "false"},
			{strings.Replace(message("hi"), "1024", "0", 1), 400, "invalid_request_error", "max_tokens: must be greater", "", "false"},
			{strings.Replace(message("hi"), "1024", `"x"`, 1), 400, "invalid_request_error", "max_tokens: Input should be a valid integer", "", "false"},
			{`{"model":"claude","max_tokens":5}`, 400, "invalid_request_error", "messages: Field required", "", "false"},
			{`{"model":"claude","max_tokens":5,"messages":"hi"}`, 400, "invalid_request_error", "messages: Input should be a valid list", "", "false"},
			{`{"max_tokens":5,"messages":[]}`, 400, "invalid_request_error", "model: Field required", "", "false"},
			{`{`, 400, "invalid_request_error", "not valid JSON", "", "false"},
		} {
			a := mustDo(t, srv, "POST", messagesURL, tt.request, tt.status)
			e := decode[anthropic](t, a.body)
			if e.Type != "error" || e.Error.Type != tt.kind || !strings.Contains(e.Error.Message, tt.message) || e.Request != a.header.Get("request-id") ||
				a.header.Get("retry-after") != tt.retryAfter || a.header.Get("x-should-retry") != tt.again {
				t.Errorf("got %v %s", a.header, a.body)
			}
			keysInOrder(t, a.body, "type", "error", "type", "message", "request_id")
			if limited := a.header.Get("anthropic-ratelimit-requests-remaining"); (limited == "0") != (tt.status == 429) {
				t.Errorf("got %v", a.header)
			}
		}
		if len(srv.Meter()) != 0 {
			t.Errorf("billed %d", len(srv.Meter()))
		}
	})
}

func TestAnthropicShouldRetryFalse(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ShouldRetryFalse)}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", messagesURL, message("hi"), 429)
		checkHeaders(t, a.header, map[string]string{"x-should-retry": "false", "retry-after": "1"})
	})
}

func TestAnthropicCountsTokens(t *testing.T) {
	inBubble(t, llmtest.Config{RequestsPerMinute: 1}, func(t *testing.T, srv *llmtest.Server) {
		request := strings.Replace(message("How do I save?", `"system":"Be brief, and be it at once."`), `"max_tokens":1024,`, "", 1)
		a := mustDo(t, srv, "POST", messagesURL+"/count_tokens", request, 200)
		count := decode[struct {
			Input int64 `json:"input_tokens"`
		}](t, a.body).Input
		mustDo(t, srv, "POST", messagesURL, message("How do I save?", `"system":"Be brief, and be it at once."`), 200)
		if g := srv.Meter(); len(g) != 1 || g[0].Prompt != count {
			t.Errorf("counted %d, billed %+v", count, g)
		}
		r := srv.Requests()
		if r[0].Operation != "countTokens" || r[0].Provider != "anthropic" || r[0].Call != r[1].Call || a.header.Get("anthropic-ratelimit-requests-limit") != "" {
			t.Errorf("recorded %+v", r[0])
		}
		mustDo(t, srv, "POST", messagesURL+"/count_tokens", `{"model":"claude"}`, 400)
	})
}

func TestAnthropicPaths(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		for target, status := range map[string]int{
			"/v1/messages":                             200,
			"/v1/messages/":                            200,
			"/gateway/v1/messages":                     200,
			"/v1/messages/count_tokens":                200,
			"https://api.anthropic.com/messages":       200,
			"https://api.anthropic.com:443/messages":   200,
			"/messages":                                404,
			"/messages/count_tokens":                   404,
			"https://api.anthropic.com/v1/complete":    404,
			"https://api.anthropic.com/v1/messages/no": 404,
		} {
			mustDo(t, srv, "POST", target, message("hi"), status)
		}
		mustDo(t, srv, "GET", messagesURL, "", 404)
	})
}
