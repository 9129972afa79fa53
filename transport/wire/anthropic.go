package wire

import (
	"bytes"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// anthropic has messages of its own, and OpenAI's chat completions.
var anthropic = &provider{
	name:    "anthropic",
	aliases: []string{"claude"},
	hosts:   []string{"api.anthropic.com"},
	dialects: []Dialect{newAnthropicMessages("anthropic"), &Compatible{
		Provider: "anthropic", AskUsage: true, only: []string{Chat},
		rejection: anthropicRejection,
	}},
}

// anthropicMessages is the dialect of Anthropic's messages, which other providers have too. Sources: Anthropic's API
// reference and help centre ("failed requests are not charged"); recorded traffic of 2026.
type anthropicMessages struct{ messages, countTokens, clientTools *Shape }

// newAnthropicMessages returns the dialect of messages at a provider.
func newAnthropicMessages(provider string) anthropicMessages {
	messages := Shape{
		Provider: provider, Operation: Messages, Running: true, Metering: meteringOf[provider],
		RequestPaths: messagesRequests, Prefix: messagesPrefix, Harmless: messagesHarmless, OwnTools: ownTypedTools, AnswerPaths: messagesAnswers, Marks: messagesMarks, Events: messagesEvents,
	}
	if provider == "anthropic" { // of other hosts' prices it is not known what they are
		messages.Writes = []time.Duration{5 * time.Minute, time.Hour}
	}
	clientTools := messages
	clientTools.Added = 4096 // 346 for any tools, 245 for a shell and 700 for an editor, by the page on the tools' prices
	return anthropicMessages{
		messages: &messages, clientTools: &clientTools,
		countTokens: &Shape{Provider: provider, Operation: CountTokens, NoOutput: true},
	}
}

var (
	messagesOwnTools = []string{"", "custom"} // what has no type is the program's own
	// messagesClientTools run at the client. A date follows.
	messagesClientTools = []string{"bash_", "text_editor_", "memory_"}
)

var (
	messagesRequests = transport.MustPaths("model", "stream", "max_tokens", "service_tier", "speed", "tools", "mcp_servers", "thinking.budget_tokens", "cache_control")
	messagesAnswers  = withUnknownCounts(transport.MustPaths(append(append([]string{"type", "error.type", "error.message"},
		messageTop.all()...), messageEvent.all()...)...))
	messagesMarks  = [][]byte{[]byte(`"usage"`), []byte(`"error"`)}
	messagesEvents = [][]byte{[]byte("message_start"), []byte("message_delta"), []byte("message_stop"), []byte("error")}
)

// Recognise takes POSTs of messages, and of their token counts.
func (d anthropicMessages) Recognise(method string, u *url.URL) (Call, bool) {
	switch {
	case method != http.MethodPost:
		return Call{}, false
	case strings.HasSuffix(u.Path, "/messages"):
		return newCall(d.messages), true
	case strings.HasSuffix(u.Path, "/messages/count_tokens"):
		c := newCall(d.countTokens)
		c.Kind = Free
		return c, true
	}
	return Call{}, false
}

// unknownHostMessages is the dialect of messages at unknown hosts. Other APIs have messages too, but not at these paths.
type unknownHostMessages struct{ anthropicMessages }

// Recognise takes POSTs to .../v1/messages, and to .../v1/messages/count_tokens.
func (d unknownHostMessages) Recognise(method string, u *url.URL) (Call, bool) {
	if strings.HasSuffix(u.Path, "/v1/messages") || strings.HasSuffix(u.Path, "/v1/messages/count_tokens") {
		return d.anthropicMessages.Recognise(method, u)
	}
	return Call{}, false
}

// Request reads model, stream and the output limit. A tier of Anthropic's ("auto", "standard_only") says what may serve,
// not what is asked for.
func (d anthropicMessages) Request(c *Call, h http.Header, body *transport.Fields) {
	c.Model = modelOf(body, c.Model)
	c.Stream = isTrue(body, atStream)
	c.MaxOutput = countAt(body, atMaxTokens)
	if present(body, atCacheControl) {
		c.CacheAsked |= AsksOptions
	}
	if _, thinks := body.Get(atThinkingBudgetTokens); thinks && countAt(body, atThinkingBudgetTokens) >= c.MaxOutput {
		c.MaxOutput = 0 // with interleaved thinking, the budget may exceed max_tokens, up to the model's limit
	}
	if readClientTools(c, body, messagesOwnTools, messagesClientTools, nil) && c.Shape == d.messages {
		c.Shape = d.clientTools
	}
	// The usage reports which tools were used. But what they bring in is input.
	c.Refers, c.Fees, c.Tools = c.Tools != NoTools || present(body, atMCPServers), c.Tools, NoTools
	c.Unlimited = unlimited(h)
	if speed := body.Text(atSpeed); speed == "fast" {
		c.Tier = fastSpeed
	} else if tier := body.Text(atServiceTier); tier != "" {
		c.Tier = policy.Tier(printable(tier))
		if tier == "standard_only" {
			c.Tier = policy.Standard
		}
	}
}

// fastSpeed is the tier of a message at the speed "fast", which has prices of its own.
const fastSpeed policy.Tier = "fast"

// harmlessBetas are the beginnings of beta features that change neither what a model's limits are nor what its tokens cost.
// Source: Anthropic's page on beta headers, 2026.
var harmlessBetas = []string{
	"prompt-caching-", "extended-cache-ttl-", "interleaved-thinking-", "fine-grained-tool-streaming-", "token-efficient-tools-",
	"structured-outputs-", "output-128k-", "token-counting-", "message-batches-", "files-api-", "pdfs-", "effort-", "fast-mode-", "oauth-",
}

// unlimited reports whether a beta feature may lift the model's limits, as that of a context of 1M tokens does.
func unlimited(h http.Header) bool {
	for key, values := range h {
		if !strings.EqualFold(key, "Anthropic-Beta") {
			continue
		}
		for _, value := range values {
			for beta := range strings.SplitSeq(value, ",") {
				if beta = strings.TrimSpace(beta); !slices.ContainsFunc(harmlessBetas, func(p string) bool { return strings.HasPrefix(beta, p) }) {
					return true
				}
			}
		}
	}
	return false
}

// Edit asks for writes to the prompt cache, and changes nothing else.
func (anthropicMessages) Edit(c *Call, _ *transport.Fields, w Want, e *Edits) {
	if c.Shape != nil {
		editCacheControl(c, &w.PromptCache, e)
	}
}

// Headers reads the request id.
func (anthropicMessages) Headers(_ *Call, h http.Header, a *Answer) {
	a.RequestID = printable(h.Get("Request-Id"))
}

// Answer reads a message, or an event of a stream: message_start has the input, message_delta the output so far, and
// either may correct what came before.
//
//	{"type":"message_start","message":{"id":"msg_1","model":"claude","usage":{"input_tokens":9,"output_tokens":1}}}
//	{"type":"content_block_delta","delta":{"text":"Hello"}}                        (not read: it has no mark)
//	{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":42}}
//	{"type":"message_stop"}
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
	p := &messageTop
	if _, ok := doc.Get(messageEvent.id); ok || kind == "message_start" {
		p = &messageEvent
	}
	keep(&a.ResponseID, doc, p.id)
	keepName(&a.Model, doc, p.model)
	readMessageUsage(doc, p, a)
	noteUnknownCount(doc, a)
	readMessageExtras(doc, p, a)
}

