package wire

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// anthropic has messages of its own, and OpenAI's chat completions.
var anthropic = &provider{
	name:  "anthropic",
	hosts: []string{"api.anthropic.com"},
	dialects: []Dialect{anthropicMessages{"anthropic"}, &Compatible{
		Provider: "anthropic", AskUsage: true, only: []string{Chat},
		refusal: anthropicRefusal,
	}},
}

// anthropicMessages is the dialect of Anthropic's messages. What is read from a cache, or written to one, is not among
// its input tokens. Sources: Anthropic's API reference and help centre ("failed requests are not charged"); recorded
// traffic of 2026.
type anthropicMessages struct{ provider string }

var (
	messagesPaths   = transport.MustPaths("model", "stream", "max_tokens", "service_tier", "tools", "mcp_servers")
	messagesAnswers = watchCounters(transport.MustPaths(append(append([]string{"type", "error.type", "error.message"},
		messageMembers("")...), messageMembers("message.")...)...))
	messagesMarks  = [][]byte{[]byte(`"usage"`), []byte(`"error"`)}
	messagesEvents = [][]byte{[]byte("message_start"), []byte("message_delta"), []byte("message_stop"), []byte("error")}
)

func messageMembers(prefix string) (paths []string) {
	for _, path := range []string{
		"id", "model", "usage.input_tokens", "usage.output_tokens", "usage.cache_read_input_tokens",
		"usage.cache_creation_input_tokens", "usage.cache_creation.ephemeral_5m_input_tokens",
		"usage.cache_creation.ephemeral_1h_input_tokens", "usage.service_tier", "usage.inference_geo",
		"usage.output_tokens_details.thinking_tokens", "usage.iterations", "usage.speed",
		"usage.server_tool_use.web_search_requests", "usage.server_tool_use.code_execution_requests",
	} {
		paths = append(paths, prefix+path)
	}
	return paths
}

// Recognise takes POSTs of messages, and of their token counts.
func (d anthropicMessages) Recognise(method string, u *url.URL) (Call, bool) {
	switch {
	case method != http.MethodPost:
		return Call{}, false
	case strings.HasSuffix(u.Path, "/messages"):
		return Call{
			Provider: d.provider, Operation: Messages, MaxOutput: -1, RequestPaths: messagesPaths,
			AnswerPaths: messagesAnswers, Marks: messagesMarks, Events: messagesEvents, Running: true,
		}, true
	case strings.HasSuffix(u.Path, "/messages/count_tokens"):
		return Call{Provider: d.provider, Operation: CountTokens, Kind: Free}, true
	}
	return Call{}, false
}

// elsewhere is the dialect of messages where nothing is known of the host. Other APIs have messages, too, but not there.
type elsewhere struct{ anthropicMessages }

// Recognise takes POSTs to .../v1/messages, and to .../v1/messages/count_tokens.
func (d elsewhere) Recognise(method string, u *url.URL) (Call, bool) {
	if strings.HasSuffix(u.Path, "/v1/messages") || strings.HasSuffix(u.Path, "/v1/messages/count_tokens") {
		return d.anthropicMessages.Recognise(method, u)
	}
	return Call{}, false
}

// Request reads model, stream and the output limit. A tier of Anthropic's ("auto", "standard_only") says what may serve,
// not what is asked for.
func (anthropicMessages) Request(c *Call, _ http.Header, body *transport.Fields) {
	c.Model = modelOf(body, c.Model)
	stream, _ := body.Get(atStream)
	c.Stream = string(stream) == "true"
	if raw, ok := body.Get(atMaxTokens); ok {
		if n, ok := count(raw); ok {
			c.MaxOutput = n
		}
	}
	c.readTools(body, "type", []string{"", "custom"}, nil) // what has no type is the program's own
	// The usage says which were used. What they may bring in is input, though.
	c.Refers, c.Fees, c.Tools = c.Tools != NoTools || present(body, atMcpServers), c.Tools, NoTools
	if tier := body.Text(atServiceTier); tier != "" {
		c.Tier = policy.Tier(printable(tier))
		if tier == "standard_only" {
			c.Tier = policy.Standard
		}
	}
}

// Edit changes nothing.
func (anthropicMessages) Edit(*Call, *transport.Fields, Want, *Edits) {}

// Headers reads the request id.
func (anthropicMessages) Headers(_ *Call, h http.Header, a *Answer) {
	a.RequestID = printable(h.Get("Request-Id"))
}

