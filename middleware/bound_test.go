package middleware_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/wire"
)

const (
	messagesURL   = "https://api.anthropic.com/v1/messages"
	compactURL    = "https://api.openai.com/v1/responses/compact"
	embeddingsURL = "https://api.openai.com/v1/embeddings"
)

// manyTools are functions that are too long to be kept.
var manyTools = strings.TrimSuffix(strings.Repeat(`{"type":"function","function":{"name":"f","description":"`+strings.Repeat("a", 1000)+`"}},`, 20), ",")

// A call under MaxCost is refused if it could cost more, and what it could cost is known of every member of its request.
func TestBound(t *testing.T) {
	for _, x := range []struct {
		name, url, body string
		header          http.Header
		limit           string
		refused         string // "" is sent
	}{
		{name: "a plain chat", url: openaiURL, body: `{"model":"gpt-5","max_tokens":100,"messages":[{"role":"user","content":"hi"}]}`, limit: "0.003"},
		{name: "compaction of an earlier response", url: compactURL, body: `{"model":"gpt-5.4","previous_response_id":"resp_1"}`, limit: "4", refused: "it could cost $"},
		{name: "item reference", url: responsesURL, body: `{"model":"gpt-5.4","input":[{"type":"item_reference","id":"msg_1"},{"role":"user","content":"go on"}]}`, limit: "4", refused: "it could cost $"},
		{name: "item reference without a type", url: responsesURL, body: `{"model":"gpt-5.4","input":[{"id":"msg_1"}]}`, limit: "4", refused: "it could cost $"},
		{name: "80 embeddings", url: embeddingsURL, body: `{"model":"text-embedding-3-large","input":["` + strings.Repeat(strings.Repeat("a ", 3125)+`","`, 79) + `a"]}`, limit: "0.01", refused: "it could cost $"},
		{name: "Gemini's batch of embeddings", url: "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents",
			body: `{"requests":[` + strings.Repeat(`{"content":{"parts":[{"text":"`+strings.Repeat("a ", 990)+`"}]}},`, 99) + `{"content":{}}]}`, limit: "0.01", refused: "it could cost $"},
		{name: "an image", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}]}`, limit: "0.1", refused: "it could cost $"},
		{name: "fast", url: messagesURL, body: `{"model":"claude-opus-5-5","max_tokens":1000,"speed":"fast","messages":[]}`, limit: "0.03", refused: "it could cost $"},
		{name: "not fast", url: messagesURL, body: `{"model":"claude-opus-5-5","max_tokens":1000,"messages":[]}`, limit: "0.031"},
		{name: "fast, without a price", url: messagesURL, body: `{"model":"claude-haiku-4-5","max_tokens":1000,"speed":"fast","messages":[]}`, limit: "100", refused: "no price for this tier"},
		{name: "ultrafast", url: responsesURL, body: `{"model":"gpt-6.1-sol","max_output_tokens":1000,"service_tier":"ultrafast","input":"hi"}`, limit: "0.05", refused: "it could cost $0.06"},
		{name: "ultrafast, without a price", url: responsesURL, body: `{"model":"gpt-5","max_output_tokens":1000,"service_tier":"ultrafast","input":"hi"}`, limit: "100", refused: "no price for this tier"},
		{name: "a region of Anthropic's", url: messagesURL, body: `{"model":"claude-haiku-4-5","max_tokens":1,"inference_geo":"us","messages":[]}`, limit: "100", refused: `"inference_geo"`},
		{name: "an output limit of 0", url: openaiURL, body: `{"model":"gpt-5","max_tokens":0,"messages":[]}`, limit: "1", refused: "it could cost $"},
		{name: "Groq's browser search", url: "https://api.groq.com/openai/v1/chat/completions", body: `{"model":"openai/gpt-oss-20b","max_tokens":1,"messages":[],"tools":[{"type":"browser_search"}]}`, limit: "1", refused: "tools that cost by the use"},
		{name: "Google's tools on the compatible API", url: "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions", body: `{"model":"gemini-2.5-flash","max_tokens":1,"messages":[],"extra_body":{"google":{"tools":[{"googleSearch":{}}]}}}`, limit: "1", refused: "tools that cost by the use"},
		{name: "other models", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[],"models":["gpt-5-pro"]}`, limit: "1", refused: `"models"`},
		{name: "an unknown setting", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[],"turbo":true}`, limit: "1", refused: `what "turbo" in the request costs`},
		{name: "an unknown setting whose name is a text", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[],"my secret":true}`, limit: "1", refused: `what "(a member)" in the request costs`},
		{name: "compressed", url: geminiURL, body: "\x1f\x8b", header: http.Header{"Content-Encoding": {"gzip"}}, limit: "1", refused: "it is not known whether it costs at most"},
		{name: "not JSON", url: openaiURL, body: `{"model":"gpt-5"`, limit: "1", refused: "the request cannot be read: not a valid JSON object"},
		{name: "a batch", url: "https://api.openai.com/v1/batches", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "tuning", url: "https://api.openai.com/v1/fine_tuning/jobs", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "a grader", url: "https://api.openai.com/v1/fine_tuning/alpha/graders/run", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "Anthropic's batch", url: messagesURL + "/batches", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "two output limits, of which one is no plain count", url: "https://api.groq.com/openai/v1/chat/completions", body: `{"model":"openai/gpt-oss-20b","max_tokens":100,"max_completion_tokens":6e4,"messages":[]}`, limit: "0.001", refused: "it could cost $"},
		{name: "an output limit in quotes", url: geminiURL, body: `{"generationConfig":{"maxOutputTokens":100,"max_output_tokens":"60000"},"contents":[]}`, limit: "0.01", refused: "it could cost $"},
		{name: "a tier in two spellings", url: geminiURL, body: `{"generationConfig":{"maxOutputTokens":100},"contents":[],"service_tier":"flex","serviceTier":"priority"}`, limit: "1", refused: "no price for this tier"},
		{name: "many tools and one that is charged for", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[],"tools":[` + manyTools + `,{"type":"live_search"}]}`, limit: "1", refused: "tools that cost by the use"},
		{name: "many tools and one in escapes", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[],"tools":[` + manyTools + `,{"type":"\u0062rowser_search"}]}`, limit: "1", refused: "tools that cost by the use"},
		{name: "many functions", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[],"tools":[` + manyTools + `]}`, limit: "0.1"},
		{name: "a tool by its name", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[],"tools":["browser_search"]}`, limit: "1", refused: "tools that cost by the use"},
		{name: "a tool without a type", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[],"tools":[{"googleSearch":{}}]}`, limit: "1", refused: "tools that cost by the use"},
		{name: "a type of an item in escapes", url: responsesURL, body: `{"model":"gpt-5","max_output_tokens":1,"input":[{"type":"` + strings.Repeat(`\u0061`, 40) + `","id":"x"}]}`, limit: "0.1", refused: "it could cost $"},
		{name: "a long speed", url: messagesURL, body: `{"model":"claude-opus-5-5","max_tokens":1,"speed":"` + strings.Repeat("f", 200) + `","messages":[]}`, limit: "1", refused: `"speed"`},
		{name: "a member twice", url: openaiURL, body: `{"model":"gpt-5","max_tokens":1,"messages":[],"n":100,"n":1}`, limit: "1", refused: `"n"`},
		{name: "thinking beyond the output limit", url: messagesURL, body: `{"model":"claude-haiku-4-5","max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":100000},"messages":[]}`, limit: "0.1", refused: "it could cost $"},
		{name: "a batch, with a slash", url: "https://api.openai.com/v1/batches/", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "a tuning that goes on", url: "https://api.openai.com/v1/fine_tuning/jobs/j/resume", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "a realtime call", url: "https://api.openai.com/v1/realtime/calls", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "a chat, with a slash", url: openaiURL + "/", body: `{"model":"gpt-5","messages":[]}`, limit: "0.1", refused: "it could cost $"},
		{name: "a gateway's batch", url: "https://gw.example/v1/batches", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "a gateway's batch of messages", url: "https://gw.example/v1/messages/batches", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "the batch of an own provider", url: "https://llm.acme.example/v1/batches", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "an unknown operation of an own provider", url: "https://llm.acme.example/v1/rerank", body: `{}`, limit: "100", refused: "it is not known whether it costs at most"},
		{name: "a member that an own provider does not list", url: "https://llm.acme.example/v1/chat/completions", body: `{"model":"m","messages":[],"guided_json":{}}`, limit: "100", refused: `take "guided_json" out, or name it in the dialect's Harmless`},
		{name: "Gemini's batch", url: "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:batchGenerateContent", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "Gemini's batch of embeddings, for later", url: "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:asyncBatchEmbedContent", body: `{}`, limit: "100", refused: "charged for when it is done"},
	} {
		base := newScript(says(200, "application/json", `{}`))
		acme := &wire.Compatible{Provider: "acme", Hosts: []string{"llm.acme.example"}}
		stack := stackOver(t, base, policy.Policy{}, middleware.WithDialects(acme))
		ctx := policy.With(t.Context(), policy.MaxCost(price.MustUSD(x.limit)))
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.url, strings.NewReader(x.body))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(req.Header, x.header)
		resp, err := stack.RoundTrip(req)
		switch {
		case x.refused == "" && err != nil:
			t.Errorf("%s: %v", x.name, err)
		case x.refused == "":
			resp.Body.Close()
		case explained(t, stack, req) == "":
			t.Errorf("%s: Explain does not say that it is refused", x.name)
		case !errors.Is(err, middleware.ErrCost) || !strings.Contains(fmt.Sprint(err), x.refused) || len(base.bodies) != 0:
			t.Errorf("%s: %v, sent %d times, want %q", x.name, err, len(base.bodies), x.refused)
		}
	}
}

