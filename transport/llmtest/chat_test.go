package llmtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// usage is the usage in a response, as a client reads it.
type usage struct {
	Prompt     int64 `json:"prompt_tokens"`
	Completion int64 `json:"completion_tokens"`
	Total      int64 `json:"total_tokens"`
	In         struct {
		Cached int64  `json:"cached_tokens"`
		Writes *int64 `json:"cache_write_tokens"`
	} `json:"prompt_tokens_details"`
	Out struct {
		Reasoning int64 `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// completion is a response, or a chunk of one.
type completion struct {
	ID, Object, Model string
	Tier              string `json:"service_tier"`
	Choices           []struct {
		Message, Delta struct{ Role, Content string }
		Finish         *string `json:"finish_reason"`
	}
	Usage       json.RawMessage
	Obfuscation string
}

// checkUsage compares the usage in a response with the meter.
func checkUsage(t *testing.T, raw json.RawMessage, g llmtest.Generation) {
	t.Helper()
	u := decode[usage](t, string(raw))
	if u.Prompt != g.Prompt || u.Completion != g.Completion || u.Total != g.Prompt+g.Completion ||
		u.In.Cached != g.Cached || u.Out.Reasoning != g.Reasoning {
		t.Errorf("usage %s, meter %+v", raw, g)
	}
}

func TestUnary(t *testing.T) {
	everywhere(t, "unary", llmtest.Config{Seed: 3}, func(t *testing.T, srv *llmtest.Server) {
		a := mustSend(t, srv, body("hi", `"service_tier":"flex"`), http.StatusOK)
		c, g := decode[completion](t, a.body), srv.Meter()[0]
		if c.ID != g.ID || c.Object != "chat.completion" || c.Model != "gpt-5-mini" || c.Tier != "flex" {
			t.Errorf("got %s", a.body)
		}
		if len(c.Choices) != 1 || c.Choices[0].Message.Content == "" || deref(c.Choices[0].Finish) != "stop" {
			t.Errorf("got choices %+v", c.Choices)
		}
		checkUsage(t, c.Usage, g)
		if decode[usage](t, string(c.Usage)).In.Writes == nil {
			t.Errorf("no cache_write_tokens in %s", c.Usage)
		}
		if want := `"message":{"role":"assistant","content":`; !strings.Contains(a.body, want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	})
}

func TestUnaryKeysInOrder(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		rest := mustSend(t, srv, body("hi"), http.StatusOK).body
		for _, key := range []string{
			"id", "object", "created", "model", "choices", "index", "message", "role", "content", "refusal",
			"annotations", "finish_reason", "usage", "prompt_tokens", "completion_tokens", "total_tokens",
			"prompt_tokens_details", "cached_tokens", "cache_write_tokens", "audio_tokens",
			"completion_tokens_details", "reasoning_tokens", "audio_tokens", "accepted_prediction_tokens",
			"rejected_prediction_tokens", "service_tier", "system_fingerprint",
		} {
			_, after, ok := strings.Cut(rest, `"`+key+`":`)
			if !ok {
				t.Fatalf("no %s in %s", key, rest)
			}
			rest = after
		}
		if rest != "null}" {
			t.Errorf("ends in %s", rest)
		}
	})
}

func TestStream(t *testing.T) {
	for _, crlf := range []bool{false, true} {
		for _, asked := range []bool{false, true} {
			cfg := llmtest.Config{CRLF: crlf, Chunks: 3, CachedPercent: 50}
			everywhere(t, fmt.Sprintf("crlf=%t/usage=%t", crlf, asked), cfg,
				func(t *testing.T, srv *llmtest.Server) {
					request := body(strings.Repeat("long ", 2000), `"stream":true`)
					if asked {
						request = body("hi", `"stream":true`, `"stream_options":{"include_usage":true}`)
					}
					end := map[bool]string{false: "\n", true: "\r\n"}[crlf]
					events := sse(t, mustSend(t, srv, request, http.StatusOK).body, end)
					checkStream(t, events, asked, 3, srv.Meter()[0])
				})
		}
	}
}

// checkStream checks the order of events: role, content, finish, usage if asked, [DONE].
func checkStream(t *testing.T, events []string, asked bool, chunks int, g llmtest.Generation) {
	t.Helper()
	last := len(events) - 1
	if events[last] != "[DONE]" {
		t.Fatalf("ends in %s", events[last])
	}
	var kinds []string
	for _, event := range events[:last] {
		c := decode[completion](t, event)
		if c.ID != g.ID || c.Object != "chat.completion.chunk" || c.Tier != g.Tier || c.Obfuscation == "" {
			t.Errorf("chunk %s", event)
		}
		kinds = append(kinds, kind(c))
		switch {
		case !asked && c.Usage != nil, asked && len(c.Choices) > 0 && string(c.Usage) != "null":
			t.Errorf("unexpected usage in %s", event)
		case len(c.Choices) == 0:
			checkUsage(t, c.Usage, g)
		}
	}
	want := "role" + strings.Repeat(" content", chunks) + " finish"
	if asked {
		want += " usage"
	}
	if got := strings.Join(kinds, " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func kind(c completion) string {
	switch {
	case len(c.Choices) == 0:
		return "usage"
	case c.Choices[0].Finish != nil:
		return "finish"
	case c.Choices[0].Delta.Role != "":
		return "role"
	case c.Choices[0].Delta.Content != "":
		return "content"
	}
	return "empty"
}

func TestStreamSaysWhatUnarySays(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		whole := decode[completion](t, mustSend(t, srv, body("hi"), 200).body).Choices[0].Message.Content
		var text strings.Builder
		events := sse(t, mustSend(t, srv, body("hi", `"stream":true`), 200).body, "\n")
		for _, event := range events[:len(events)-1] {
			text.WriteString(decode[completion](t, event).Choices[0].Delta.Content)
		}
		if len(events) != 11 || text.String() != whole {
			t.Errorf("%d events say %q, want 11 and %q", len(events), text.String(), whole)
		}
		if g := srv.Meter(); g[0].Completion != g[1].Completion || g[0].Call != g[1].Call || g[0].ID == g[1].ID {
			t.Errorf("metered %+v", g)
		}
	})
}

func TestObfuscationCanBeDeclined(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustSend(t, srv, body("hi", `"stream":true`, `"stream_options":{"include_obfuscation":false}`), 200)
		if strings.Contains(a.body, "obfuscation") || strings.Contains(a.body, `"usage"`) {
			t.Errorf("got %s", a.body)
		}
	})
}

func TestRejections(t *testing.T) {
	for _, tt := range []struct {
		name, request      string
		status             int
		param, code, words string
	}{
		{"array", `[]`, 400, "null", "null", "parse"},
		{"empty", ``, 400, "null", "null", "parse"},
		{"max_tokens", body("hi", `"max_tokens":0`), 400, "max_tokens", "null", "at least 1"},
		{"max_tokens type", body("hi", `"max_tokens":"many"`), 400, "max_tokens", "invalid_type", "type"},
		{"max_completion_tokens", body("hi", `"max_completion_tokens":-1`), 400, "max_completion_tokens", "null", "at least 1"},
		{"messages absent", `{"model":"m"}`, 400, "messages", "missing_required_parameter", "messages"},
		{"messages null", `{"model":"m","messages":null}`, 400, "messages", "missing_required_parameter", "messages"},
		{"messages type", `{"model":"m","messages":"hi"}`, 400, "messages", "invalid_type", "messages"},
		{"model absent", `{"messages":[]}`, 400, "model", "missing_required_parameter", "model"},
		{"model case", `{"Model":"m","messages":[]}`, 400, "model", "missing_required_parameter", "model"},
		{"model missing", `{"model":"missing-1","messages":[]}`, 404, "null", "model_not_found", "missing-1"},
		{"model type", `{"model":5,"messages":[]}`, 400, "model", "invalid_type", "model"},
		{"stream_options alone", body("hi", `"stream_options":{"include_usage":true}`), 400, "stream_options", "null", "stream"},
		{"tier for model", body("hi", `"service_tier":"flex"`), 400, "service_tier", "null", "Flex is not available for this model."},
		{"tier type", body("hi", `"service_tier":5`), 400, "service_tier", "invalid_type", "service_tier"},
		{"tier unknown", body("hi", `"service_tier":"standard"`), 400, "service_tier", "null", "Invalid service_tier argument"},
		{"truncated", `{"model":"m"`, 400, "null", "null", "parse"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, llmtest.Config{FlexModels: []string{"o3"}}, func(t *testing.T, srv *llmtest.Server) {
				a := mustSend(t, srv, tt.request, tt.status)
				e := decode[failure](t, a.body).Error
				if deref(e.Param) != tt.param || deref(e.Code) != tt.code || !strings.Contains(e.Message, tt.words) ||
					e.Type != "invalid_request_error" {
					t.Errorf("got %s", a.body)
				}
				if r := srv.Requests(); len(srv.Meter()) != 0 || len(r) != 1 || r[0].Status != tt.status {
					t.Errorf("billed %d, recorded %+v", len(srv.Meter()), r)
				}
			})
		})
	}
}

func TestNoStreamOptions(t *testing.T) {
	inBubble(t, llmtest.Config{NoStreamOptions: true}, func(t *testing.T, srv *llmtest.Server) {
		a := mustSend(t, srv, body("hi", `"stream":true`, `"stream_options":{"include_usage":true}`), 400)
		if e := decode[failure](t, a.body).Error; deref(e.Param) != "stream_options" || !strings.Contains(e.Message, "stream_options") {
			t.Errorf("got %s", a.body)
		}
		mustSend(t, srv, body("hi", `"stream":true`), 200)
		mustSend(t, srv, body("hi", `"stream":true`, `"stream_options":null`), 200)
	})
}