// messagePaths are the paths of a message's members.
type messagePaths struct {
	id, model, tier                             transport.Path
	input, output, cached, written, short, long transport.Path
	thinking, searches, executions              transport.Path
	region, iterations, speed                   transport.Path
}

var (
	messageTop   = messagePathsOf("")         // in an answer, and in message_delta
	messageEvent = messagePathsOf("message.") // in message_start
)

// messagePathsOf returns the paths of a message that is the value of a member: "message.", or the document itself: "".
func messagePathsOf(prefix string) messagePaths {
	at := func(name string) transport.Path { return transport.PathOf(prefix + name) }
	return messagePaths{
		id: at("id"), model: at("model"), tier: at("usage.service_tier"),
		input: at("usage.input_tokens"), output: at("usage.output_tokens"), cached: at("usage.cache_read_input_tokens"),
		written: at("usage.cache_creation_input_tokens"), short: at("usage.cache_creation.ephemeral_5m_input_tokens"),
		long:     at("usage.cache_creation.ephemeral_1h_input_tokens"),
		thinking: at("usage.output_tokens_details.thinking_tokens"),
		searches: at("usage.server_tool_use.web_search_requests"), executions: at("usage.server_tool_use.code_execution_requests"),
		region: at("usage.inference_geo"), iterations: at("usage.iterations"), speed: at("usage.speed"),
	}
}

// all returns the names of the paths.
func (p *messagePaths) all() []string {
	return pathNames(
		p.id, p.model, p.tier, p.input, p.output, p.cached, p.written, p.short, p.long, p.thinking, p.searches, p.executions,
		p.region, p.iterations, p.speed,
	)
}

// fastTier is the tier of a message that was served with the speed "fast".
const fastTier policy.Tier = "fast"