// explained returns why Explain says that a request would be refused.
func explained(t *testing.T, stack *middleware.Stack, req *http.Request) string {
	e, err := stack.Explain(req)
	if err != nil {
		t.Error(err)
	}
	return e.Refused
}

// xAI adds a prompt of its own: a recorded chat of 90 bytes has 137 tokens of input.
func TestBoundWithAPromptOfTheProvider(t *testing.T) {
	const body = `{"model":"grok-3-mini","max_tokens":1,"messages":[{"role":"user","content":"What is 2?"}]}`
	answer := `{"id":"c","model":"grok-3-mini","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":137,"completion_tokens":1,"total_tokens":138}}`
	stack := stackOver(t, newScript(says(200, "application/json", answer)), policy.Policy{})
	req, _ := http.NewRequest(http.MethodPost, "https://api.x.ai/v1/chat/completions", strings.NewReader(body))
	e, err := stack.Explain(req)
	if err != nil || e.Worst == nil {
		t.Fatalf("%v, %v", e.Worst, err)
	}
	resp, err := stack.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if row := stack.Rows()[0]; !row.Cost.Known || row.Cost.Pico > *e.Worst {
		t.Errorf("cost $%s, bound $%s", row.Cost, e.Worst)
	}
}

// A program can let a batch through, and its row then says that the limit did not hold.
func TestAllowDeferredCost(t *testing.T) {
	base := newScript(says(200, "application/json", `{"id":"batch_1"}`))
	stack := stackOver(t, base, policy.Policy{})
	ctx := policy.With(t.Context(), policy.MaxCost(1), policy.AllowDeferredCost())
	req, _ := http.NewRequestWithContext(ctx, http.MethodPost, "https://api.openai.com/v1/batches", strings.NewReader(`{}`))
	resp, err := stack.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if rows := stack.Rows(); len(rows) != 1 || !strings.HasPrefix(rows[0].Skipped, "MaxCost: ") || rows[0].Unpriced == "" {
		t.Errorf("%+v", rows)
	}
}

