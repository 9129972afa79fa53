package llmtest_test

import (
	"cmp"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// checkGoogle compares the usage in a response with the meter.
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

// checkVertexChunks checks that only the last chunk has tokens, and all have the traffic type.
func checkVertexChunks(t *testing.T, chunks []string, traffic string, g llmtest.Generation) {
	t.Helper()
	for i, data := range chunks {
		u := decode[generated](t, data).UsageMetadata
		if i < len(chunks)-1 && (u.PromptTokenCount != 0 || u.TrafficType != traffic) {
			t.Errorf("chunk %d: %s", i, data)
		}
		if i == len(chunks)-1 {
			checkGoogle(t, u, g)
		}
	}
}

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
			checkVertexChunks(t, chunks, traffic, srv.Meter()[1])
		})
	}
}
