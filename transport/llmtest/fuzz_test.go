package llmtest

import (
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
	}
	f.Fuzz(func(t *testing.T, body []byte, fault uint8, crlf bool) {
		fault %= uint8(Stall) // a recorder's client never goes away
		s := newServer(Config{Faults: Sequence(Fault(fault)), CRLF: crlf, CachedPercent: 30, RequestsPerMinute: 1})
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

// serveRecorded says whether the handler broke the connection, which is the one
// way it may panic.
func serveRecorded(s *Server, w http.ResponseWriter, body []byte) (aborted bool) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler {
			aborted = true
		} else if p != nil {
			panic(p)
		}
	}()
	r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(string(body)))
	s.serve(w, r)
	return false
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