// Answer reads a message, or an event of a stream: message_start has the input, message_delta the output so far, and
// either may correct what came before.
func (anthropicMessages) Answer(c *Call, doc *transport.Fields, a *Answer) {
	kind := doc.Text(atType)
	switch kind {
	case "error":
		a.Failed, a.ErrorCode = true, identifier(doc.Text(atErrorType))
		return
	case "message_stop":
		a.Complete = true
		return
	}
	prefix := ""
	if _, ok := doc.Get(atMessageId); ok || kind == "message_start" {
		prefix = "message."
	}
	keep(&a.ResponseID, doc, transport.PathOf(prefix+"id"), "")
	keep(&a.Model, doc, transport.PathOf(prefix+"model"), c.Model)
	messageUsage(doc, prefix, a)
}

// parts are those of a usage without which it is none.
type parts uint8

const (
	partInput parts = 1 << iota
	partOutput
)

func messageUsage(doc *transport.Fields, prefix string, a *Answer) {
	r := countReader{doc: doc}
	u, found := &a.Usage, false
	take := func(path string, to *int64) bool {
		n, ok := r.get(transport.PathOf(prefix + "usage." + path))
		if ok {
			*to, found = n, true
		}
		return ok
	}
	if take("input_tokens", &u.Input) {
		a.parts |= partInput
	}
	if take("output_tokens", &u.Output) {
		a.parts |= partOutput
	}
	take("cache_read_input_tokens", &u.CachedInput)
	take("output_tokens_details.thinking_tokens", &u.Reasoning)
	take("server_tool_use.web_search_requests", &u.WebSearches)
	if u.Reasoning > u.Output {
		u.Reasoning = u.Output // the count of an earlier event
	}
	var written int64
	if take("cache_creation_input_tokens", &written) {
		long := int64(0)
		if take("cache_creation.ephemeral_1h_input_tokens", &long) {
			u.CacheWrite1h = long
		}
		u.CacheWrite = written - u.CacheWrite1h
		if u.CacheWrite < 0 {
			u.CacheWrite = 0
			r.wrong("usage.cache_creation has more tokens than usage.cache_creation_input_tokens")
		}
	}
	if r.problem != "" {
		a.Problem, a.HasUsage = r.problem, true
	}
	a.HasUsage = a.HasUsage || found && a.parts == partInput|partOutput
	if tier := doc.Text(transport.PathOf(prefix + "usage.service_tier")); tier != "" {
		a.Tier = policy.Tier(printable(tier))
	}
	a.strange(doc)
	if doc.Text(transport.PathOf(prefix+"usage.inference_geo")) == "us" {
		a.Extras = "it was served in a region that costs more" // Anthropic's page on data residency
	}
	if raw, there := doc.Look(transport.PathOf(prefix + "usage.iterations")); there && (raw == nil || bytes.Count(raw, []byte(`"input_tokens"`)) > 1) {
		a.Extras = "it took several iterations, of which the usage tells only part"
	}
	if speed := doc.Text(transport.PathOf(prefix + "usage.speed")); speed != "" && speed != "standard" {
		a.Extras = "it was served at a speed with a price of its own"
	}
	if n, _ := r.get(transport.PathOf(prefix + "usage.server_tool_use.code_execution_requests")); n > 0 {
		a.Extras = "it also used code execution, which is charged for"
	}
}

// Refusal reads Anthropic's error object.
func (anthropicMessages) Refusal(c *Call, r *Response) Refusal {
	e := readError(r.Body)
	f := openAIRefusal(r, &e)
	f.Code = identifier(e.kind)
	if c.Provider == "anthropic" {
		anthropicRefusal(c, r, &e, &f)
	}
	return f
}

func anthropicRefusal(c *Call, r *Response, e *apiError, f *Refusal) {
	if !c.Foreign && *e != (apiError{}) && f.Outcome == policy.Rejected && f.Evidence == policy.Inferred {
		f.Evidence = policy.Documented
	}
	if f.Reason == policy.Rate && f.RetryAfter == 0 {
		f.RetryAfter = anthropicReset(r)
	}
	if e.kind == "billing_error" || r.Status == http.StatusTooManyRequests && strings.Contains(e.message, "monthly") {
		f.Reason = policy.Quota
	}
}

// anthropicReset returns when the rate limit headers say that what is used up comes back: they are dates.
func anthropicReset(r *Response) (longest time.Duration) {
	for _, what := range [...]string{"Requests", "Tokens", "Input-Tokens", "Output-Tokens"} {
		if r.Header.Get("Anthropic-Ratelimit-"+what+"-Remaining") != "0" {
			continue
		}
		if t, err := time.Parse(time.RFC3339, r.Header.Get("Anthropic-Ratelimit-"+what+"-Reset")); err == nil {
			longest = max(longest, min(t.Sub(r.At), maxHint))
		}
	}
	return longest
}
