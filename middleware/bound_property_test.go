package middleware_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// The bound of a call is what MaxCost, exposure and budgets depend on. These tests send each recorded request, as it is and
// changed by what the providers document, and answer it with the most that the changed request can use. What that costs
// must be within the bound, or there must be no bound.

// A charge is what a provider charges a request for, in the worst case.
type charge struct {
	prompt, output int64
	tier           string // that serves, in the provider's words
	model          string
}

// The limits of the models in these tests.
const (
	windowTokens = 1_000_000
	outputTokens = 200_000
	inputTokens  = 8_192 // of one embedding
)

// A mutation changes a request by a documented member.
type mutation struct {
	name   string
	change func(body object)   // nil: it is not changed
	header http.Header         // in addition
	charge func(c *charge)     // what it does to the worst case; nil: nothing
	raw    func(string) string // changes the encoded body
}

// asItIs reports whether the mutation changes nothing.
func (m *mutation) asItIs() bool { return m.change == nil && m.raw == nil && m.header == nil }

func set(path string, value any) func(object) {
	return func(body object) {
		keys := strings.Split(path, ".")
		for _, key := range keys[:len(keys)-1] {
			inner, ok := body[key].(object)
			if !ok {
				inner = object{}
				body[key] = inner
			}
			body = inner
		}
		body[keys[len(keys)-1]] = value
	}
}

// with adds an element to a list. A text in its place becomes the first element.
func with(list string, element any) func(object) {
	return func(body object) {
		old, ok := body[list].([]any)
		if text, isText := body[list].(string); isText {
			old, ok = []any{object{"role": "user", "content": text}}, true
		}
		if !ok {
			old = []any{}
		}
		body[list] = append(slices.Clone(old), element)
	}
}

func window(c *charge)                 { c.prompt = windowTokens }
func longest(c *charge)                { c.output = outputTokens }
func endless(c *charge)                { c.prompt, c.output, c.model = windowTokens*4, outputTokens*4, "dearest" }
func onTier(name string) func(*charge) { return func(c *charge) { c.tier = name } }
func outputs(n int64) func(*charge)    { return func(c *charge) { c.output *= n } }

func parts(kind string, more ...any) object {
	part := object{"type": kind}
	for i := 0; i+1 < len(more); i += 2 {
		part[more[i].(string)] = more[i+1]
	}
	return part
}

func message(content ...any) object { return object{"role": "user", "content": content} }