// A row of a chat with tools that are charged for does not look exact.
func TestChatWithToolsOfTheProvider(t *testing.T) {
	for _, body := range []string{
		`{"model":"openai/gpt-oss-20b","messages":[],"tools":[{"type":"function","function":{"name":"f"}},{"type":"browser_search"}]}`,
		`{"model":"openai/gpt-oss-20b","messages":[],"tools":[{"type":"code_interpreter","container":{"type":"auto"}}]}`,
		`{"model":"groq/compound","messages":[]}`,
	} {
		answer := `{"id":"c","model":"openai/gpt-oss-20b","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`
		row := billedCall{name: "tools", url: "https://api.groq.com/openai/v1/chat/completions", request: body, answer: answer}.row(t)
		if row.Cost.Known || !strings.Contains(row.Unpriced, "tools") {
			t.Errorf("%s: cost %s, %q", body, row.Cost, row.Unpriced)
		}
	}
}

// A limit on the cost holds at the time at which an attempt begins: after a wait, a price may be higher.
func TestBoundAfterAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(moment(t, "2026-11-30T23:59:50Z")))
		base := newScript(
			says(429, jsonType, `{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"Please retry in 20s."}}`), says(200, jsonType, `{}`),
		)
		stack := stackOver(t, base, policy.Policy{})
		ctx := policy.With(t.Context(), policy.MaxCost(price.MustUSD("0.012")))
		body := `{"generationConfig":{"maxOutputTokens":500},"contents":[{"parts":[{"text":"hi"}]}]}`
		url := strings.Replace(geminiURL, "gemini-2.5-flash", "gemini-4-argon", 1)
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
		_, err := stack.RoundTrip(req)
		if !errors.Is(err, middleware.ErrCost) || len(base.bodies) != 1 {
			t.Errorf("sent %d times: %v", len(base.bodies), err)
		}
	})
}

// The row of a request that could not be read does not look exact.
func TestRequestThatCannotBeRead(t *testing.T) {
	for name, x := range map[string]struct{ url, answer string }{
		"chat":      {"https://api.groq.com/openai/v1/chat/completions", `{"id":"c","model":"openai/gpt-oss-20b","choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1,"total_tokens":10}}`},
		"responses": {responsesURL, `{"id":"r","status":"completed","model":"gpt-5","service_tier":"default","usage":{"input_tokens":9,"output_tokens":1,"total_tokens":10}}`},
		"Gemini":    {geminiURL, `{"candidates":[{"finishReason":"STOP"}],"modelVersion":"gemini-2.5-flash","usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1,"totalTokenCount":10,"serviceTier":"standard"}}`},
	} {
		for _, encoding := range []string{"gzip", ""} {
			stack := stackOver(t, newScript(says(200, jsonType, x.answer)), policy.Policy{})
			req, _ := http.NewRequest(http.MethodPost, x.url, strings.NewReader(strings.Repeat(" ", 70_000)+"{}"))
			if req.GetBody = nil; encoding != "" {
				req.Header.Set("Content-Encoding", encoding)
			}
			resp, err := stack.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			drain(resp)
			if row := stack.Rows()[0]; row.Cost.Known || row.Unpriced == "" || row.Skipped == "" {
				t.Errorf("%s %q: cost %s, %q, %q", name, encoding, row.Cost, row.Unpriced, row.Skipped)
			}
		}
	}
}
