package llmtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// format is how an endpoint is asked for a response, and how it is read.
type format struct {
	name, target, body     string // the body without its last brace
	streamTarget, streamed string // what makes a stream: another target, or another field
	tool                   string // the body with a result of a tool
	read                   func(*testing.T, []string) reading
}

// reading is what a client finds in a response, streamed or not.
type reading struct {
	text, finish string
	calls        []llmtest.ToolCall
	usage        llmtest.Usage
}

const (
	chatBody      = `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"}]`
	chatTool      = `{"model":"gpt-4o","messages":[{"role":"user","content":"hi"},{"role":"tool","tool_call_id":"c1","name":"weather","content":"4 degrees"},{"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"5 "},{"type":"text","text":"degrees"}]}]}`
	responsesBody = `{"model":"gpt-4o","input":"hi"`
	responsesTool = `{"model":"gpt-4o","input":[{"type":"function_call_output","call_id":"c1","name":"weather","output":"4 degrees"},{"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"5 degrees"}]}]}`
	geminiBody    = `{"contents":[{"parts":[{"text":"hi"}]}]`
	geminiTool    = `{"contents":[{"role":"user","parts":[{"functionResponse":{"id":"c1","name":"weather","response":{"degrees":4}}},{"function_response":{"name":"weather","response":{"degrees":5}}}]}]}`
	chatStream    = `,"stream":true,"stream_options":{"include_usage":true}`
)

var formats = []format{
	{"openai", "/v1/chat/completions", chatBody, "", chatStream, chatTool, readChat},
	{"azure", "/openai/deployments/d/chat/completions?api-version=2024-10-21", chatBody, "", chatStream, chatTool, readChat},
	{"groq", "https://api.groq.com/openai/v1/chat/completions", chatBody, "", chatStream, chatTool, readChat},
	{"gemini compatible", "/v1beta/openai/chat/completions", chatBody, "", chatStream, chatTool, readChat},
	{"responses", "/v1/responses", responsesBody, "", `,"stream":true`, responsesTool, readResponses},
	{"azure responses", "/openai/v1/responses", responsesBody, "", `,"stream":true`, responsesTool, readResponses},
	{"anthropic", "/v1/messages", `{"model":"claude","max_tokens":999,"messages":[{"role":"user","content":"hi"}]`, "", `,"stream":true`,
		`{"model":"claude","max_tokens":999,"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"c1","content":"4 degrees"},{"type":"tool_result","tool_use_id":"c2","content":[{"type":"text","text":"5 degrees"}]}]}]}`, readMessages},
	{"gemini", "/v1beta/models/gemini-2.0-flash:generateContent", geminiBody, "/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse", "", geminiTool, readGemini},
	{"gemini array", "/v1beta/models/gemini-2.0-flash:generateContent", geminiBody, "/v1beta/models/gemini-2.0-flash:streamGenerateContent", "", geminiTool, readGemini},
	{"vertex", "/v1/projects/p/locations/global/publishers/google/models/gemini-2.0-flash:generateContent", geminiBody,
		"/v1/projects/p/locations/global/publishers/google/models/gemini-2.0-flash:streamGenerateContent?alt=sse", "", geminiTool, readGemini},
}

// request returns the target and the body of a request.
func (f format) request(stream bool) (target, body string) {
	switch {
	case !stream:
		return f.target, f.body + "}"
	case f.streamTarget != "":
		return f.streamTarget, f.body + "}"
	}
	return f.target, f.body + f.streamed + "}"
}

// documents returns the JSON documents of a body: of a stream, an array, or the body itself.
func documents(t *testing.T, body string) (all []string) {
	t.Helper()
	switch {
	case strings.HasPrefix(body, "["):
		for _, one := range decode[[]json.RawMessage](t, body) {
			all = append(all, string(one))
		}
		return all
	case strings.HasPrefix(body, "{"):
		return []string{body}
	}
	for line := range strings.Lines(body) {
		if data, ok := strings.CutPrefix(line, "data: "); ok && strings.TrimSpace(data) != "[DONE]" {
			all = append(all, data)
		}
	}
	return all
}

