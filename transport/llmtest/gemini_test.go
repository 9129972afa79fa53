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

// generated is an answer of Google's, whole or a chunk of it.
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

// checkGoogle compares what the answer says with what the meter says.
func checkGoogle(t *testing.T, u googleUsage, g llmtest.Generation) {
	t.Helper()
	if u.PromptTokenCount != g.Prompt || u.CachedContentTokenCount != g.Cached ||
		u.ThoughtsTokenCount != g.Reasoning || u.CandidatesTokenCount != g.Completion-g.Reasoning ||
		u.TotalTokenCount != g.Prompt+g.Completion {
		t.Errorf("usage %+v, meter %+v", u, g)
	}
}

func TestGemini(t *testing.T) {
	everywhere(t, "unary", llmtest.Config{Seed: 3}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", geminiPath, contents("hi", `"serviceTier":"flex"`), 200)
		got, g := decode[generated](t, a.body), srv.Meter()[0]
		checkGoogle(t, got.UsageMetadata, g)
		if got.ResponseID != g.ID || got.ModelVersion != "gemini-2.5-flash" || got.UsageMetadata.ServiceTier != "flex" ||
			got.Candidates[0].FinishReason != "STOP" || got.Candidates[0].Content.Parts[0].Text == "" {
			t.Errorf("got %s", a.body)
		}
		if g.Provider != "gemini" || g.Operation != "generateContent" || g.Tier != "flex" || g.Reasoning == 0 {
			t.Errorf("metered %+v", g)
		}
		checkHeaders(t, a.header, map[string]string{
			"x-gemini-service-tier": "flex", "content-type": "application/json; charset=UTF-8",
			"x-ratelimit-limit-requests": "", "x-request-id": "", "openai-version": "", "retry-after": "",
		})
		keysInOrder(t, a.body, "candidates", "content", "parts", "text", "role", "finishReason", "index", "usageMetadata",
			"promptTokenCount", "candidatesTokenCount", "totalTokenCount", "promptTokensDetails", "modality", "tokenCount",
			"thoughtsTokenCount", "serviceTier", "modelVersion", "responseId")
		if !strings.HasPrefix(a.body, "{\n  \"candidates\": [\n    {\n") || !strings.HasSuffix(a.body, "\n}\n") {
			t.Errorf("laid out as %q", a.body)
		}
		if strings.Contains(a.body, "cachedContentTokenCount") || strings.Contains(a.body, "trafficType") {
			t.Errorf("a zero is in %s", a.body)
		}
	})
}

func TestGeminiPaths(t *testing.T) {
	for _, path := range []string{
		"/v1/models/gemini-2.0-flash:generateContent", "/v1beta1/models/gemini-2.0-flash:generateContent",
		"/models/gemini-2.0-flash:generateContent", "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:generateContent",
		"/v1beta/models/gemini-2.0-flash%3AgenerateContent",
	} {
		inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
			got := decode[generated](t, mustDo(t, srv, "POST", path, contents("hi"), 200).body)
			if g := srv.Meter()[0]; got.ModelVersion != "gemini-2.0-flash" || g.Reasoning != 0 || g.Tier != "standard" {
				t.Errorf("%s: got %+v, metered %+v", path, got, g)
			}
		})
	}
}

func TestGeminiStream(t *testing.T) {
	everywhere(t, "sse", llmtest.Config{Chunks: 5}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", geminiStream, contents("hi"), 200)
		checkHeaders(t, a.header, map[string]string{"content-type": "text/event-stream", "x-gemini-service-tier": "standard"})
		if !strings.HasPrefix(a.body, `data: {"candidates": [{"content": {"parts": [{"text": "`) {
			t.Errorf("got %s", a.body)
		}
		var chunks []generated
		for _, data := range sse(t, a.body, "\r\n") {
			chunks = append(chunks, decode[generated](t, data))
		}
		checkChunks(t, chunks, 5, srv.Meter()[0])
	})
	everywhere(t, "array", llmtest.Config{Chunks: 5}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", flash+":streamGenerateContent", contents("hi"), 200)
		if n := strings.Count(a.body, "}\n,\r\n{\n  \"candidates\": ["); n != 4 || !strings.HasPrefix(a.body, "[{\n") || !strings.HasSuffix(a.body, "}\n]") {
			t.Errorf("%d separators in %q", n, a.body)
		}
		checkHeaders(t, a.header, map[string]string{"content-type": "application/json; charset=UTF-8"})
		checkChunks(t, decode[[]generated](t, a.body), 5, srv.Meter()[0])
	})
}

