package llmtest_test

import (
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const groqURL = "https://api.groq.com/openai/v1/chat/completions"

// groq is a response of Groq, or a chunk of one.
type groq struct {
	completion
	Usage *groqUsage
	Info  *struct {
		ID    string
		Usage *groqUsage
	} `json:"x_groq"`
	Error *struct{ Message, Type, Code string }
}

type groqUsage struct {
	usage
	Queued float64 `json:"queue_time"`
	Took   float64 `json:"total_time"`
}

func checkGroq(t *testing.T, u *groqUsage, g llmtest.Generation) {
	t.Helper()
	if u == nil || u.Prompt != g.Prompt || u.Completion != g.Completion || u.Total != g.Prompt+g.Completion ||
		u.In.Cached != g.Cached || u.Out.Reasoning != g.Reasoning || u.Queued <= 0 || u.Took <= 0 {
		t.Errorf("usage %+v, meter %+v", u, g)
	}
}

func TestGroq(t *testing.T) {
	for asked, want := range map[string]string{"": "on_demand", "auto": "on_demand", "on_demand": "on_demand", "flex": "flex", "performance": "performance"} {
		everywhere(t, want, llmtest.Config{CachedPercent: 50}, func(t *testing.T, srv *llmtest.Server) {
			request := strings.Replace(body(strings.Repeat("long ", 2000)), "gpt-5-mini", "openai/gpt-oss-20b", 1)
			if asked != "" {
				request = strings.Replace(request, "{", `{"service_tier":"`+asked+`",`, 1)
			}
			a := mustDo(t, srv, "POST", groqURL, request, 200)
			c, g := decode[groq](t, a.body), srv.Meter()[0]
			checkGroq(t, c.Usage, g)
			if c.Tier != want || g.Tier != want || g.Provider != "groq" || g.Cached == 0 || g.Reasoning == 0 || !strings.HasPrefix(c.Info.ID, "req_") {
				t.Errorf("got %s, metered %+v", a.body, g)
			}
			keysInOrder(t, a.body, "choices", "logprobs", "finish_reason", "usage", "queue_time", "prompt_tokens", "prompt_time",
				"completion_tokens", "completion_time", "total_tokens", "total_time", "usage_breakdown", "x_groq", "service_tier")
			checkHeaders(t, a.header, map[string]string{"x-ratelimit-limit-requests": "14400", "openai-version": "", "x-request-id": c.Info.ID})
		})
	}
}

func TestGroqStream(t *testing.T) {
	for _, asked := range []bool{false, true} {
		inBubble(t, llmtest.Config{Chunks: 3}, func(t *testing.T, srv *llmtest.Server) {
			fields := []string{`"stream":true`}
			if asked {
				fields = append(fields, `"stream_options":{"include_usage":true}`)
			}
			events := sse(t, mustDo(t, srv, "POST", groqURL, body("hi", fields...), 200).body, "\n")
			var chunks []groq
			for _, event := range events[:len(events)-1] {
				chunks = append(chunks, decode[groq](t, event))
			}
			g, finish := srv.Meter()[0], chunks[4]
			checkGroq(t, finish.Info.Usage, g)
			if deref(finish.Choices[0].Finish) != "stop" || (finish.Usage != nil) != asked || len(chunks) != map[bool]int{false: 5, true: 6}[asked] {
				t.Errorf("got %q", events)
			}
			if asked {
				checkGroq(t, chunks[5].Usage, g)
				if len(chunks[5].Choices) != 0 || chunks[5].Tier != "on_demand" {
					t.Errorf("ends in %s", events[5])
				}
			}
		})
	}
}

func TestGroqRejections(t *testing.T) {
	cfg := llmtest.Config{
		Flex:   llmtest.Refuse(1),
		Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.QuotaExceeded, llmtest.Overloaded, llmtest.ServerError, llmtest.BadRequest),
	}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, tt := range []struct {
			request       string
			status        int
			code, message string
			retryAfter    string
		}{
			{body("hi"), 429, "rate_limit_exceeded", "service tier `on_demand` on requests per minute (RPM): Limit 60, Used 60, Requested 1. Please try again in 1s. ", "1"},
			{body("hi"), 400, "blocked_api_access", "blocked", ""},
			{body("hi"), 503, "", "over capacity", ""},
			{body("hi"), 500, "", "Internal Server Error", ""},
			{body("hi"), 400, "", "script", ""},
			{body("hi", `"service_tier":"flex"`), 498, "capacity_exceeded", "won't be processed", ""},
			{body("hi", `"service_tier":"default"`), 400, "", "service_tier", ""},
			{`{"model":"missing","messages":[]}`, 404, "model_not_found", "missing", ""},
			{`{`, 400, "", "parse", ""},
		} {
			a := mustDo(t, srv, "POST", groqURL, tt.request, tt.status)
			e := decode[groq](t, a.body).Error
			if e.Code != tt.code || !strings.Contains(e.Message, tt.message) || e.Type == "" || a.header.Get("retry-after") != tt.retryAfter || a.header.Get("retry-after-ms") != "" {
				t.Errorf("got %v %s", a.header, a.body)
			}
		}
		mustDo(t, srv, "POST", groqURL, body("hi", `"service_tier":"flex"`), 200)
		if len(srv.Meter()) != 1 {
			t.Errorf("billed %d", len(srv.Meter()))
		}
	})
}

func TestGroqErrorInStream(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream)}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", groqURL, body("hi", `"stream":true`), 200)
		if _, last, ok := strings.Cut(a.body, "event: error\ndata: "); !ok || decode[groq](t, last).Error == nil {
			t.Errorf("got %s", a.body)
		}
	})
}