func readChat(t *testing.T, docs []string) (r reading) {
	type message struct {
		Content   *string
		ToolCalls []struct {
			Index    int
			ID       string
			Function struct{ Name, Arguments string }
		} `json:"tool_calls"`
	}
	for _, doc := range docs {
		c := decode[struct {
			Choices []struct {
				Message, Delta message
				Finish         string `json:"finish_reason"`
			}
			Usage *struct {
				Prompt     int64 `json:"prompt_tokens"`
				Completion int64 `json:"completion_tokens"`
				In         struct {
					Cached int64 `json:"cached_tokens"`
				} `json:"prompt_tokens_details"`
				Out struct {
					Reasoning int64 `json:"reasoning_tokens"`
				} `json:"completion_tokens_details"`
			}
		}](t, doc)
		for _, choice := range c.Choices {
			for _, m := range []message{choice.Message, choice.Delta} {
				if m.Content != nil {
					r.text += *m.Content
				}
				for i, call := range m.ToolCalls {
					if call.ID != "" {
						r.calls = append(r.calls, llmtest.ToolCall{ID: call.ID, Name: call.Function.Name})
					}
					at := max(i, call.Index)
					r.calls[at].Arguments += call.Function.Arguments
				}
			}
			r.finish += choice.Finish
		}
		if u := c.Usage; u != nil {
			r.usage = llmtest.Usage{Prompt: u.Prompt, Cached: u.In.Cached, Completion: u.Completion, Reasoning: u.Out.Reasoning}
		}
	}
	return r
}

func readResponses(t *testing.T, docs []string) (r reading) {
	type item struct {
		Type, Name, Arguments string
		CallID                string `json:"call_id"`
		Content               []struct{ Text string }
	}
	type response struct {
		Status string
		Output []item
		Usage  struct {
			Input  int64 `json:"input_tokens"`
			Output int64 `json:"output_tokens"`
			In     struct {
				Cached int64 `json:"cached_tokens"`
			} `json:"input_tokens_details"`
			Out struct {
				Reasoning int64 `json:"reasoning_tokens"`
			} `json:"output_tokens_details"`
		}
	}
	var deltas, arguments string
	last := decode[response](t, docs[len(docs)-1])
	for i, doc := range docs {
		e := decode[struct {
			Type, Delta string
			Number      *int `json:"sequence_number"`
			Response    response
		}](t, doc)
		if len(docs) > 1 && (e.Number == nil || *e.Number != i) {
			t.Errorf("event %d has the number of %s", i, doc)
		}
		switch e.Type {
		case "response.output_text.delta":
			deltas += e.Delta
		case "response.function_call_arguments.delta":
			arguments += e.Delta
		case "response.completed", "response.incomplete":
			last = e.Response
		}
	}
	for _, item := range last.Output {
		switch item.Type {
		case "message":
			r.text += item.Content[0].Text
		case "function_call":
			r.calls = append(r.calls, llmtest.ToolCall{ID: item.CallID, Name: item.Name, Arguments: item.Arguments})
		}
	}
	var all strings.Builder
	for _, c := range r.calls {
		all.WriteString(c.Arguments)
	}
	if len(docs) > 1 && (deltas != r.text || arguments != all.String()) {
		t.Errorf("the deltas are %q and %q, the items %q and %q", deltas, arguments, r.text, all.String())
	}
	u := last.Usage
	r.usage = llmtest.Usage{Prompt: u.Input, Cached: u.In.Cached, Completion: u.Output, Reasoning: u.Out.Reasoning}
	r.finish = last.Status
	return r
}

func readMessages(t *testing.T, docs []string) (r reading) {
	type block struct {
		Type, ID, Name, Text string
		Input                json.RawMessage
		Partial              string `json:"partial_json"`
		Stop                 string `json:"stop_reason"`
	}
	type usage struct {
		Input  int64 `json:"input_tokens"`
		Cached int64 `json:"cache_read_input_tokens"`
		Output int64 `json:"output_tokens"`
		Out    struct {
			Thinking int64 `json:"thinking_tokens"`
		} `json:"output_tokens_details"`
	}
	add := func(b block) {
		switch b.Type {
		case "text", "text_delta":
			r.text += b.Text
		case "tool_use":
			r.calls = append(r.calls, llmtest.ToolCall{ID: b.ID, Name: b.Name})
			if string(b.Input) != "{}" {
				r.calls[len(r.calls)-1].Arguments = string(b.Input)
			}
		case "input_json_delta":
			r.calls[len(r.calls)-1].Arguments += b.Partial
		}
		r.finish += b.Stop
	}
	for _, doc := range docs {
		e := decode[struct {
			block
			Content []block
			Block   block `json:"content_block"`
			Delta   block
			Usage   *usage
		}](t, doc)
		r.finish += e.Stop
		for _, b := range append(e.Content, e.Block, e.Delta) {
			add(b)
		}
		if u := e.Usage; u != nil {
			r.usage = llmtest.Usage{Prompt: u.Input + u.Cached, Cached: u.Cached, Completion: u.Output, Reasoning: u.Out.Thinking}
		}
	}
	return r
}