// readMessageUsage reads the counts that the document has; those of earlier events stay, and a later zero does not replace
// them: some gateways write it for what they do not know. Anthropic's input tokens do not include those read from a cache, or written to one. Writes are counted by their time to live, because the longer one has
// another price:
//
//	"cache_creation_input_tokens": 30, "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}
func readMessageUsage(doc *transport.Fields, p *messagePaths, a *Answer) {
	r := countReader{doc: doc}
	u, found := &a.Usage, false
	take := func(path transport.Path, to *int64) bool {
		n, ok := r.get(path)
		if found = found || ok; n > 0 {
			*to = n
		}
		return ok
	}
	if take(p.input, &u.Input) {
		a.parts |= inputPart
	}
	if take(p.output, &u.Output) {
		a.parts |= outputPart
	}
	take(p.cached, &u.CachedInput)
	take(p.thinking, &u.Reasoning)
	take(p.searches, &u.WebSearches)
	if u.Reasoning > u.Output {
		u.Reasoning = u.Output // the count of an earlier event
	}
	readMessageWrites(&r, p, a)
	if r.problem != "" {
		a.Problem, a.HasUsage = r.problem, true
	}
	a.HasUsage = a.HasUsage || found && a.parts == inputPart|outputPart
	if tier := doc.Text(p.tier); tier != "" && a.Tier != fastTier {
		a.Tier = policy.Tier(printable(tier))
	}
}

// readMessageWrites reads the tokens that were written to a cache, by their time to live.
func readMessageWrites(r *countReader, p *messagePaths, a *Answer) {
	written, _ := r.get(p.written)
	short, _ := r.get(p.short)
	long, _ := r.get(p.long)
	u := &a.Usage
	switch stated := short + long; {
	case stated == 0 && (written == 0 || written == u.CacheWrite+u.CacheWrite1h):
		return // an earlier event says more
	case stated == 0:
		if a.TTLAssumed = true; a.WriteTTL > 5*time.Minute {
			long = written
		}
	case stated > written && written > 0:
		r.wrong("usage.cache_creation has more tokens than usage.cache_creation_input_tokens")
	case short > 0 && stated < written:
		r.wrong("usage.cache_creation has fewer tokens than usage.cache_creation_input_tokens")
	default:
		a.TTLAssumed = false
	}
	u.CacheWrite1h, u.CacheWrite = long, max(short, written-long)
}

// readMessageExtras notes what makes the cost another than that of the counts.
func readMessageExtras(doc *transport.Fields, p *messagePaths, a *Answer) {
	switch region := doc.Text(p.region); region {
	case "", "global", "not_available":
	case "us":
		a.Extras = "it was served in a region that costs more" // Anthropic's page on data residency
	default:
		a.Extras = "it was served in a region whose price is not known"
	}
	if raw, there := doc.Look(p.iterations); there && (raw == nil || bytes.Count(raw, []byte(`"input_tokens"`)) > 1) {
		a.Extras = "it took several iterations, of which the usage reports only part"
	}
	switch speed := doc.Text(p.speed); {
	case speed == "":
	case speed == "standard":
		if a.Tier == fastTier {
			a.Tier = policy.Standard // as the request asked, and the first event repeated
		}
	case speed == "fast" && (a.Tier == "" || a.Tier == policy.Standard || a.Tier == fastTier):
		a.Tier = fastTier
	default:
		a.Extras = "it was served at a speed with a price of its own"
	}
	r := countReader{doc: doc}
	if n, _ := r.get(p.executions); n > 0 {
		a.Extras = "it also used code execution, which is charged for"
	}
}

// Rejection reads Anthropic's error object.
func (anthropicMessages) Rejection(c *Call, r *Response) Rejection {
	e := readError(r.Body)
	f := openAIRejection(r, &e)
	f.Code = identifier(e.kind)
	if c.Shape != nil && c.Provider == "anthropic" {
		anthropicRejection(c, r, &e, &f)
	}
	return f
}

// anthropicRejection adds what is true of Anthropic's own API: a failed request is documented as free, and when a limit that is
// used up comes back.
func anthropicRejection(c *Call, r *Response, e *apiError, f *Rejection) {
	if !c.Foreign && *e != (apiError{}) && f.Outcome == policy.Rejected && f.Evidence == policy.Inferred {
		f.Evidence = policy.Documented
	}
	if f.Reason == policy.Rate && f.RetryAfter == 0 {
		f.RetryAfter = rateReset(r.Header, r.At)
	}
}

// Problem has the shape of Anthropic's errors.
func (anthropicMessages) Problem(c *Call, p Problem) []byte {
	var body struct {
		Type  string `json:"type"`
		Error struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"error"`
	}
	body.Type, body.Error.Type, body.Error.Message = "error", p.Code, p.Message
	return encoded(body)
}
