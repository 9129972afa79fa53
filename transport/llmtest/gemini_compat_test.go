package llmtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const compatPath = "/v1beta/openai/chat/completions"

// compatible returns a chat request for Gemini with further fields put in.
func compatible(prompt string, fields ...string) string {
	return strings.Replace(body(prompt, fields...), "gpt-5-mini", "gemini-2.5-flash", 1)
}

// checkCompat compares the usage in a response with the meter. Thoughts are only in the
// total.
func checkCompat(t *testing.T, raw string, g llmtest.Generation) {
	t.Helper()
	u := decode[usage](t, raw)
	if u.Prompt != g.Prompt || u.Completion != g.Completion-g.Reasoning || u.Total != g.Prompt+g.Completion || u.In.Cached != g.Cached {
		t.Errorf("usage %s, meter %+v", raw, g)
	}
}

func TestCompat(t *testing.T) {
	for _, path := range []string{compatPath, "/v1beta/chat/completions"} {
		everywhere(t, path, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
			a := mustDo(t, srv, "POST", path, compatible("hi", `"service_tier":"flex"`), 200)
			g := srv.Meter()[0]
			c := decode[completion](t, a.body)
			checkCompat(t, string(c.Usage), g)
			if c.ID != g.ID || c.Object != "chat.completion" || c.Tier != "" || g.Provider != "gemini" || g.Operation != "chat" ||
				g.Tier != "flex" || g.Model != "gemini-2.5-flash" || g.Reasoning == 0 {
				t.Errorf("got %s, metered %+v", a.body, g)
			}
			keysInOrder(t, a.body, "choices", "finish_reason", "index", "message", "content", "role", "created", "id",
				"model", "object", "usage", "completion_tokens", "prompt_tokens", "total_tokens")
			if strings.Contains(a.body, "details") || a.header.Get("openai-version") != "" {
				t.Errorf("got %v %s", a.header, a.body)
			}
		})
	}
}

func TestCompatStream(t *testing.T) {
	for _, asked := range []bool{false, true} {
		inBubble(t, llmtest.Config{Chunks: 3}, func(t *testing.T, srv *llmtest.Server) {
			fields := []string{`"stream":true`}
			if asked {
				fields = append(fields, `"stream_options":{"include_usage":true}`)
			}
			events := sse(t, mustDo(t, srv, "POST", compatPath, compatible("hi", fields...), 200).body, "\n")
			if len(events) != 4 || events[3] != "[DONE]" {
				t.Fatalf("got %q", events)
			}
			for i, event := range events[:3] {
				c := decode[completion](t, event)
				if len(c.Choices) != 1 || c.Object != "chat.completion.chunk" || (c.Usage != nil) != asked || (c.Choices[0].Finish != nil) != (i == 2) {
					t.Errorf("chunk %s", event)
				}
				if asked && i == 2 {
					checkCompat(t, string(c.Usage), srv.Meter()[0])
				}
			}
		})
	}
}

func TestCompatRejections(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		status        int
		words         string
	}{
		{"auto", compatible("hi", `"service_tier":"auto"`), 400, "service_tier"},
		{"default", compatible("hi", `"service_tier":"default"`), 400, "service_tier"},
		{"standard", compatible("hi", `"service_tier":"standard"`), 400, "service_tier"},
		{"bare google", compatible("hi", `"google":{"cached_content":"cachedContents/x"}`), 400, `Unknown name "google"`},
		{"dead cache", compatible("hi", `"extra_body":{"google":{"cached_content":"cachedContents/x"}}`), 403, "CachedContent not found (or permission denied)"},
		{"extra_body type", compatible("hi", `"extra_body":{"google":5}`), 400, "extra_body"},
		{"no model", `{"messages":[]}`, 400, "model"},
		{"not JSON", `{`, 400, "parse"},
		{"unknown model", strings.Replace(compatible("hi"), "gemini-2.5-flash", "missing", 1), 404, "models/missing is not found"},
		{"no room", compatible("hi", `"service_tier":"flex"`), 503, "The system is currently at capacity."},
		{"stream_options", compatible("hi", `"stream_options":{}`), 400, "stream"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, llmtest.Config{Flex: llmtest.Refuse(1)}, func(t *testing.T, srv *llmtest.Server) {
				a := mustDo(t, srv, "POST", compatPath, tt.request, tt.status)
				if !strings.HasPrefix(a.body, `[{"error":{"code":`) || !strings.HasSuffix(a.body, "}]\n") {
					t.Errorf("got %q", a.body)
				}
				e := decode[[]generated](t, a.body)[0].Error
				if e.Code != tt.status || !strings.Contains(e.Message, tt.words) || len(srv.Meter()) != 0 {
					t.Errorf("got %s, billed %d", a.body, len(srv.Meter()))
				}
			})
		})
	}
}

func TestCompatCache(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		name := srv.NewCache("gemini-2.5-flash", 5000, time.Hour)
		extra := `"extra_body":{"google":{"cached_content":"` + name + `"}}`
		a := mustDo(t, srv, "POST", compatPath, compatible("hi", extra), 200)
		c, g := decode[completion](t, a.body), srv.Meter()[0]
		checkCompat(t, string(c.Usage), g)
		if g.Cached != 5000 || g.Prompt <= 5000 || g.Cache != name {
			t.Errorf("metered %+v", g)
		}
		keysInOrder(t, a.body, "completion_tokens", "prompt_tokens", "prompt_tokens_details", "cached_tokens", "total_tokens")
		for _, fields := range []string{`"tools":[]`, `"tool_choice":"auto"`} {
			mustDo(t, srv, "POST", compatPath, compatible("hi", extra, fields), 400)
		}
		system := strings.Replace(compatible("hi", extra), `"role":"user"`, `"role":"system"`, 1)
		if a := mustDo(t, srv, "POST", compatPath, system, 400); !strings.Contains(a.body, "CachedContent can not be used with GenerateContent request") {
			t.Errorf("got %s", a.body)
		}
	})
}