// checkChunks checks that the counts grow to what is billed.
func checkChunks(t *testing.T, chunks []generated, n int, g llmtest.Generation) {
	t.Helper()
	if len(chunks) != n {
		t.Fatalf("%d chunks, want %d", len(chunks), n)
	}
	var before int64
	for i, c := range chunks {
		u := c.UsageMetadata
		if u.CandidatesTokenCount <= before && i > 0 || u.PromptTokenCount != g.Prompt || u.ThoughtsTokenCount != g.Reasoning ||
			u.TotalTokenCount != u.PromptTokenCount+u.CandidatesTokenCount+u.ThoughtsTokenCount {
			t.Errorf("chunk %d: usage %+v", i, u)
		}
		if last := i == n-1; last != (c.Candidates[0].FinishReason == "STOP") || !last && c.Candidates[0].FinishReason != nil {
			t.Errorf("chunk %d: finish %v", i, c.Candidates[0].FinishReason)
		}
		before = u.CandidatesTokenCount
	}
	checkGoogle(t, chunks[n-1].UsageMetadata, g)
}

func TestGeminiNumericEnums(t *testing.T) {
	for _, query := range []string{"?%24alt=json%3Benum-encoding%3Dint", "?$alt=json;enum-encoding=int"} {
		inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
			whole := decode[generated](t, mustDo(t, srv, "POST", geminiPath+query, contents("hi"), 200).body)
			chunks := decode[[]generated](t, mustDo(t, srv, "POST", flash+":streamGenerateContent"+query, contents("hi"), 200).body)
			for _, c := range []generated{whole, chunks[7]} {
				if c.Candidates[0].FinishReason != 1. || c.UsageMetadata.PromptTokensDetails[0].Modality != 1. || c.UsageMetadata.ServiceTier != "" {
					t.Errorf("got %+v", c)
				}
			}
			short := mustDo(t, srv, "POST", geminiPath+query, contents("hi", `"generationConfig":{"maxOutputTokens":2}`), 200)
			if c := decode[generated](t, short.body); c.Candidates[0].FinishReason != 2. {
				t.Errorf("got %s", short.body)
			}
		})
	}
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

func TestGeminiTokens(t *testing.T) {
	long := strings.Repeat("x", 8188-44) // a contents of 2048 tokens
	inBubble(t, llmtest.Config{CachedPercent: 55}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", geminiPath, contents(long), 200)
		u := decode[generated](t, a.body).UsageMetadata
		if g := srv.Meter()[0]; g.Prompt < 2000 || g.Cached != 1024 || len(u.CacheTokensDetails) != 1 || u.CacheTokensDetails[0].TokenCount != 1024 {
			t.Errorf("got %s, metered %+v", a.body, g)
		}
		still := contents("hi", `"generationConfig":{"thinkingConfig":{"thinkingBudget":0}}`)
		mustDo(t, srv, "POST", geminiPath, still, 200)
		if g := srv.Meter()[1]; g.Reasoning != 0 || g.Cached != 0 {
			t.Errorf("metered %+v", g)
		}
		mustDo(t, srv, "POST", geminiPath, contents("hi", `"systemInstruction":{"parts":[{"text":"`+long+`"}]}`), 200)
		if g := srv.Meter()[2]; g.Prompt < 2000 || g.Call != srv.Meter()[1].Call {
			t.Errorf("metered %+v", g)
		}
	})
}

func TestCountTokens(t *testing.T) {
	inBubble(t, llmtest.Config{RequestsPerMinute: 1}, func(t *testing.T, srv *llmtest.Server) {
		request := contents("how much is this?")
		type count struct{ TotalTokens int64 }
		first := decode[count](t, mustDo(t, srv, "POST", flash+":countTokens", request, 200).body)
		again := decode[count](t, mustDo(t, srv, "POST", flash+":countTokens", `{"generateContentRequest":`+request+`}`, 200).body)
		if len(srv.Meter()) != 0 || srv.Requests()[0].Operation != "countTokens" {
			t.Errorf("billed %+v", srv.Meter())
		}
		mustDo(t, srv, "POST", geminiPath, request, 200)
		if g := srv.Meter()[0]; g.Prompt != first.TotalTokens || first != again {
			t.Errorf("counted %d and %d, metered %+v", first, again, g)
		}
	})
}