func readGemini(t *testing.T, docs []string) (r reading) {
	for _, doc := range docs {
		c := decode[struct {
			Candidates []struct {
				Content struct {
					Parts []struct {
						Text string
						Call *struct {
							ID, Name string
							Args     json.RawMessage
						} `json:"functionCall"`
					}
				}
				Finish string `json:"finishReason"`
			}
			Usage struct {
				Prompt     int64 `json:"promptTokenCount"`
				Cached     int64 `json:"cachedContentTokenCount"`
				Candidates int64 `json:"candidatesTokenCount"`
				Thoughts   int64 `json:"thoughtsTokenCount"`
			} `json:"usageMetadata"`
		}](t, doc)
		for _, p := range c.Candidates[0].Content.Parts {
			r.text += p.Text
			if p.Call != nil {
				var compact strings.Builder
				_ = json.NewEncoder(&compact).Encode(p.Call.Args)
				r.calls = append(r.calls, llmtest.ToolCall{ID: p.Call.ID, Name: p.Call.Name, Arguments: strings.TrimSpace(compact.String())})
			}
		}
		r.finish += c.Candidates[0].Finish
		u := c.Usage
		r.usage = llmtest.Usage{Prompt: u.Prompt, Cached: u.Cached, Completion: u.Candidates + u.Thoughts, Reasoning: u.Thoughts}
	}
	return r
}

// finishes are the reasons for the end: of tool calls, of a text that was cut, and of a text.
var finishes = map[string][3]string{
	"openai": {"tool_calls", "length", "stop"}, "azure": {"tool_calls", "length", "stop"}, "groq": {"tool_calls", "length", "stop"},
	"gemini compatible": {"tool_calls", "length", "stop"},
	"responses":         {"completed", "incomplete", "completed"}, "azure responses": {"completed", "incomplete", "completed"},
	"anthropic": {"tool_use", "max_tokens", "end_turn"},
	"gemini":    {"STOP", "MAX_TOKENS", "STOP"}, "gemini array": {"STOP", "MAX_TOKENS", "STOP"}, "vertex": {"STOP", "MAX_TOKENS", "STOP"},
}

// everyFormat runs a test for each endpoint, streamed and not, with a server that answers so.
func everyFormat(t *testing.T, reply func(llmtest.Turn) llmtest.Reply, test func(t *testing.T, f format, stream bool, srv *llmtest.Server)) {
	t.Helper()
	for _, f := range formats {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/stream=%t", f.name, stream), func(t *testing.T) {
				inBubble(t, llmtest.Config{Reply: reply, Chunks: 3}, func(t *testing.T, srv *llmtest.Server) { test(t, f, stream, srv) })
			})
		}
	}
}

func (f format) ask(t *testing.T, srv *llmtest.Server, stream bool) reading {
	t.Helper()
	target, body := f.request(stream)
	return f.read(t, documents(t, mustDo(t, srv, http.MethodPost, target, body, http.StatusOK).body))
}

