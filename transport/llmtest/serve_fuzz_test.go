package llmtest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, `{"model":"m","messages":[]}`,
		`{"model":"gpt-5","messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}}`,
		`{"model":"missing","messages":[],"service_tier":"flex","max_tokens":9223372036854775807}`,
		`{"model":"\ud800<&>","messages":[` + strings.Repeat("[", 50) + strings.Repeat("]", 50) + `]}`,
		`{"messages":[],"messages":{},"model":7,"stream":"yes","max_tokens":1e999}`,
	} {
		f.Add([]byte(seed), uint8(NoFault), false)
		f.Add([]byte(seed), uint8(ErrorInStream), true)
		for fault := range faultNames {
			f.Add([]byte(seed), uint8(fault), false)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, fault uint8, crlf bool) {
		s := newServer(Config{
			Faults: Sequence(anyFault(fault)), CRLF: crlf, CachedPercent: 30, RequestsPerMinute: 1, SlowBy: 1,
		})
		w := httptest.NewRecorder()
		aborted := serveRecorded(s, w, body)
		if !aborted && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
		if r := s.Requests(); len(r) != 1 || !aborted && r[0].Status != w.Code {
			t.Errorf("status %d, recorded %+v", w.Code, r)
		}
		checkMeter(t, s.Meter())
	})
}

// anyFault returns a fault for every number.
func anyFault(n uint8) Fault { return Fault(int(n) % len(faultNames)) }

// serveRecorded reports whether the handler broke the connection, which is the only panic
// that is allowed.
func serveRecorded(s *Server, w http.ResponseWriter, body []byte) bool {
	return serveAt(s, w, http.MethodPost, "/v1/chat/completions", body)
}

// serveAt is serveRecorded at any path.
func serveAt(s *Server, w http.ResponseWriter, method, target string, body []byte) (aborted bool) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			aborted = true
		} else if p != nil {
			panic(p)
		}
	}()
	ctx, leave := context.WithCancel(context.Background())
	defer leave()
	// These two faults last until the client leaves.
	if f := s.cfg.Faults.Fault(s.turns.recognised); f == Stall || f == TrickledError {
		leave()
	}
	s.serve(w, httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(string(body))))
	return false
}

// targets are requests to all endpoints.
var targets = []string{
	"POST /v1beta/models/gemini-2.5-flash:generateContent",
	"POST /v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
	"POST /v1beta/models/gemini-2.5-flash:streamGenerateContent?$alt=json;enum-encoding=int",
	"POST /v1beta/models/gemini-2.5-flash:countTokens",
	"POST /v1beta/models/gemini-embedding-001:embedContent",
	"POST /v1beta/models/gemini-embedding-2:batchEmbedContents",
	"POST /v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:generateContent",
	"POST /v1/projects/p/locations/l/publishers/google/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
	"POST /v1beta/cachedContents", "GET /v1beta/cachedContents?pageSize=1&pageToken=1",
	"POST /v1/projects/p/locations/l/cachedContents",
	"PATCH /v1beta/NAME", "GET /v1beta/NAME", "DELETE /v1beta/NAME",
	"POST /v1beta/openai/chat/completions", "POST https://api.groq.com/openai/v1/chat/completions",
	"POST /v1/messages", "POST https://api.anthropic.com/messages", "POST /v1/messages/count_tokens",
	"POST /openai/deployments/d/chat/completions?api-version=2024-10-21", "POST /openai/deployments/d/embeddings",
	"POST /openai/deployments/filtered/chat/completions", "POST /openai/deployments/timeout/embeddings",
	"POST /openai/v1/chat/completions", "POST /openai/v1/embeddings",
	"POST /openai/v1/responses", "GET /openai/v1/responses/ID", "POST /openai/v1/responses/ID/cancel",
	"POST /v1/responses", "GET /v1/responses/ID?stream=true", "POST /v1/responses/ID/cancel", "POST /v1/embeddings",
	"POST /upload/v1beta/files", "GET /v1beta/files?pageSize=1", "GET /v1beta/files/f", "DELETE /v1beta/files/f",
}

// noFaultPriced is no fault, at a provider whose prompt caches have a price.
var noFaultPriced = uint8((128 + len(faultNames) - 1) / len(faultNames) * len(faultNames))

