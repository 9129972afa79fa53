package llmtest_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// faces are requests that are billed, at least one for each endpoint, and what is expected
// of them.
var faces = []struct {
	name, target, request string
	provider, operation   string
	model                 string
	stream                bool
	overloaded, limited   int
	quota, flex           int
}{
	{"openai", chatPath, body("hi"), "openai", "chat", "gpt-5-mini", false, 503, 429, 429, 429},
	{"openai stream", chatPath, body("hi", `"stream":true`), "openai", "chat", "gpt-5-mini", true, 503, 429, 429, 429},
	{"responses", responsesPath, input("hi"), "openai", "responses", "gpt-5-mini", false, 503, 429, 429, 429},
	{"responses stream", responsesPath, input("hi", `"stream":true`), "openai", "responses", "gpt-5-mini", true, 503, 429, 429, 429},
	{"background", responsesPath, input("hi", `"background":true`), "openai", "responses", "gpt-5-mini", false, 503, 429, 429, 429},
	{"embeddings", "/v1/embeddings", `{"model":"m","input":"hi"}`, "openai", "embeddings", "m", false, 503, 429, 429, 429},
	{"groq", groqURL, body("hi"), "groq", "chat", "gpt-5-mini", false, 503, 429, 400, 498},
	{"groq stream", groqURL, body("hi", `"stream":true`), "groq", "chat", "gpt-5-mini", true, 503, 429, 400, 498},
	{"compat", compatPath, compatible("hi"), "gemini", "chat", "gemini-2.5-flash", false, 503, 429, 429, 503},
	{"compat stream", compatPath, compatible("hi", `"stream":true`), "gemini", "chat", "gemini-2.5-flash", true, 503, 429, 429, 503},
	{"gemini", geminiPath, contents("hi"), "gemini", "generateContent", "gemini-2.5-flash", false, 503, 429, 429, 503},
	{"gemini sse", geminiStream, contents("hi"), "gemini", "generateContent", "gemini-2.5-flash", true, 503, 429, 429, 503},
	{"gemini array", flash + ":streamGenerateContent", contents("hi"), "gemini", "generateContent", "gemini-2.5-flash", true, 503, 429, 429, 503},
	{"gemini embed", flash + ":embedContent", `{"content":{}}`, "gemini", "embedContent", "gemini-2.5-flash", false, 503, 429, 429, 503},
	{"gemini cache", cachesPath, creation("models/gemini-2.5-flash", 2000), "gemini", "createCachedContent", "gemini-2.5-flash", false, 503, 429, 429, 503},
	{"vertex", vertexHost, contents("hi"), "vertex", "generateContent", "gemini-2.5-flash", false, 503, 429, 429, 503},
	{"vertex sse", strings.Replace(vertexHost, "generate", "streamGenerate", 1) + "?alt=sse", contents("hi"), "vertex", "generateContent", "gemini-2.5-flash", true, 503, 429, 429, 503},
	{"anthropic", messagesURL, message("hi"), "anthropic", "messages", "claude-haiku-4-5", false, 529, 429, 400, 529},
	{"anthropic stream", messagesURL, message("hi", `"stream":true`), "anthropic", "messages", "claude-haiku-4-5", true, 529, 429, 400, 529},
	{"azure", azureURL, body("hi"), "azure", "chat", "gpt-5-prod", false, 503, 429, 429, 429},
	{"azure stream", azureURL, body("hi", `"stream":true`), "azure", "chat", "gpt-5-prod", true, 503, 429, 429, 429},
	{"azure v1", azureV1 + "/chat/completions", body("hi"), "azure", "chat", "gpt-5-mini", false, 503, 429, 429, 429},
	{"azure embeddings", azureEmbed, `{"input":"hi"}`, "azure", "embeddings", "embed", false, 503, 429, 429, 429},
	{"azure responses", azureV1 + "/responses", input("hi"), "azure", "responses", "gpt-5-mini", false, 503, 429, 429, 429},
	{"azure responses stream", azureV1 + "/responses", input("hi", `"stream":true`), "azure", "responses", "gpt-5-mini", true, 503, 429, 429, 429},
}

// faceFault is a fault and what it does at one face.
type faceFault struct {
	fault  llmtest.Fault
	status int
	billed int
	breaks bool
}

func TestFaultsOfAllFaces(t *testing.T) {
	for _, face := range faces {
		of500 := 1 // Google's documents say that it costs nothing
		if (face.provider == "gemini" || face.provider == "vertex") && face.operation != "createCachedContent" {
			of500 = 0
		}
		for _, tt := range []faceFault{
			{llmtest.NoFault, 200, 1, false},
			{llmtest.ResetBeforeAccept, 0, 0, false},
			{llmtest.ResetAfterAccept, 0, 1, false},
			{llmtest.CutStream, 200, 1, true},
			{llmtest.ErrorInStream, map[bool]int{true: 200, false: 500}[face.stream], map[bool]int{true: 1, false: of500}[face.stream], false},
			{llmtest.ServerError, 500, 0, false},
			{llmtest.ServerErrorAfterWork, 500, of500, false},
			{llmtest.Overloaded, face.overloaded, 0, false},
			{llmtest.RateLimited, face.limited, 0, false},
			{llmtest.QuotaExceeded, face.quota, 0, false},
			{llmtest.FlexUnavailable, face.flex, 0, false},
			{llmtest.BadRequest, 400, 0, false},
		} {
			cfg := llmtest.Config{Faults: llmtest.Sequence(tt.fault)}
			everywhere(t, face.name+"/"+tt.fault.String(), cfg, func(t *testing.T, srv *llmtest.Server) {
				tt.check(t, do(t.Context(), srv, "POST", face.target, face.request))
				if len(srv.Meter()) != tt.billed {
					t.Errorf("billed %+v", srv.Meter())
				}
				r := srv.Requests()[0]
				if r.Provider != face.provider || r.Operation != face.operation || r.Model != face.model || r.Stream != face.stream ||
					r.Call == "" || r.Fault != tt.fault || r.Status != tt.status {
					t.Errorf("recorded %+v", r)
				}
				checkSameCall(t, srv.Meter(), r)
			})
		}
	}
}