func TestEmbedContent(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		const one = `{"content":{"parts":[{"text":"some words"}]},"outputDimensionality":3}`
		const model = "/v1beta/models/gemini-embedding-001"
		a := mustDo(t, srv, "POST", model+":embedContent", one, 200)
		b := mustDo(t, srv, "POST", model+":batchEmbedContents", `{"requests":[`+one+`,{"content":{}}]}`, 200)
		c := mustDo(t, srv, "POST", "/v1beta/models/gemini-embedding-2:batchEmbedContents", `{"requests":[`+one+`]}`, 200)
		type values struct{ Values []float64 }
		if v := decode[struct{ Embedding values }](t, a.body).Embedding.Values; len(v) != 3 {
			t.Errorf("got %s", a.body)
		}
		if v := decode[struct{ Embeddings []values }](t, b.body).Embeddings; len(v) != 2 || len(v[0].Values) != 3 || len(v[1].Values) != 8 {
			t.Errorf("got %s", b.body)
		}
		if strings.Contains(a.body+b.body, "usage") || !strings.Contains(c.body, `"promptTokenDetails"`) {
			t.Errorf("got %s and %s", a.body+b.body, c.body)
		}
		for _, g := range srv.Meter() {
			if g.Operation != "embedContent" || g.Prompt < 5 || g.Completion != 0 || g.Call == "" || g.ID == "" {
				t.Errorf("metered %+v", g)
			}
		}
		if len(srv.Meter()) != 3 {
			t.Errorf("billed %d", len(srv.Meter()))
		}
		mustDo(t, srv, "POST", model+":embedContent", `{}`, 400)
		mustDo(t, srv, "POST", model+":batchEmbedContents", `{"requests":{}}`, 400)
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
			{"GenerateRequestsPerMinutePerProjectPerModel", "8s", "Please retry in 8.571428571s.", "7"},
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

func TestGeminiBrokenStreams(t *testing.T) {
	cfg := llmtest.Config{Faults: llmtest.Sequence(llmtest.ErrorInStream, llmtest.ErrorInStream, llmtest.ErrorInStream, llmtest.ServerError), Chunks: 4}
	inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", geminiStream, contents("hi"), 200)
		whole, bare, ok := strings.Cut(a.body, "\r\n\r\n{\"error\": ")
		if n := strings.Count(whole, "data: "); !ok || n != 2 || decode[googleFailure](t, strings.TrimSuffix(bare, "}\r\n\r\n")).Status != "INTERNAL" {
			t.Errorf("%d chunks in %s", n, a.body)
		}
		a = mustDo(t, srv, "POST", flash+":streamGenerateContent", contents("hi"), 200)
		if all := decode[[]generated](t, a.body); len(all) != 3 || all[2].Error == nil || all[2].Error.Code != 500 {
			t.Errorf("got %s", a.body)
		}
		mustDo(t, srv, "POST", geminiPath, contents("hi"), 500)
		if n := len(srv.Meter()); n != 2 {
			t.Errorf("billed %d", n)
		}
		a = mustDo(t, srv, "POST", flash+":streamGenerateContent", contents("hi"), 500)
		if all := decode[[]generated](t, a.body); len(all) != 1 || all[0].Error.Status != "INTERNAL" {
			t.Errorf("got %s", a.body)
		}
	})
	inBubble(t, llmtest.Config{Chunks: 1, Faults: llmtest.Sequence(llmtest.ErrorInStream)}, func(t *testing.T, srv *llmtest.Server) {
		a := mustDo(t, srv, "POST", flash+":streamGenerateContent", contents("hi"), 200)
		if all := decode[[]generated](t, a.body); len(all) != 1 || all[0].Error == nil {
			t.Errorf("got %s", a.body)
		}
	})
}