func FuzzFaces(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `[]`, `{}`, `{"contents":[]}`, `{"contents":{},"cachedContent":"NAME"}`,
		`{"contents":[{}],"generation_config":{"max_output_tokens":1,"thinkingConfig":{"thinking_budget":0}},"service_tier":"flex","__":1}`,
		`{"generateContentRequest":[]}`, `{"content":5,"requests":[5,{"output_dimensionality":2}],"outputDimensionality":1e9}`,
		`{"model":"models/m","contents":["` + strings.Repeat("x", 5000) + `"],"ttl":"9.s","displayName":"<>"}`,
		`{"ttl":"99999999999999999999s"}`, `{"expire_time":"2999-01-01T00:00:00Z"}`,
		`{"model":"m","messages":[{"role":"system"}],"stream":true,"stream_options":{"include_usage":true},"extra_body":{"google":{"cached_content":"NAME"}}}`,
		`{"model":"claude","messages":[{"role":"user"}],"max_tokens":2000,"stream":true,"thinking":{"type":"enabled"},"system":[],"service_tier":"auto"}`,
		`{"model":"claude","messages":[],"max_tokens":-1,"stream":"yes","thinking":5,"tools":{}}`,
		`{"messages":[],"stream":true,"stream_options":{"include_usage":true},"service_tier":"priority"}`,
		`{"model":"m","input":[5],"stream":true,"background":true,"max_output_tokens":1}`,
		`{"model":"gpt-6","messages":[{"role":"user","content":[{"type":"text","prompt_cache_breakpoint":{"mode":"explicit","ttl":"12h"}},5]},7],"prompt_cache_options":{"mode":"implicit"},"tools":[{},1]}`,
		`{"model":"gpt-5.6","input":[{"type":"function_call_output","output":"x"},{"content":{}}],"instructions":["a"],"prompt_cache_options":{"ttl":"12h"}}`,
		`{"model":"claude-opus-5","max_tokens":9,"messages":[{"role":"user","content":[{"type":"text","text":"` + strings.Repeat("x", 5000) + `","cache_control":{"type":"ephemeral"}}]}],"cache_control":{"type":"ephemeral","ttl":"1h"},"tools":{}}`,
		`{"contents":[{"parts":[{"fileData":{"fileUri":"https://generativelanguage.googleapis.com/v1beta/files/f"}}]}]}`,
		`{"model":"o3","input":["",-1],"dimensions":-1,"encoding_format":"base64","store":false}`,
	} {
		for i := range targets {
			f.Add(uint8(i), []byte(seed), uint8(NoFault))
			f.Add(uint8(i), []byte(seed), noFaultPriced)
		}
		f.Add(uint8(1), []byte(seed), uint8(ErrorInStream))
		f.Add(uint8(2), []byte(seed), uint8(ErrorInStream))
		for fault := range faultNames {
			f.Add(uint8(fault), []byte(seed), uint8(fault))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte, fault uint8) {
		s := newServer(Config{Faults: Sequence(NoFault, anyFault(fault)), CachedPercent: 30, SlowBy: 1, PromptCaches: fault >= 128})
		name := s.NewCache("m", 5000, 1<<62)
		serveAt(s, httptest.NewRecorder(), "POST", "/v1/responses", []byte(`{"model":"m","input":"x","background":true}`))
		fill := strings.NewReplacer("NAME", name, "ID", s.Meter()[0].ID)
		method, target, _ := strings.Cut(fill.Replace(targets[int(which)%len(targets)]), " ")
		w := httptest.NewRecorder()
		aborted := serveAt(s, w, method, target, []byte(fill.Replace(string(body))))
		if !aborted && strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
		r := s.Requests()[1]
		if r.Provider == "" || r.Operation == "" || !aborted && r.Status != w.Code {
			t.Errorf("status %d, recorded %+v", w.Code, r)
		}
		checkAnyMeter(t, s.Meter())
	})
}

func checkMeter(t *testing.T, meter []Generation) {
	t.Helper()
	for _, g := range meter {
		if g.Prompt < 1 || g.Completion < 1 || g.Cached > g.Prompt || g.Reasoning > g.Completion ||
			g.ID == "" || g.Call == "" || g.Tier == "" || g.Model == "" {
			t.Errorf("metered %+v", g)
		}
	}
}

// checkAnyMeter is checkMeter for all operations, also for those that generate nothing.
func checkAnyMeter(t *testing.T, meter []Generation) {
	t.Helper()
	for _, g := range meter {
		if g.Prompt < 1 || g.Cached+g.Written > g.Prompt || g.WrittenLong > g.Written || g.Reasoning > g.Completion || g.ID == "" || g.Tier == "" || g.Operation == "" {
			t.Errorf("metered %+v", g)
		}
	}
}