// check checks what the client sees of the fault.
func (tt faceFault) check(t *testing.T, a answer) {
	t.Helper()
	if a.status != tt.status || (a.err != nil) != (tt.status == 0) {
		t.Fatalf("status %d, error %v, body %s", a.status, a.err, a.body)
	}
	if tt.breaks != errors.Is(a.bodyErr, io.ErrUnexpectedEOF) {
		t.Errorf("reading the body: %v", a.bodyErr)
	}
	if fails := a.status >= 400 || tt.fault == llmtest.ErrorInStream; fails && !strings.Contains(a.body, `"error"`) {
		t.Errorf("no error in %s", a.body)
	}
}

// checkSameCall checks that all generations are of the request.
func checkSameCall(t *testing.T, meter []llmtest.Generation, r llmtest.Request) {
	t.Helper()
	for _, g := range meter {
		if g.Provider != r.Provider || g.Operation != r.Operation || g.Model != r.Model || g.Call != r.Call || g.ID == "" {
			t.Errorf("metered %+v", g)
		}
	}
}

func TestAllFacesHaveTheirDelays(t *testing.T) {
	for _, face := range faces {
		cfg := llmtest.Config{Latency: time.Hour, ChunkDelay: time.Minute, Faults: llmtest.Sequence(llmtest.NoFault, llmtest.Stall)}
		inBubble(t, cfg, func(t *testing.T, srv *llmtest.Server) {
			began := time.Now()
			mustDo(t, srv, "POST", face.target, face.request, 200)
			if took := time.Since(began); took < time.Hour || face.stream != (took > time.Hour) {
				t.Errorf("%s: took %v", face.name, took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if a := do(ctx, srv, "POST", face.target, face.request); !errors.Is(a.err, context.DeadlineExceeded) || len(srv.Meter()) != 2 {
				t.Errorf("%s: got %v, billed %d", face.name, a.err, len(srv.Meter()))
			}
		})
	}
}

// One limit holds for everything that generates or embeds, and for nothing else.
func TestOneLimitForAllFaces(t *testing.T) {
	for _, face := range faces {
		if face.operation == "createCachedContent" {
			continue
		}
		inBubble(t, llmtest.Config{RequestsPerMinute: 1}, func(t *testing.T, srv *llmtest.Server) {
			mustDo(t, srv, "GET", cachesPath, "", 200)
			mustDo(t, srv, "POST", flash+":countTokens", contents("hi"), 200)
			mustDo(t, srv, "POST", cachesPath, creation("models/m", 2000), 200)
			mustDo(t, srv, "GET", responsesPath+"/resp_x", "", 404)
			mustDo(t, srv, "POST", face.target, face.request, 200)
			mustDo(t, srv, "POST", face.target, face.request, face.limited)
		})
	}
}

// The same call costs the same everywhere, and has the same fingerprint each time.
func TestCallsOfAllFaces(t *testing.T) {
	for _, face := range faces {
		inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
			mustDo(t, srv, "POST", face.target, face.request, 200)
			mustDo(t, srv, "POST", face.target, face.request, 200)
			one, two := srv.Meter()[0], srv.Meter()[1]
			if one.Call != two.Call || one.Prompt != two.Prompt || one.Completion != two.Completion || one.ID == two.ID {
				t.Errorf("%s: metered %+v and %+v", face.name, one, two)
			}
		})
	}
}

func TestNoStreamOptionsOfAllFaces(t *testing.T) {
	for target, request := range map[string]string{
		groqURL:       body("hi", `"stream":true`, `"stream_options":{}`),
		compatPath:    compatible("hi", `"stream":true`, `"stream_options":{}`),
		responsesPath: input("hi", `"stream":true`, `"stream_options":{}`),
		azureURL:      body("hi", `"stream":true`, `"stream_options":{}`),
	} {
		inBubble(t, llmtest.Config{NoStreamOptions: true}, func(t *testing.T, srv *llmtest.Server) {
			if a := mustDo(t, srv, "POST", target, request, 400); !strings.Contains(a.body, "stream_options") {
				t.Errorf("%s: got %s", target, a.body)
			}
		})
	}
}

func TestFlexModelsOfAllFaces(t *testing.T) {
	for target, request := range map[string]string{
		groqURL:       body("hi", `"service_tier":"flex"`),
		compatPath:    compatible("hi", `"service_tier":"flex"`),
		responsesPath: input("hi", `"service_tier":"flex"`),
		geminiPath:    contents("hi", `"serviceTier":"flex"`),
	} {
		inBubble(t, llmtest.Config{FlexModels: []string{"o3"}}, func(t *testing.T, srv *llmtest.Server) {
			mustDo(t, srv, "POST", target, request, 400)
			if len(srv.Meter()) != 0 {
				t.Errorf("%s: billed %d", target, len(srv.Meter()))
			}
		})
	}
}
