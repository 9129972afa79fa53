package llmtest_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestVertex(t *testing.T) {
	const base = "https://aiplatform.googleapis.com/v1beta1/projects/my-project/locations/global/publishers/google/models/"
	for tier, traffic := range map[string]string{"": "ON_DEMAND", "flex": "ON_DEMAND_FLEX", "priority": "ON_DEMAND_PRIORITY"} {
		inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
			var header []string
			if tier != "" {
				header = []string{"X-Vertex-AI-LLM-Shared-Request-Type", tier}
			}
			a := mustDo(t, srv, "POST", base+"gemini-2.5-flash:generateContent", contents("hi"), 200, header...)
			got, g := decode[generated](t, a.body), srv.Meter()[0]
			checkGoogle(t, got.UsageMetadata, g)
			if got.UsageMetadata.TrafficType != traffic || got.UsageMetadata.ServiceTier != "" || got.CreateTime == "" ||
				a.header.Get("x-gemini-service-tier") != "" || strings.Contains(a.body, `"index"`) {
				t.Errorf("got %v %s", a.header, a.body)
			}
			if r := srv.Requests()[0]; g.Provider != "vertex" || g.Model != "gemini-2.5-flash" || r.Tier != tier || g.Tier != cmp.Or(tier, "standard") {
				t.Errorf("metered %+v, recorded %+v", g, r)
			}
			chunks := sse(t, mustDo(t, srv, "POST", base+"gemini-2.5-flash:streamGenerateContent?alt=sse", contents("hi"), 200, header...).body, "\r\n")
			for i, data := range chunks {
				u := decode[generated](t, data).UsageMetadata
				if i < len(chunks)-1 && (u.PromptTokenCount != 0 || u.TrafficType != traffic) {
					t.Errorf("chunk %d: %s", i, data)
				}
				if i == len(chunks)-1 {
					checkGoogle(t, u, srv.Meter()[1])
				}
			}
		})
	}
}

func TestVertexRefusals(t *testing.T) {
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

// A regional endpoint serves by the standard tier, whatever it is asked for.
func TestVertexRegion(t *testing.T) {
	inBubble(t, llmtest.Config{Flex: llmtest.Refuse(1)}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", vertexHost, contents("hi"), 200, "X-Vertex-AI-LLM-Shared-Request-Type", "flex")
		if g := srv.Meter()[0]; g.Tier != "standard" || decode[generated](t, a.body).UsageMetadata.TrafficType != "ON_DEMAND" {
			t.Errorf("got %s, metered %+v", a.body, g)
		}
		if r := srv.Requests()[0]; r.Tier != "flex" || r.Host == "" || r.Query != "" {
			t.Errorf("recorded %+v", r)
		}
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
