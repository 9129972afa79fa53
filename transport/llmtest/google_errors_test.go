package llmtest_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestVertexRejections(t *testing.T) {
	const base = "/v1/projects/p/locations/global/publishers/google/models/"
	const header = "X-Vertex-AI-LLM-Shared-Request-Type"
	cfg := llmtest.Config{Flex: llmtest.Refuse(1), Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.QuotaExceeded)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, tt := range []struct {
			model, request, tier string
			status               int
			words                string
		}{
			{"gemini-2.5-flash", contents("hi"), "", 429, "Resource exhausted. Please try again later. Please refer to"},
			{"gemini-2.5-flash", contents("hi"), "", 429, "PerDay"},
			{"gemini-2.5-flash", contents("hi", `"service_tier":"flex"`), "", 400, `Unknown name "service_tier"`},
			{"gemini-2.5-flash", contents("hi", `"serviceTier":"flex"`), "", 400, `Unknown name "service_tier"`},
			{"gemini-2.5-flash", contents("hi"), "FLEX", 400, "Invalid value"},
			{"missing", contents("hi"), "", 404, "Publisher Model `projects/p/locations/global/publishers/google/models/missing` was not found"},
			{"gemini-2.5-flash", contents("hi"), "flex", 503, "The system is currently at capacity."},
			{"gemini-2.5-flash", contents("hi"), "flex", 200, "ON_DEMAND_FLEX"},
		} {
			a := mustDo(t, srv, "POST", base+tt.model+":generateContent", tt.request, tt.status, header, tt.tier)
			var v struct{ Error googleFailure }
			if json.Unmarshal([]byte(a.body), &v) != nil || !strings.Contains(v.Error.Message+a.body, tt.words) || a.header.Get("retry-after") != "" {
				t.Errorf("got %s, want %s", a.body, tt.words)
			}
		}
		if len(srv.Meter()) != 1 {
			t.Errorf("billed %d", len(srv.Meter()))
		}
		a := mustDo(t, srv, "POST", base+"gemini-2.5-flash:countTokens", contents("hi"), http.StatusOK)
		keysInOrder(t, a.body, "totalTokens", "totalBillableCharacters", "promptTokensDetails")
	})
}

func TestVertexFlexAs429(t *testing.T) {
	inBubble(t, llmtest.Config{Flex: llmtest.Refuse(1), FlexAs429: true}, func(t *testing.T, srv *llmtest.Server) {
		// Without a project: the path of an API key.
		const path = "/v1/publishers/google/models/"
		const header = "X-Vertex-AI-LLM-Shared-Request-Type"
		a := mustDo(t, srv, "POST", path+"gemini-2.5-flash:generateContent", contents("hi"), 429, header, "flex")
		if e := decode[generated](t, a.body).Error; e.Details != nil || !strings.HasPrefix(e.Message, "Resource exhausted.") {
			t.Errorf("got %s", a.body)
		}
		a = mustDo(t, srv, "POST", path+"missing:generateContent", contents("hi"), 404)
		if !strings.Contains(a.body, "`publishers/google/models/missing`") {
			t.Errorf("got %s", a.body)
		}
	})
}

func TestGeminiUnknownModel(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", "/v1beta/models/missing-1:generateContent", contents("hi"), 404)
		if e := decode[generated](t, a.body).Error; e.Status != "NOT_FOUND" ||
			!strings.HasPrefix(e.Message, "models/missing-1 is not found for API version v1beta, or is not supported for generateContent.") {
			t.Errorf("got %s", a.body)
		}
		mustDo(t, srv, "POST", flash+":predict", "{}", 404)
		mustDo(t, srv, "GET", geminiPath, "", 404)
	})
}

func TestGeminiFlex(t *testing.T) {
	for as429, want := range map[bool]struct {
		status        int
		code, message string
		tier          string
	}{
		false: {503, "UNAVAILABLE", "The system is currently at capacity.", ""},
		true:  {429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota).", "flex"},
	} {
		cfg := llmtest.Config{Flex: llmtest.Refuse(1), FlexAs429: as429, FlexModels: []string{"gemini-2.5-flash"}}
		inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
			flex := contents("hi", `"service_tier":"flex"`)
			a := mustDo(t, srv, "POST", geminiPath, flex, want.status)
			e := decode[generated](t, a.body).Error
			if e.Status != want.code || e.Message != want.message || e.Details != nil || a.header.Get("x-gemini-service-tier") != want.tier {
				t.Errorf("got %v %s", a.header, a.body)
			}
			mustDo(t, srv, "POST", geminiPath, flex, 200)
			mustDo(t, srv, "POST", "/v1beta/models/gemini-2.0-flash:generateContent", flex, 400)
			if len(srv.Meter()) != 1 {
				t.Errorf("billed %d", len(srv.Meter()))
			}
		})
	}
}

func TestGeminiRateLimit(t *testing.T) {
	cfg := llmtest.Config{RequestsPerMinute: 7, Faults: llmtest.Sequence(llmtest.RateLimited, llmtest.QuotaExceeded)}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		for _, want := range []struct{ id, delay, words, limit string }{
			{"GenerateRequestsPerMinutePerProjectPerModel", "1s", "Please retry in 1s.", "60"},
			{"GenerateRequestsPerDayPerProjectPerModel", "41s", "Please retry in 41.007s.", "1000"},
			{"", "", "", ""}, {"", "", "", ""}, {"", "", "", ""}, {"", "", "", ""}, {"", "", "", ""},
			// A minute's seventh is not a whole number of seconds.
			{"GenerateRequestsPerMinutePerProjectPerModel", "8s", "Please retry in 8.571428568s.", "7"},
		} {
			if want.id == "" {
				mustDo(t, srv, "POST", geminiPath, contents("hi"), 200)
				continue
			}
			a := mustDo(t, srv, "POST", geminiPath, contents("hi"), 429)
			checkHeaders(t, a.header, map[string]string{"retry-after": "", "retry-after-ms": "", "x-gemini-service-tier": "standard"})
			e := decode[generated](t, a.body).Error
			violation := e.detail("QuotaFailure")["violations"].([]any)[0].(map[string]any)
			if violation["quotaId"] != want.id || violation["quotaValue"] != want.limit ||
				e.detail("RetryInfo")["retryDelay"] != want.delay || !strings.HasSuffix(e.Message, want.words) || e.detail("Help") == nil {
				t.Errorf("got %s, want %+v", a.body, want)
			}
		}
	})
}
