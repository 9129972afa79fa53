package middleware_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

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
		{name: "compressed", url: geminiURL, body: "\x1f\x8b", header: http.Header{"Content-Encoding": {"gzip"}}, limit: "1", refused: "the request cannot be read"},
		{name: "not JSON", url: openaiURL, body: `{"model":"gpt-5"`, limit: "1", refused: "cost"},
		{name: "a batch", url: "https://api.openai.com/v1/batches", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "tuning", url: "https://api.openai.com/v1/fine_tuning/jobs", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "a grader", url: "https://api.openai.com/v1/fine_tuning/alpha/graders/run", body: `{}`, limit: "100", refused: "charged for when it is done"},
		{name: "Anthropic's batch", url: messagesURL + "/batches", body: `{}`, limit: "100", refused: "charged for when it is done"},
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
