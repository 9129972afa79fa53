package llmtest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// usage is the usage of an answer, as a client reads it.
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

// completion is an answer, whole or a chunk of it.
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

// checkUsage compares what the answer says with what the meter says.
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

func TestHeaders(t *testing.T) {
	everywhere(t, "headers", llmtest.Config{Faults: llmtest.Sequence(llmtest.NoFault, llmtest.NoFault, llmtest.ServerError)},
		func(t *testing.T, srv *llmtest.Server) {
			ids := map[string]bool{}
			for i, contentType := range []string{"application/json", "text/event-stream; charset=utf-8", "application/json"} {
				a := send(t.Context(), srv, body("hi", fmt.Sprintf(`"stream":%t`, i == 1)))
				ids[a.header.Get("x-request-id")] = true
				for key, want := range map[string]string{
					"content-type": contentType, "openai-version": "2020-10-01",
					"openai-organization":        "org-llmtest",
					"x-ratelimit-limit-requests": "5000", "x-ratelimit-limit-tokens": "2000000",
					"x-ratelimit-remaining-requests": "4999", "x-ratelimit-reset-requests": "12ms",
				} {
					if got := a.header.Get(key); got != want {
						t.Errorf("%s: %q, want %q", key, got, want)
					}
				}
				if a.header.Get("openai-processing-ms") == "" || a.header.Get("x-ratelimit-remaining-tokens") == "" {
					t.Errorf("missing headers: %v", a.header)
				}
				if _, err := time.ParseDuration(a.header.Get("x-ratelimit-reset-tokens")); err != nil {
					t.Error(err)
				}
			}
			if len(ids) != 3 || ids[""] {
				t.Errorf("request ids are not unique: %v", ids)
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

func TestDelays(t *testing.T) {
	cfg := llmtest.Config{Latency: 10 * time.Minute, ChunkDelay: time.Second, Faults: llmtest.Sequence(llmtest.NoFault, llmtest.NoFault, llmtest.Overloaded)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, tt := range []struct {
			request string
			status  int
			want    time.Duration
		}{
			{body("hi"), 200, 10 * time.Minute},
			{body("hi", `"stream":true`), 200, 10*time.Minute + 10*time.Second}, // 11 events, 10 gaps
			{body("hi"), 503, 10 * time.Minute},
		} {
			began := time.Now()
			a := mustSend(t, srv, tt.request, tt.status)
			if got := time.Since(began); got != tt.want {
				t.Errorf("took %v, want %v", got, tt.want)
			}
			if ms := a.header.Get("openai-processing-ms"); ms != "600000" {
				t.Errorf("openai-processing-ms %s", ms)
			}
		}
		if g := srv.Meter()[0]; time.Since(g.At) < 30*time.Minute {
			t.Errorf("billed at %v, which is after the wait", g.At)
		}
	})
}

func TestHangUpIsBilled(t *testing.T) {
	inBubble(t, llmtest.Config{Latency: time.Hour}, func(t *testing.T, srv *llmtest.Server) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if got := send(ctx, srv, body("hi")); !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("got %v", got.err)
		}
		if r := srv.Requests(); len(srv.Meter()) != 1 || len(r) != 1 || r[0].Status != 0 {
			t.Errorf("billed %d, recorded %+v", len(srv.Meter()), r)
		}
	})
}

func TestRefusals(t *testing.T) {
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

func TestErrorBodies(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.FlexUnavailable, llmtest.Overloaded, llmtest.QuotaExceeded)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, want := range []string{
			`{"error":{"message":"Flex tier does not have sufficient resources available to fulfill your request. You can try again later or change service_tier=default","type":"resource_unavailable","param":null,"code":"flex_unavailable"}}`,
			`{"error":{"message":"Our servers are currently overloaded. Please try again later.","type":"service_unavailable_error","param":null,"code":"server_is_overloaded"}}`,
			`{"error":{"message":"You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}`,
		} {
			if got := send(t.Context(), srv, body("hi")).body; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	})
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

func TestTiers(t *testing.T) {
	for asked, want := range map[string]string{
		"null": "default", `"auto"`: "default", `"default"`: "default", `"scale"`: "default",
		`"flex"`: "flex", `"priority"`: "priority", `"fast"`: "priority",
	} {
		t.Run(asked, func(t *testing.T) {
			inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
				a := mustSend(t, srv, body("hi", `"service_tier":`+asked), 200)
				if got := decode[completion](t, a.body).Tier; got != want || srv.Meter()[0].Tier != want {
					t.Errorf("served %s, billed %s, want %s", got, srv.Meter()[0].Tier, want)
				}
				if got := srv.Requests()[0].Tier; got != strings.Trim(strings.TrimPrefix(asked, "null"), `"`) {
					t.Errorf("recorded %q for %s", got, asked)
				}
			})
		})
	}
}