// mutations are by operation. "" is all of OpenAI's operations.
var mutations = map[string][]mutation{
	"chat": {
		{name: "as it is"},
		{name: "image", change: with("messages", message(parts("image_url", "image_url", object{"url": "https://example.com/i.png"}))), charge: window},
		{name: "image in base64", change: with("messages", message(parts("image_url", "image_url", "data:image/png;base64,AA"))), charge: window},
		{name: "audio", change: with("messages", message(parts("input_audio", "input_audio", object{"data": "AA", "format": "mp3"}))), charge: window},
		{name: "file", change: with("messages", message(parts("file", "file", object{"file_id": "f"}))), charge: window},
		{name: "audio of an earlier answer", change: with("messages", object{"role": "assistant", "audio": object{"id": "a"}}), charge: window},
		{name: "video", change: with("messages", message(parts("video_url", "video_url", object{"url": "x"}))), charge: window},
		{name: "document", change: with("messages", message(parts("document_url", "document_url", "x"))), charge: window},
		{name: "a part of no type", change: with("messages", message(object{"image_url": "x"})), charge: window},
		{name: "a part that says text and is more", change: with("messages", message(parts("text", "text", "x", "image_url", "x"))), charge: window},
		{name: "duplicate messages", raw: func(s string) string {
			return strings.TrimSuffix(s, "}") + `,"messages":[{"role":"user","content":[{"type":"image_url","image_url":"x"}]}]}`
		}, charge: window},
		{name: "escaped names", raw: func(s string) string {
			return strings.TrimSuffix(s, "}") + `,"mess\u0061ges":[{"role":"user","content":[{"type":"im\u0061ge_url","image_url":"x"}]}]}`
		}, charge: window},
		{name: "4 answers", change: set("n", 4), charge: outputs(4)},
		{name: "4.0 answers", change: set("n", json.Number("4.0")), charge: outputs(4)},
		{name: "no output limit", change: func(b object) { delete(b, "max_tokens"); delete(b, "max_completion_tokens") }, charge: longest},
		{name: "output limit 0", change: func(b object) { delete(b, "max_completion_tokens"); b["max_tokens"] = 0 }, charge: longest},
		{name: "output limit 2e5", change: func(b object) { delete(b, "max_completion_tokens"); b["max_tokens"] = json.Number("2e5") }, charge: longest},
		{name: "flex", change: set("service_tier", "flex"), charge: onTier("default")},
		{name: "priority", change: set("service_tier", "priority"), charge: onTier("priority")},
		{name: "fast", change: set("service_tier", "fast"), charge: onTier("priority")},
		{name: "auto", change: set("service_tier", "auto"), charge: onTier("priority")},
		{name: "ultrafast", change: set("service_tier", "ultrafast"), charge: onTier("ultrafast")},
		{name: "no tier", change: func(b object) { delete(b, "service_tier") }, charge: onTier("priority")},
		{name: "functions of the program", change: with("tools", parts("function", "function", object{"name": "f"})), charge: func(c *charge) { c.prompt += 24 }},
		{name: "browser search", change: with("tools", parts("browser_search")), charge: endless},
		{name: "code interpreter", change: with("tools", parts("code_interpreter")), charge: endless},
		{name: "Google's tools", change: set("extra_body.google.tools", []any{object{"googleSearch": object{}}}), charge: endless},
		{name: "web search options", change: set("web_search_options", object{}), charge: endless},
		{name: "plugins", change: set("plugins", []any{object{"id": "web"}}), charge: endless},
		{name: "search parameters", change: set("search_parameters", object{"mode": "on"}), charge: endless},
		{name: "other models", change: set("models", []any{"dearest"}), charge: endless},
		{name: "fallbacks", change: set("fallbacks", []any{"dearest"}), charge: endless},
		{name: "prediction", change: set("prediction", object{"type": "content", "content": "x"}), charge: endless},
		{name: "extra body", change: set("extra_body.something", 1), charge: endless},
		{name: "deferred", change: set("deferred", true), charge: endless},
		{name: "an unknown setting", change: set("turbo", true), charge: endless},
		{name: "cached content", change: set("extra_body.google.cached_content", "cachedContents/a"), charge: window},
	},
	"responses": {
		{name: "as it is"},
		{name: "previous response", change: set("previous_response_id", "resp_1"), charge: window},
		{name: "conversation", change: set("conversation", "conv_1"), charge: window},
		{name: "conversation by object", change: set("conversation", object{"id": "conv_1"}), charge: window},
		{name: "stored prompt", change: set("prompt", object{"id": "p"}), charge: window},
		{name: "item reference", change: with("input", object{"type": "item_reference", "id": "msg_1"}), charge: window},
		{name: "item reference without a type", change: with("input", object{"id": "msg_1"}), charge: window},
		{name: "item reference with null as type", change: with("input", object{"id": "msg_1", "type": nil}), charge: window},
		{name: "reasoning by id", change: with("input", object{"type": "reasoning", "id": "rs_1", "summary": []any{}}), charge: window},
		{name: "image", change: with("input", message(parts("input_image", "image_url", "x"))), charge: window},
		{name: "file", change: with("input", message(parts("input_file", "file_id", "x"))), charge: window},
		{name: "image in a function's output", change: with("input", object{"type": "function_call_output", "call_id": "c", "output": []any{parts("input_image", "image_url", "x")}}), charge: window},
		{name: "computer call", change: with("input", object{"type": "computer_call_output", "call_id": "c", "output": parts("computer_screenshot", "file_id", "f")}), charge: window},
		{name: "compaction", change: with("input", object{"type": "compaction", "encrypted_content": "x"}), charge: window},
		{name: "no output limit", change: func(b object) { delete(b, "max_output_tokens") }, charge: longest},
		{name: "flex", change: set("service_tier", "flex"), charge: onTier("default")},
		{name: "ultrafast", change: set("service_tier", "ultrafast"), charge: onTier("ultrafast")},
		{name: "no tier", change: func(b object) { delete(b, "service_tier") }, charge: onTier("priority")},
		{name: "web search", change: with("tools", parts("web_search")), charge: endless},
		{name: "shell", change: with("tools", parts("shell")), charge: endless},
		{name: "mcp", change: with("tools", parts("mcp", "server_url", "x")), charge: endless},
		{name: "context management", change: set("context_management", []any{object{"type": "compaction"}}), charge: endless},
		{name: "an unknown setting", change: set("turbo", true), charge: endless},
	},
	"compact": {
		{name: "as it is"},
		{name: "previous response", change: set("previous_response_id", "resp_1"), charge: func(c *charge) { window(c); longest(c) }},
		{name: "item reference", change: with("input", object{"type": "item_reference", "id": "msg_1"}), charge: window},
	},
	"embeddings": {
		{name: "as it is"},
		{name: "80 inputs", change: set("input", slices.Repeat([]any{strings.Repeat("a b c d ", 1600)}, 80)), charge: func(c *charge) { c.prompt = 80 * 6400 }},
		{name: "80 inputs of tokens", change: set("input", slices.Repeat([]any{slices.Repeat([]any{1}, 8000)}, 80)), charge: func(c *charge) { c.prompt = 80 * 8000 }},
		{name: "one input of tokens", change: set("input", slices.Repeat([]any{1}, 8000)), charge: func(c *charge) { c.prompt = 8000 }},
		{name: "image", change: set("input", []any{object{"image": "x"}}), charge: endless},
	},
	"generate": {
		{name: "as it is"},
		{name: "image", change: with("contents", object{"parts": []any{object{"inlineData": object{"mimeType": "image/png", "data": "AA"}}}}), charge: window},
		{name: "image, in snake case", change: with("contents", object{"parts": []any{object{"inline_data": object{"mime_type": "image/png", "data": "AA"}}}}), charge: window},
		{name: "file", change: with("contents", object{"parts": []any{object{"fileData": object{"fileUri": "x"}}}}), charge: window},
		{name: "image in a function's response", change: with("contents", object{"parts": []any{object{"functionResponse": object{"name": "f", "response": object{}, "parts": []any{object{"inlineData": object{}}}}}}}), charge: window},
		{name: "signature of a thought", change: with("contents", object{"parts": []any{object{"text": "x", "thoughtSignature": "AA"}}}), charge: window},
		{name: "executed code", change: with("contents", object{"parts": []any{object{"executableCode": object{"code": "x"}}}}), charge: window},
		{name: "cached content", change: set("cachedContent", "cachedContents/a"), charge: window},
		{name: "cached content, in snake case", change: set("cached_content", "cachedContents/a"), charge: window},
		{name: "file as system instruction", change: set("systemInstruction", object{"parts": object{"fileData": object{"fileUri": "x"}}}), charge: window},
		{name: "4 answers", change: set("generationConfig.candidateCount", 4), charge: outputs(4)},
		{name: "no output limit", change: func(b object) { delete(b, "generationConfig"); delete(b, "generation_config") }, charge: longest},
		{name: "images as output", change: set("generationConfig.responseModalities", []any{"TEXT", "IMAGE"}), charge: endless},
		{name: "image settings", change: set("generationConfig.imageConfig", object{"imageSize": "4K"}), charge: endless},
		{name: "priority", change: set("serviceTier", "priority"), charge: onTier("priority")},
		{name: "flex", change: set("serviceTier", "flex"), charge: onTier("flex")},
		{name: "search", change: with("tools", object{"googleSearch": object{}}), charge: endless},
		{name: "url context", change: with("tools", object{"urlContext": object{}}), charge: endless},
		{name: "an unknown setting", change: set("turbo", true), charge: endless},
		{name: "compressed", header: http.Header{"Content-Encoding": {"gzip"}}, charge: endless},
	},
	"messages": {
		{name: "as it is"},
		{name: "image", change: with("messages", message(parts("image", "source", object{"type": "url", "url": "x"}))), charge: window},
		{name: "document", change: with("messages", message(parts("document", "source", object{"type": "file", "file_id": "x"}))), charge: window},
		{name: "thinking", change: with("messages", object{"role": "assistant", "content": []any{parts("thinking", "thinking", "", "signature", "AA")}}), charge: window},
		{name: "image in a tool's result", change: with("messages", message(parts("tool_result", "tool_use_id", "t", "content", []any{parts("image")}))), charge: window},
		{name: "cached for an hour", change: with("messages", message(parts("text", "text", "x", "cache_control", object{"type": "ephemeral", "ttl": "1h"})))},
		{name: "fast", change: set("speed", "fast"), charge: onTier("fast")},
		{name: "another speed", change: set("speed", "faster"), charge: endless},
		{name: "region", change: set("inference_geo", "us"), charge: endless},
		{name: "container", change: set("container", "c"), charge: endless},
		{name: "MCP servers", change: set("mcp_servers", []any{object{"type": "url", "url": "x"}}), charge: window},
		{name: "web search", change: with("tools", parts("web_search_20250305", "name", "web_search")), charge: endless},
		{name: "fallbacks", change: set("fallbacks", []any{object{"model": "dearest"}}), charge: endless},
		{name: "context of 1M tokens", header: http.Header{"Anthropic-Beta": {"files-api-2025-04-14,context-1m-2025-08-07"}},
			change: with("messages", message(parts("text", "text", strings.Repeat("ab ", 1_400_000)))), charge: func(c *charge) { c.prompt = 1_400_000 }},
	},
	"interactions": {
		{name: "as it is"},
		{name: "earlier one", change: set("previous_interaction_id", "i"), charge: window},
		{name: "image", change: set("input", []any{parts("image", "uri", "x")}), charge: window},
		{name: "agent", change: set("agent", "deep-research"), charge: endless},
	},
}

