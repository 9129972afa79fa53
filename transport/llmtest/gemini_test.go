package llmtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

const (
	flash        = "/v1beta/models/gemini-2.5-flash"
	geminiPath   = flash + ":generateContent"
	geminiStream = flash + ":streamGenerateContent?alt=sse"
)

// contents returns a Gemini request with further fields put in.
func contents(prompt string, fields ...string) string {
	fields = append([]string{fmt.Sprintf(`"contents":[{"role":"user","parts":[{"text":%q}]}]`, prompt)}, fields...)
	return "{" + strings.Join(fields, ",") + "}"
}

// generated is a response of Google, or a chunk of one.
type generated struct {
	Candidates []struct {
		Content struct {
			Parts []struct{ Text string }
			Role  string
		}
		FinishReason any
	}
	UsageMetadata googleUsage
	ModelVersion  string
	ResponseID    string
	CreateTime    string
	Error         *googleFailure
}

type googleUsage struct {
	PromptTokenCount, CandidatesTokenCount, TotalTokenCount int64
	CachedContentTokenCount, ThoughtsTokenCount             int64
	PromptTokensDetails, CacheTokensDetails                 []struct {
		Modality   any
		TokenCount int64
	}
	ServiceTier, TrafficType string
}

type googleFailure struct {
	Code            int
	Message, Status string
	Details         []map[string]any
}

// detail returns the error's detail of a type, or nil.
func (f *googleFailure) detail(kind string) map[string]any {
	for _, d := range f.Details {
		if d["@type"] == "type.googleapis.com/google.rpc."+kind {
			return d
		}
	}
	return nil
}

func TestGeminiRequests(t *testing.T) {
	for _, tt := range []struct {
		name, request, tier string
		status              int
		words               string
	}{
		{"camel", contents("hi", `"serviceTier":"priority"`), "priority", 200, "priority"},
		{"snake", contents("hi", `"service_tier":"flex","generation_config":{"max_output_tokens":9},"system_instruction":{}`), "flex", 200, "MAX_TOKENS"},
		{"standard", contents("hi", `"service_tier":"standard"`), "standard", 200, "standard"},
		{"unspecified", contents("hi", `"service_tier":"unspecified"`), "unspecified", 200, "standard"},
		{"upper case", contents("hi", `"service_tier":"FLEX"`), "FLEX", 400, "Invalid value at 'service_tier'"},
		{"OpenAI's default", contents("hi", `"service_tier":"default"`), "default", 400, "Invalid value at 'service_tier'"},
		{"OpenAI's auto", contents("hi", `"serviceTier":"auto"`), "auto", 400, "Invalid value at 'service_tier'"},
		{"tier type", contents("hi", `"serviceTier":5`), "", 400, "Invalid value at 'serviceTier'"},
		{"unknown", contents("hi", `"stream_options":{}`), "", 400, `Unknown name \"stream_options\": Cannot find field.`},
		{"no contents", `{"model":"m"}`, "", 400, "contents is not specified"},
		{"contents type", `{"contents":5}`, "", 400, "Invalid value at 'contents'"},
		{"most", contents("hi", `"generationConfig":{"maxOutputTokens":0}`), "", 400, "max_output_tokens"},
		{"config type", contents("hi", `"generationConfig":5`), "", 400, "generationConfig"},
		{"array", `[]`, "", 400, "Invalid JSON payload"},
		{"null", `null`, "", 400, "Invalid JSON payload"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
				a := mustDo(t, srv, "POST", geminiPath, tt.request, tt.status)
				r := srv.Requests()[0]
				if r.Tier != tt.tier || r.Model != "gemini-2.5-flash" || r.Provider != "gemini" || r.Stream {
					t.Errorf("recorded %+v", r)
				}
				if (len(srv.Meter()) == 1) != (tt.status == 200) || !strings.Contains(a.body, tt.words) {
					t.Errorf("billed %d, got %s", len(srv.Meter()), a.body)
				}
				if tt.status != 200 {
					e := decode[generated](t, a.body).Error
					if e == nil || e.Code != 400 || e.Status != "INVALID_ARGUMENT" || a.header.Get("x-gemini-service-tier") != "" {
						t.Errorf("got %s", a.body)
					}
				}
			})
		})
	}
}

// A regional endpoint uses the standard tier for every request.
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