func TestReplyToolCalls(t *testing.T) {
	want := reading{
		text: "Let me look \"there\": é…\n",
		calls: []llmtest.ToolCall{
			{ID: "c1", Name: "weather", Arguments: `{"city":"Åre","days":[1,2]}`},
			{ID: "c2", Name: "clock", Arguments: `{}`},
		},
		usage: llmtest.Usage{Prompt: 5000, Cached: 4000, Completion: 70, Reasoning: 20},
	}
	everyFormat(t, func(llmtest.Turn) llmtest.Reply {
		return llmtest.Reply{
			Text: want.text, Usage: &want.usage,
			ToolCalls: []llmtest.ToolCall{want.calls[0], {ID: "c2", Name: "clock"}},
		}
	}, func(t *testing.T, f format, stream bool, srv *llmtest.Server) {
		got, want := f.ask(t, srv, stream), want
		want.finish = finishes[f.name][0]
		if f.name == "gemini compatible" { // it reports thoughts in the total only
			want.usage.Completion, want.usage.Reasoning = 50, 0
		}
		if f.name == "anthropic" {
			want.calls = slices.Clone(want.calls)
			want.calls[1].Arguments = got.calls[1].Arguments // "{}" in pieces, or nothing
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		g := srv.Meter()[0]
		if (llmtest.Usage{Prompt: g.Prompt, Cached: g.Cached, Completion: g.Completion, Reasoning: g.Reasoning}) != (llmtest.Usage{Prompt: 5000, Cached: 4000, Completion: 70, Reasoning: 20}) {
			t.Errorf("billed %+v", g)
		}
	})
}

// Tool calls without text, with ids of the server's own, and an estimated usage.
func TestReplyToolCallsOnly(t *testing.T) {
	everyFormat(t, func(llmtest.Turn) llmtest.Reply {
		return llmtest.Reply{ToolCalls: []llmtest.ToolCall{{Name: "a", Arguments: `{"x":1}`}, {Name: "b"}}}
	}, func(t *testing.T, f format, stream bool, srv *llmtest.Server) {
		got := f.ask(t, srv, stream)
		if got.text != "" || len(got.calls) != 2 || got.calls[0].Name != "a" || got.calls[0].Arguments != `{"x":1}` || got.calls[1].Name != "b" {
			t.Errorf("%+v", got)
		}
		if native := strings.HasPrefix(f.name, "gemini") && f.read != nil && got.finish == "STOP" || f.name == "vertex"; native != (got.calls[0].ID == "") {
			t.Errorf("the id is %q", got.calls[0].ID)
		} else if !native && got.calls[0].ID == got.calls[1].ID {
			t.Errorf("both ids are %q", got.calls[0].ID)
		}
		if g := srv.Meter()[0]; g.Completion != 2 || got.usage.Completion != 2 { // 11 bytes
			t.Errorf("%d tokens billed, %d reported", g.Completion, got.usage.Completion)
		}
	})
}

func TestReplyText(t *testing.T) {
	long := strings.Repeat("word ", 100)
	for _, c := range []struct {
		reply llmtest.Reply
		want  string
		end   int // of finishes
	}{
		{llmtest.Reply{Text: long}, long, 2},
		{llmtest.Reply{Text: long, Usage: &llmtest.Usage{Prompt: 1, Completion: 999}}, long, 1},
		{llmtest.Reply{JSON: map[string]any{"degrees": 4, "sky": "<grey>"}}, `{"degrees":4,"sky":"\u003cgrey\u003e"}`, 2},
		{llmtest.Reply{JSON: json.RawMessage("null")}, "null", 2},
		{llmtest.Reply{Text: "é"}, "é", 2},
	} {
		everyFormat(t, func(llmtest.Turn) llmtest.Reply { return c.reply }, func(t *testing.T, f format, stream bool, srv *llmtest.Server) {
			for key, limit := range map[string]string{
				"chat/completions": `,"max_tokens":999`, "responses": `,"max_output_tokens":999`, "enerateContent": `,"generationConfig":{"maxOutputTokens":999}`,
			} {
				if strings.Contains(f.target, key) {
					f.body += limit
				}
			}
			got := f.ask(t, srv, stream)
			if got.text != c.want || got.calls != nil || got.finish != finishes[f.name][c.end] {
				t.Errorf("%+v, want %q, %s", got, c.want, finishes[f.name][c.end])
			}
		})
	}
}

func TestReplyToolResults(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			var got llmtest.Turn
			inBubble(t, llmtest.Config{Reply: func(t llmtest.Turn) llmtest.Reply {
				got = t
				return llmtest.Reply{}
			}}, func(t *testing.T, srv *llmtest.Server) {
				mustDo(t, srv, http.MethodPost, f.target, f.tool, http.StatusOK)
				if fmt.Sprint(got.Request) == "" || got.Method != http.MethodPost || string(got.Body) != f.tool || got.Call != srv.Meter()[0].Call {
					t.Errorf("the request is %+v", got.Request)
				}
			})
			want := []llmtest.ToolResult{{ID: "c1", Name: "weather", Content: "4 degrees"}, {ID: "c2", Content: "5 degrees"}}
			if f.name == "anthropic" {
				want[0].Name = ""
			}
			if strings.Contains(f.tool, "functionResponse") {
				want = []llmtest.ToolResult{{ID: "c1", Name: "weather", Content: `{"degrees":4}`}, {Name: "weather", Content: `{"degrees":5}`}}
			}
			if !slices.Equal(got.ToolResults, want) {
				t.Errorf("got %+v, want %+v", got.ToolResults, want)
			}
		})
	}
}

