package llmtest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const responsesPath = "/v1/responses"

// input returns a request to the Responses API with further fields put in.
func input(prompt string, fields ...string) string {
	fields = append([]string{`"model":"gpt-5-mini"`, fmt.Sprintf(`"input":%q`, prompt)}, fields...)
	return "{" + strings.Join(fields, ",") + "}"
}

// response is an answer of the Responses API, or an event of a stream.
type response struct {
	Type              string
	SequenceNumber    int `json:"sequence_number"`
	Response          *response
	ID, Status, Model string
	Background        bool
	Tier              string `json:"service_tier"`
	Output            []struct {
		Type    string
		Content []struct{ Text string }
	}
	Usage *struct {
		Input int64 `json:"input_tokens"`
		In    struct {
			Cached int64 `json:"cached_tokens"`
		} `json:"input_tokens_details"`
		Output int64 `json:"output_tokens"`
		Out    struct {
			Reasoning int64 `json:"reasoning_tokens"`
		} `json:"output_tokens_details"`
		Total int64 `json:"total_tokens"`
	}
	Incomplete *struct{ Reason string } `json:"incomplete_details"`
	Error      *struct{ Type, Code string }
	Delta      string
}

// checkResponse compares a finished response with what the meter says.
func checkResponse(t *testing.T, r *response, g llmtest.Generation) {
	t.Helper()
	u := r.Usage
	if u == nil || r.ID != g.ID || r.Tier != g.Tier || u.Input != g.Prompt || u.In.Cached != g.Cached ||
		u.Output != g.Completion || u.Out.Reasoning != g.Reasoning || u.Total != g.Prompt+g.Completion {
		t.Errorf("got %+v with usage %+v, meter %+v", r, u, g)
	}
}

// named splits a stream into its events, and checks that names and types agree.
func named(t *testing.T, stream, end string) (events []response) {
	t.Helper()
	for text := range strings.SplitSeq(strings.TrimSuffix(stream, end+end), end+end) {
		name, data, ok := strings.Cut(text, end+"data: ")
		e := decode[response](t, data)
		if !ok || name != "event: "+e.Type {
			t.Fatalf("event %q", text)
		}
		events = append(events, e)
	}
	return events
}

func TestResponses(t *testing.T) {
	everywhere(t, "unary", llmtest.Config{CachedPercent: 50}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", responsesPath, input(strings.Repeat("long ", 2000), `"service_tier":"fast"`), 200)
		r, g := decode[response](t, a.body), srv.Meter()[0]
		checkResponse(t, &r, g)
		if r.Status != "completed" || len(r.Output) != 2 || r.Output[1].Content[0].Text == "" || g.Cached == 0 ||
			g.Tier != "priority" || g.Provider != "openai" || g.Operation != "responses" {
			t.Errorf("got %s, metered %+v", a.body, g)
		}
		if q := srv.Requests()[0]; q.Model != "gpt-5-mini" || q.Tier != "fast" || q.Call != g.Call || q.Call == "" {
			t.Errorf("recorded %+v", q)
		}
		if a.header.Get("x-request-id") == "" || a.header.Get("x-ratelimit-limit-requests") != "5000" {
			t.Errorf("got %v", a.header)
		}
		if again := decode[response](t, mustDo(t, srv, "GET", responsesPath+"/"+g.ID, "", 200).body); again.Status != "completed" || len(srv.Meter()) != 1 {
			t.Errorf("got %+v", again)
		}
		mustDo(t, srv, "POST", responsesPath+"/"+g.ID+"/cancel", "", 400)
		mustDo(t, srv, "GET", responsesPath+"/"+g.ID+"?stream=true", "", 400)
		mustDo(t, srv, "GET", responsesPath+"/resp_x", "", 404)
		mustDo(t, srv, "POST", responsesPath+"/resp_x/cancel", "", 404)
		short := decode[response](t, mustDo(t, srv, "POST", responsesPath, input("hi", `"max_output_tokens":2`, `"store":false`), 200).body)
		if checkResponse(t, &short, srv.Meter()[1]); short.Status != "incomplete" || short.Incomplete.Reason != "max_output_tokens" {
			t.Errorf("got %+v", short)
		}
		mustDo(t, srv, "GET", responsesPath+"/"+short.ID, "", 404)
	})
}