func TestTokens(t *testing.T) {
	const messages = `[ {"role":"user",  "content":"hi"} ]`
	long := `["` + strings.Repeat("x", 8188) + `"]` // 2048 tokens
	ask := func(model, messages, more string) string {
		return `{"model":"` + model + `","messages":` + messages + more + `}`
	}
	for _, tt := range []struct {
		name, request  string
		prompt, cached int64
		most           int64
		reasoning      bool
		messages       string
	}{
		{"empty", ask("gpt-4o", `[]`, ``), 1, 0, 207, false, `[]`},
		{"raw", ask("gpt-4o", messages, ``), int64(len(messages) / 4), 0, 207, false, messages},
		{"cached", ask("gpt-4o", long, ``), 2048, 1024, 207, false, long},
		{"reasoning o", ask("o3", messages, ``), int64(len(messages) / 4), 0, 207, true, messages},
		{"reasoning gpt-5", ask("gpt-5.6-sol", messages, ``), int64(len(messages) / 4), 0, 207, true, messages},
		{"most", ask("gpt-4o", `[]`, `,"max_tokens":3`), 1, 0, 3, false, `[]`},
		{"most of two", ask("gpt-4o", `[]`, `,"max_tokens":9,"max_completion_tokens":2`), 1, 0, 2, false, `[]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, llmtest.Config{CachedPercent: 55}, func(t *testing.T, srv *llmtest.Server) {
				c := decode[completion](t, mustSend(t, srv, tt.request, 200).body)
				g := srv.Meter()[0]
				checkUsage(t, c.Usage, g)
				if g.Prompt != tt.prompt || g.Cached != tt.cached || g.Completion > tt.most || g.Completion < min(8, tt.most) {
					t.Errorf("metered %+v", g)
				}
				if tt.reasoning && g.Reasoning != g.Completion/2 || !tt.reasoning && g.Reasoning != 0 {
					t.Errorf("reasoning %d of %d", g.Reasoning, g.Completion)
				}
				if (deref(c.Choices[0].Finish) == "length") != (tt.most < 8) {
					t.Errorf("finished for %s", deref(c.Choices[0].Finish))
				}
				sum := sha256.Sum256([]byte(tt.messages))
				if want := hex.EncodeToString(sum[:]); g.Call != want || srv.Requests()[0].Call != want {
					t.Errorf("call %s, want %s", g.Call, want)
				}
			})
		})
	}
}

func TestSeed(t *testing.T) {
	run := func(seed uint64) (out string) {
		srv := llmtest.NewPipe(llmtest.Config{Seed: seed})
		defer srv.Close()
		for i := range 8 {
			mustSend(t, srv, body(fmt.Sprint(i)), 200)
			g := srv.Meter()[i]
			out += fmt.Sprintln(g.ID, g.Completion)
		}
		return out
	}
	if first, second := run(1), run(1); first != second {
		t.Error("one seed, two runs")
	}
	if run(1) == run(2) {
		t.Error("two seeds, one run")
	}
}

func TestOtherPaths(t *testing.T) {
	everywhere(t, "paths", llmtest.Config{Faults: llmtest.Sequence(llmtest.BadRequest)}, func(t *testing.T, srv *llmtest.Server) {
		for _, tt := range []struct {
			method, path string
			status       int
		}{
			{"GET", "/v1/models", 200},
			{"GET", "/v1/chat/completions", 404},
			{"POST", "/v1/images", 404},
			{"POST", "/some/prefix/chat/completions", 400}, // the fault: it was recognised
		} {
			req, err := http.NewRequest(tt.method, srv.URL+tt.path, strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			res, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != tt.status || res.Header.Get("x-request-id") == "" {
				t.Errorf("%s %s: %d", tt.method, tt.path, res.StatusCode)
			}
			var v map[string]any
			if err := json.NewDecoder(res.Body).Decode(&v); err != nil || v["error"] == nil && v["data"] == nil {
				t.Errorf("%s %s: %v, %v", tt.method, tt.path, v, err)
			}
			res.Body.Close()
		}
		if r := srv.Requests(); len(r) != 4 || r[0].Path != "/v1/models" || r[3].N != 3 {
			t.Errorf("recorded %+v", r)
		}
	})
}