// The zero Reply changes nothing: not a byte.
func TestReplyZero(t *testing.T) {
	ask := func(t *testing.T, f format, stream bool, reply func(llmtest.Turn) llmtest.Reply) (body string, meter []llmtest.Generation) {
		synctest.Test(t, func(t *testing.T) {
			srv := llmtest.NewPipe(llmtest.Config{Reply: reply})
			defer srv.Close()
			target, request := f.request(stream)
			body, meter = mustDo(t, srv, http.MethodPost, target, request, http.StatusOK).body, srv.Meter()
		})
		return body, meter
	}
	for _, f := range formats {
		for _, stream := range []bool{false, true} {
			was, before := ask(t, f, stream, nil)
			is, after := ask(t, f, stream, func(llmtest.Turn) llmtest.Reply { return llmtest.Reply{} })
			if is != was || !slices.Equal(before, after) {
				t.Errorf("%s, stream %t: %s, want %s", f.name, stream, is, was)
			}
		}
	}
}

// A malformed Reply is an error of the provider's that says what is wrong. It is not billed.
func TestReplyMalformed(t *testing.T) {
	call := func(id, name, arguments string) llmtest.Reply {
		return llmtest.Reply{ToolCalls: []llmtest.ToolCall{{Name: "fine", ID: "1"}, {ID: id, Name: name, Arguments: arguments}}}
	}
	for want, reply := range map[string]llmtest.Reply{
		"ToolCalls[1].Arguments is not a JSON object": call("", "f", `{"city":`),
		"cannot unmarshal array":                      call("", "f", `[1]`),
		"invalid character":                           call("", "f", `{} {}`),
		"ToolCalls[1].Arguments is null":              call("", "f", `null`),
		"ToolCalls[1].Name is empty":                  call("", "", ``),
		"ToolCalls[1].ID is that of another call":     call("1", "f", ``),
		"both Text and JSON":                          {Text: "a", JSON: 1},
		"JSON: json: unsupported type":                {JSON: make(chan int)},
		"negative count":                              {Usage: &llmtest.Usage{Prompt: -1}},
		"Usage.Cached is 2 of 1":                      {Usage: &llmtest.Usage{Prompt: 1, Cached: 2}},
		"Usage.Reasoning is 2 of 1":                   {Usage: &llmtest.Usage{Prompt: 1, Completion: 1, Reasoning: 2}},
	} {
		everyFormat(t, func(llmtest.Turn) llmtest.Reply { return reply }, func(t *testing.T, f format, stream bool, srv *llmtest.Server) {
			target, body := f.request(stream)
			a := mustDo(t, srv, http.MethodPost, target, body, http.StatusBadRequest)
			if !json.Valid([]byte(a.body)) || !strings.Contains(a.body, "llmtest: malformed Reply: ") || !strings.Contains(a.body, want) {
				t.Errorf("%s, want %s", a.body, want)
			}
			if m := srv.Meter(); len(m) != 0 {
				t.Errorf("billed %+v", m)
			}
		})
	}
}

// A Reply is asked for work that is done, one at a time.
func TestReplyIsAskedForWork(t *testing.T) {
	asked, busy := 0, false
	srv := llmtest.NewServer(llmtest.Config{
		Faults: llmtest.Sequence(llmtest.ServerError, llmtest.ServerErrorAfterWork),
		Reply: func(llmtest.Turn) llmtest.Reply {
			if busy {
				t.Error("asked for two requests at once")
			}
			busy = true
			asked++ // the race detector minds if two do this
			defer func() { busy = false }()
			return llmtest.Reply{Text: "x"}
		},
	})
	defer srv.Close()
	mustSend(t, srv, body("a"), http.StatusInternalServerError)
	mustSend(t, srv, body("a", `"model":"missing"`), http.StatusNotFound)
	mustDo(t, srv, http.MethodPost, "/v1/embeddings", `{"model":"m","input":"x"}`, http.StatusOK)
	if asked != 0 {
		t.Errorf("asked %d times for requests without text", asked)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { send(t.Context(), srv, body("b")) })
	}
	all.Wait()
	if asked != 20 {
		t.Errorf("asked %d times, want 20", asked)
	}
}

// A Reply also answers a background response, which is then there when it is retrieved.
func TestReplyInBackground(t *testing.T) {
	srv := llmtest.NewServer(llmtest.Config{Reply: func(llmtest.Turn) llmtest.Reply {
		return llmtest.Reply{ToolCalls: []llmtest.ToolCall{{ID: "c1", Name: "f"}}}
	}})
	defer srv.Close()
	mustDo(t, srv, http.MethodPost, "/v1/responses", `{"model":"gpt-4o","input":"x","background":true}`, http.StatusOK)
	a := mustDo(t, srv, http.MethodGet, "/v1/responses/"+srv.Meter()[0].ID, "", http.StatusOK)
	if got := readResponses(t, []string{a.body}); len(got.calls) != 1 || got.calls[0].ID != "c1" {
		t.Errorf("%+v in %s", got, a.body)
	}
}
