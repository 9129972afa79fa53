package llmtest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const responsesPath = "/v1/responses"

// input returns a request to the Responses API with further fields put in.
func input(prompt string, fields ...string) string {
	fields = append([]string{`"model":"gpt-5-mini"`, fmt.Sprintf(`"input":%q`, prompt)}, fields...)
	return "{" + strings.Join(fields, ",") + "}"
}

// response is a response of the Responses API, or an event of a stream.
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

// checkResponse compares a finished response with the meter.
func checkResponse(t *testing.T, r *response, g llmtest.Generation) {
	t.Helper()
	u := r.Usage
	if u == nil || r.ID != g.ID || r.Tier != g.Tier || u.Input != g.Prompt || u.In.Cached != g.Cached ||
		u.Output != g.Completion || u.Out.Reasoning != g.Reasoning || u.Total != g.Prompt+g.Completion {
		t.Errorf("got %+v with usage %+v, meter %+v", r, u, g)
	}
}

func checkResponseRequest(t *testing.T, q llmtest.Request, call string, h http.Header) {
	t.Helper()
	if q.Model != "gpt-5-mini" || q.Tier != "fast" || q.Call != call || q.Call == "" {
		t.Errorf("recorded %+v", q)
	}
	if h.Get("x-request-id") == "" || h.Get("x-ratelimit-limit-requests") != "5000" {
		t.Errorf("got %v", h)
	}
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
		checkResponseRequest(t, srv.Requests()[0], g.Call, a.header)
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

func TestResponsesRejections(t *testing.T) {
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