func TestResponsesStream(t *testing.T) {
	for _, tt := range []struct{ asked, created, completed string }{
		{"", "auto", "default"}, {"auto", "auto", "default"}, {"flex", "flex", "flex"}, {"fast", "fast", "priority"},
	} {
		for _, crlf := range []bool{false, true} {
			inBubble(t, llmtest.Config{Chunks: 3, CRLF: crlf}, func(t *testing.T, srv *llmtest.Server) {
				fields := []string{`"stream":true`}
				if tt.asked != "" {
					fields = append(fields, `"service_tier":"`+tt.asked+`"`)
				}
				a := mustDo(t, srv, "POST", responsesPath, input("hi", fields...), 200)
				events := named(t, a.body, map[bool]string{false: "\n", true: "\r\n"}[crlf])
				last := len(events) - 1
				if e := events[0]; e.Type != "response.created" || e.Response.Tier != tt.created || e.Response.Usage != nil || e.Response.Status != "in_progress" {
					t.Errorf("begins with %+v", e)
				}
				if e := events[last]; e.Type != "response.completed" || e.Response.Tier != tt.completed {
					t.Errorf("ends in %+v", e)
				}
				checkResponse(t, events[last].Response, srv.Meter()[0])
				var text strings.Builder
				for i, e := range events {
					text.WriteString(e.Delta)
					if e.SequenceNumber != i || i < last && e.Response != nil && (e.Response.Usage != nil || e.Response.Tier != tt.created) {
						t.Errorf("event %d: %+v", i, e)
					}
				}
				if out := events[last].Response.Output; text.String() != out[len(out)-1].Content[0].Text {
					t.Errorf("streamed %q of %+v", text.String(), out)
				}
				if strings.Contains(a.body, "[DONE]") || !srv.Requests()[0].Stream {
					t.Errorf("got %s", a.body)
				}
			})
		}
	}
}

func TestResponsesErrorInStream(t *testing.T) {
	inBubble(t, llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream)}, func(t *testing.T, srv *llmtest.Server) {
		events := named(t, mustDo(t, srv, "POST", responsesPath, input("hi", `"stream":true`), 200).body, "\n")
		e, failed := events[len(events)-2], events[len(events)-1]
		if e.Type != "error" || e.Error.Code != "server_is_overloaded" || failed.Type != "response.failed" || failed.Response.Status != "failed" ||
			failed.Response.Usage != nil || failed.SequenceNumber != len(events)-1 || len(srv.Meter()) != 1 {
			t.Errorf("ends in %+v and %+v", e, failed)
		}
	})
}

func TestBackground(t *testing.T) {
	inBubble(t, llmtest.Config{BackgroundDelay: time.Hour}, func(t *testing.T, srv *llmtest.Server) {
		request := input("hi", `"background":true`, `"service_tier":"flex"`)
		r := decode[response](t, mustDo(t, srv, "POST", responsesPath, request, 200).body)
		path := responsesPath + "/" + r.ID
		if r.Status != "queued" || r.Usage != nil || r.Tier != "flex" || !r.Background || len(r.Output) != 0 {
			t.Errorf("got %+v", r)
		}
		<-time.After(time.Hour - 1)
		if r = decode[response](t, mustDo(t, srv, "GET", path, "", 200).body); r.Status != "in_progress" || r.Usage != nil {
			t.Errorf("got %+v", r)
		}
		<-time.After(1)
		for range 2 {
			r = decode[response](t, mustDo(t, srv, "GET", path, "", 200).body)
			checkResponse(t, &r, srv.Meter()[0])
		}
		if r = decode[response](t, mustDo(t, srv, "POST", path+"/cancel", "", 200).body); r.Status != "completed" {
			t.Errorf("got %+v", r)
		}
		if q := srv.Requests(); len(srv.Meter()) != 1 || q[1].Operation != "getResponse" || q[4].Operation != "cancelResponse" {
			t.Errorf("billed %d", len(srv.Meter()))
		}

		r = decode[response](t, mustDo(t, srv, "POST", responsesPath, request, 200).body)
		path = responsesPath + "/" + r.ID
		for range 2 {
			r = decode[response](t, mustDo(t, srv, "POST", path+"/cancel", "", 200).body)
			if r.Status != "cancelled" || r.Usage != nil {
				t.Errorf("got %+v", r)
			}
		}
		<-time.After(2 * time.Hour)
		if r = decode[response](t, mustDo(t, srv, "GET", path+"?stream=true", "", 200).body); r.Status != "cancelled" || len(srv.Meter()) != 2 {
			t.Errorf("got %+v", r)
		}
		mustDo(t, srv, "POST", responsesPath, input("hi", `"background":true`, `"store":false`), 400)
	})
}