// tierNames are the tiers of the synthetic prices, each dearer than the one before.
var tierNames = []string{"batch", "flex", "standard", "priority", "fast", "ultrafast"}

// syntheticPrices has a price for a model, and for the dearest, so that requests to models without a known price are tested
// too.
func syntheticPrices(t *testing.T, provider, model, operation string) *price.Catalog {
	t.Helper()
	period := func(scale int) object {
		tiers := object{}
		for i, tier := range tierNames {
			usd := func(cents int) string { return price.Pico(int64(cents*(i+1)*scale) * 1_000_000_000).String() }
			cells := object{"input": usd(100), "cached_input": usd(10), "cache_write": usd(125), "cache_write_1h": usd(200),
				"output": usd(400), "audio_input": usd(300), "audio_output": usd(1600)}
			long := maps.Clone(cells)
			long["input"], long["output"] = usd(200), usd(600)
			tiers[tier] = []any{object{"up_to": 200_000, "usd_per_million": cells}, object{"usd_per_million": long}}
		}
		return object{"tiers": tiers, "source": "made up"}
	}
	limits := object{"max_input": windowTokens, "max_output": outputTokens}
	if operation == "embeddings" {
		limits["max_input"] = inputTokens
	}
	models := object{
		model:     object{"limits": limits, "periods": []any{period(1)}},
		"dearest": object{"periods": []any{period(100)}},
	}
	text, err := json.Marshal(object{"providers": object{provider: object{"models": models}}})
	if err != nil {
		t.Fatal(err)
	}
	c, err := price.Parse("synthetic", bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return c
}

// answerOf is an answer that reports a charge.
func answerOf(operation string, c charge) string {
	chat := fmt.Sprintf(`"prompt_tokens":%d,"completion_tokens":%d,"total_tokens":%d`, c.prompt, c.output, c.prompt+c.output)
	whole := fmt.Sprintf(`"input_tokens":%d,"output_tokens":%d`, c.prompt, c.output)
	switch operation {
	case "chat":
		return fmt.Sprintf(`{"id":"c","model":%q,"service_tier":%q,"choices":[{"finish_reason":"stop"}],"usage":{%s}}`, c.model, c.tier, chat)
	case "responses", "compact":
		return fmt.Sprintf(`{"id":"r","status":"completed","model":%q,"service_tier":%q,"usage":{%s,"total_tokens":%d}}`, c.model, c.tier, whole, c.prompt+c.output)
	case "embeddings":
		return fmt.Sprintf(`{"model":%q,"usage":{"prompt_tokens":%d,"total_tokens":%d},"usageMetadata":{"promptTokenCount":%d}}`, c.model, c.prompt, c.prompt, c.prompt)
	case "messages":
		return fmt.Sprintf(`{"type":"message","id":"m","model":%q,"usage":{%s,"service_tier":"standard"}}`, c.model, whole)
	case "interactions":
		return fmt.Sprintf(`{"id":"i","status":"completed","model":%q,"usage":{"total_input_tokens":%d,"total_output_tokens":%d,"total_tokens":%d}}`, c.model, c.prompt, c.output, c.prompt+c.output)
	}
	return fmt.Sprintf(`{"candidates":[{"finishReason":"STOP"}],"modelVersion":%q,"usageMetadata":{"promptTokenCount":%d,"candidatesTokenCount":%d,"totalTokenCount":%d,"serviceTier":%q}}`,
		c.model, c.prompt, c.output, c.prompt+c.output, cmp.Or(c.tier, "standard"))
}

// A boundAudit counts what came of the requests.
type boundAudit struct {
	t                                *testing.T
	plain                            *middleware.Stack // to recognise calls
	requests, mutated                int
	within, none, unpriced, violated int
	catalogs                         map[[3]string]*price.Catalog
	ratios, limited                  []float64 // bound over cost, of requests as they are, and of those with an output limit
	unbounded                        map[string]int
}

// TestBoundOfRecordedRequests: no recorded request, changed by any documented member, costs more than its bound.
func TestBoundOfRecordedRequests(t *testing.T) {
	traffic := readTraffic(t)
	for _, prices := range []string{"synthetic", "embedded"} {
		a := &boundAudit{t: t, plain: stackOver(t, &settable{}, policy.Policy{}), unbounded: map[string]int{}, catalogs: map[[3]string]*price.Catalog{}}
		for _, provider := range slices.Sorted(maps.Keys(traffic)) {
			for _, x := range traffic[provider] {
				a.exchange(x, prices == "synthetic")
			}
		}
		slices.Sort(a.ratios)
		slices.Sort(a.limited)
		share := func(of []float64, i int) float64 { return of[len(of)*i/100] }
		t.Logf("%s prices: %d requests, %d with a mutation: %d within the bound, %d without a bound, %d not priced and exposed within it, %d violations", prices,
			a.requests, a.mutated, a.within, a.none, a.unpriced, a.violated)
		t.Logf("%s prices, requests as they are: bound over cost median %.1f, p90 %.1f; the %d with an output limit: %.1f, %.1f; without a bound %d of %d: %v", prices,
			share(a.ratios, 50), share(a.ratios, 90), len(a.limited), share(a.limited, 50), share(a.limited, 90), a.requests-len(a.ratios), a.requests, a.unbounded)
		if a.violated > 0 || a.mutated < 1000 && prices == "synthetic" {
			t.Errorf("%d violations of %d", a.violated, a.mutated)
		}
	}
}

// exchange sends a recorded request with each of its operation's mutations.
func (a *boundAudit) exchange(x *exchange, synthetic bool) {
	v := judge(x)
	body, isObject := parse(x.RequestBody).(object)
	if !v.has || v.doubtful || v.failed || !isObject || x.ResponseOnly || x.Method != http.MethodPost {
		return
	}
	delete(body, "stream")
	delete(body, "stream_options")
	probe := a.request(x, mutation{}, body)
	e, err := a.plain.Explain(probe)
	operation := cmp.Or(map[string]string{"completions": "chat"}[e.Operation], e.Operation)
	if err != nil || !e.Recognised || mutations[operation] == nil || e.Operation == "completions" || e.Model == "" {
		return
	}
	a.requests++
	recorded := charge{prompt: v.usage.Prompt(), output: v.usage.Output + v.usage.AudioOutput + v.usage.ImageOutput, model: e.Model}
	base := &settable{}
	var options []middleware.Option
	if synthetic {
		provider := cmp.Or(map[string]string{"vertex": "gemini"}[e.Provider], e.Provider) // whose prices hold
		options = append(options, middleware.WithPrices(a.prices(provider, e.Model, operation)))
	}
	stack := stackOver(a.t, base, policy.Policy{}, options...)
	for _, m := range mutations[operation] {
		if !synthetic && !m.asItIs() {
			continue // the limits and the tiers of real models differ
		}
		changed, _ := parse(string(encode(a.t, body))).(object)
		if m.change != nil {
			m.change(changed)
		}
		c := recorded
		if m.charge != nil {
			m.charge(&c)
		}
		base.answer = answerOf(operation, c)
		a.mutation(stack, x, m, changed)
	}
}

// prices returns the synthetic prices of a model.
func (a *boundAudit) prices(provider, model, operation string) *price.Catalog {
	key := [3]string{provider, model, operation}
	if a.catalogs[key] == nil {
		a.catalogs[key] = syntheticPrices(a.t, provider, model, operation)
	}
	return a.catalogs[key]
}

// A settable base answers with what is set.
type settable struct{ answer string }

func (b *settable) RoundTrip(req *http.Request) (*http.Response, error) {
	return says(200, "application/json", b.answer)(req)
}

func encode(t *testing.T, body object) []byte {
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (a *boundAudit) request(x *exchange, m mutation, body object) *http.Request {
	text := string(encode(a.t, body))
	if m.raw != nil {
		text = m.raw(text)
	}
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodPost, x.url(), strings.NewReader(text))
	if err != nil {
		a.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	maps.Copy(req.Header, m.header)
	return req
}

// mutation asks for the bound of one request, has it sent under that limit, and compares what it cost.
func (a *boundAudit) mutation(stack *middleware.Stack, x *exchange, m mutation, body object) {
	e, err := stack.Explain(a.request(x, m, body))
	if err != nil {
		a.t.Fatalf("%s: %v", m.name, err)
	}
	limit := price.Pico(math.MaxInt64)
	if e.Worst != nil {
		limit = *e.Worst
	}
	req := a.request(x, m, body)
	resp, err := stack.RoundTrip(req.WithContext(policy.With(req.Context(), policy.MaxCost(limit))))
	asItIs := m.asItIs()
	if !asItIs {
		a.mutated++
	}
	if e.Worst == nil {
		if !errors.Is(err, middleware.ErrCost) {
			a.t.Errorf("%s, %s: no bound, and sent under MaxCost: %v", x.url(), m.name, err)
		}
		if a.none++; asItIs {
			a.none--
			a.unbounded[fmt.Sprint(err)[:min(90, len(fmt.Sprint(err)))]]++
		}
		return
	}
	if err != nil {
		a.t.Errorf("%s, %s: refused at its own bound, $%s: %v", x.url(), m.name, limit, err)
		return
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	rows := stack.Rows()
	row := rows[len(rows)-1]
	switch {
	case !row.Cost.Known && row.Exposure.Known && row.Exposure.Pico <= limit:
		a.unpriced++ // such as an answer that names no tier
	case !row.Cost.Known:
		a.t.Errorf("%s, %s: the answer is not priced, and its exposure is %s: %s", x.url(), m.name, row.Exposure, row.Unpriced)
	case row.Cost.Pico > limit:
		if a.violated++; a.violated < 20 {
			a.t.Errorf("%s, %s: bound $%s, cost $%s\n%.300s", x.url(), m.name, limit, row.Cost.Pico, encode(a.t, body))
		}
	case asItIs:
		ratio := float64(limit) / float64(max(row.Cost.Pico, 1))
		a.ratios = append(a.ratios, ratio)
		if text := string(encode(a.t, body)); strings.Contains(text, `"max_`) || strings.Contains(text, `"maxOutputTokens"`) {
			a.limited = append(a.limited, ratio)
		}
	default:
		a.within++
	}
}
