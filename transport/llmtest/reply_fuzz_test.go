package llmtest

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzReply wants JSON from every endpoint, whatever the Reply.
func FuzzReply(f *testing.F) {
	for i := range targets {
		f.Add(uint8(i), "text", "weather", `{"city":"Oslo"}`, int64(10), int64(5), false)
		f.Add(uint8(i), "", "weather", `{"city":`, int64(0), int64(0), true)
	}
	f.Add(uint8(0), "\xff<&>\u2028", "a\x00b", `{"\ud800": "\u0000", "a": 1e999}`, int64(-1), int64(1), true)
	f.Fuzz(func(t *testing.T, which uint8, text, name, arguments string, prompt, cached int64, stream bool) {
		s := newServer(Config{Reply: func(turn Turn) Reply {
			if len(turn.ToolResults) != 3 && turn.Operation != "generateContent" {
				t.Errorf("%+v", turn)
			}
			return Reply{Text: text, ToolCalls: []ToolCall{{Name: name, Arguments: arguments}}, Usage: &Usage{Prompt: prompt, Cached: cached}}
		}, Faults: Sequence()})
		method, target, _ := strings.Cut(targets[int(which)%len(targets)], " ")
		// Each endpoint takes what it knows of it.
		results := `[{"role":"tool"},{"type":"function_call_output"},{"role":"user","content":[{"type":"tool_result"}]}]`
		body := `{"model":"m","max_tokens":9,"messages":` + results + `,"input":` + results
		if strings.Contains(target, "enerateContent") {
			body = `{"contents":[{"parts":[{"functionResponse":{}}]}]`
		} else if stream {
			body += `,"stream":true`
		}
		w := httptest.NewRecorder()
		if serveAt(s, w, method, target, []byte(body+"}")) {
			t.Error("the connection was broken")
		}
		if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
			if !json.Valid(w.Body.Bytes()) {
				t.Errorf("not JSON: %s", w.Body)
			}
			return
		}
		for line := range strings.Lines(w.Body.String()) {
			if data, ok := strings.CutPrefix(line, "data: "); ok && data != "[DONE]\n" && !json.Valid([]byte(data)) {
				t.Errorf("not JSON: %s", data)
			}
		}
	})
}