func TestBackgroundStream(t *testing.T) {
	inBubble(t, llmtest.Config{BackgroundDelay: time.Hour}, func(t *testing.T, srv *llmtest.Server) {
		began := time.Now()
		all := named(t, mustDo(t, srv, "POST", responsesPath, input("hi", `"background":true`, `"stream":true`), 200).body, "\n")
		if time.Since(began) != time.Hour || all[0].Response.Status != "queued" || all[1].Type != "response.queued" {
			t.Errorf("took %v, begins with %+v", time.Since(began), all[0].Response)
		}
		path := responsesPath + "/" + srv.Meter()[0].ID
		rest := named(t, mustDo(t, srv, "GET", path+"?stream=true&starting_after=4", "", 200).body, "\n")
		if len(rest) != len(all)-5 || rest[0].SequenceNumber != 5 || rest[len(rest)-1].Type != "response.completed" || len(srv.Meter()) != 1 {
			t.Errorf("got %d of %d events", len(rest), len(all))
		}
		checkResponse(t, rest[len(rest)-1].Response, srv.Meter()[0])

		// A stream ends where the response is cancelled.
		result := make(chan answer)
		go func() {
			result <- do(t.Context(), srv, "POST", responsesPath, input("hi", `"background":true`, `"stream":true`))
		}()
		<-time.After(time.Minute)
		mustDo(t, srv, "POST", responsesPath+"/"+srv.Meter()[1].ID+"/cancel", "", 200)
		if a := <-result; len(named(t, a.body, "\n")) != 2 {
			t.Errorf("got %s", a.body)
		}
	})
}

func TestResponsesRefusals(t *testing.T) {
	for _, tt := range []struct {
		name, request string
		status        int
		param         string
	}{
		{"no input", `{"model":"m"}`, 400, "input"},
		{"input type", `{"model":"m","input":5}`, 400, "input"},
		{"no model", `{"input":"hi"}`, 400, "model"},
		{"unknown model", `{"model":"missing","input":"hi"}`, 404, "null"},
		{"tier", input("hi", `"service_tier":"standard"`), 400, "service_tier"},
		{"include_usage", input("hi", `"stream":true`, `"stream_options":{"include_usage":true}`), 400, "stream_options.include_usage"},
		{"most", input("hi", `"max_output_tokens":0`), 400, "max_output_tokens"},
		{"no room", input("hi", `"service_tier":"flex"`), 429, "null"},
		{"truncated", `{`, 400, "null"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, llmtest.Config{Flex: llmtest.Refuse(1)}, func(t *testing.T, srv *llmtest.Server) {
				a := mustDo(t, srv, "POST", responsesPath, tt.request, tt.status)
				if e := decode[failure](t, a.body).Error; deref(e.Param) != tt.param || len(srv.Meter()) != 0 {
					t.Errorf("got %s", a.body)
				}
			})
		})
	}
}

func TestEmbeddings(t *testing.T) {
	for _, tt := range []struct {
		request string
		status  int
		n, size int
	}{
		{`{"model":"text-embedding-3-small","input":"some words"}`, 200, 1, 8},
		{`{"model":"text-embedding-3-small","input":["some","words"],"dimensions":3}`, 200, 2, 3},
		{`{"model":"text-embedding-3-small","input":[5,6,7]}`, 200, 1, 8},
		{`{"model":"text-embedding-3-small","input":[[5],[6]]}`, 200, 2, 8},
		{`{"model":"text-embedding-3-small"}`, 400, 0, 0},
		{`{"model":"missing","input":"x"}`, 404, 0, 0},
		{`{"model":"m","input":"x","service_tier":"flex"}`, 400, 0, 0},
		{`[]`, 400, 0, 0},
	} {
		inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
			a := mustDo(t, srv, "POST", "/v1/embeddings", tt.request, tt.status)
			got := decode[struct {
				Data []struct {
					Index     int
					Embedding []float64
				}
				Usage map[string]int64
			}](t, a.body)
			if len(got.Data) != tt.n || tt.n > 0 && len(got.Data[tt.n-1].Embedding) != tt.size {
				t.Errorf("%s: got %s", tt.request, a.body)
			}
			for _, g := range srv.Meter() {
				if len(got.Usage) != 2 || got.Usage["prompt_tokens"] != g.Prompt || got.Usage["total_tokens"] != g.Prompt ||
					g.Operation != "embeddings" || g.Completion != 0 || g.Tier != "default" {
					t.Errorf("got %s, metered %+v", a.body, g)
				}
			}
		})
	}
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", "/v1/embeddings", `{"model":"m","input":"x","encoding_format":"base64"}`, 200)
		if v := decode[struct{ Data []struct{ Embedding string } }](t, a.body).Data[0].Embedding; len(v) != 44 {
			t.Errorf("got %s", a.body)
		}
	})
}
