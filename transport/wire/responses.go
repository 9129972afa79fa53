package wire

import (
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// responsesNames are the paths of a response's members: at the top of an answer, and under "response" in the events of
// a stream.
type responsesNames struct {
	id, model, tier, status, background              transport.Path
	input, output, total, cached, written, reasoning transport.Path
	errorCode, errorType, errorMessage               transport.Path
	searches, images, ticks, sources, tools, cost    transport.Path
}

func responsesNamesOf(prefix string) responsesNames {
	return responsesNames{
		id: transport.PathOf(prefix + "id"), model: transport.PathOf(prefix + "model"), tier: transport.PathOf(prefix + "service_tier"), status: transport.PathOf(prefix + "status"),
		background: transport.PathOf(prefix + "background"),
		input:      transport.PathOf(prefix + "usage.input_tokens"), output: transport.PathOf(prefix + "usage.output_tokens"), total: transport.PathOf(prefix + "usage.total_tokens"),
		cached:    transport.PathOf(prefix + "usage.input_tokens_details.cached_tokens"),
		written:   transport.PathOf(prefix + "usage.input_tokens_details.cache_write_tokens"),
		reasoning: transport.PathOf(prefix + "usage.output_tokens_details.reasoning_tokens"),
		errorCode: transport.PathOf(prefix + "error.code"), errorType: transport.PathOf(prefix + "error.type"), errorMessage: transport.PathOf(prefix + "error.message"),
		searches: transport.PathOf(prefix + "tool_usage.web_search.num_requests"), images: transport.PathOf(prefix + "tool_usage.image_gen.output_tokens"),
		ticks: transport.PathOf(prefix + "usage.cost_in_usd_ticks"), sources: transport.PathOf(prefix + "usage.num_sources_used"),
		tools: transport.PathOf(prefix + "usage.num_server_side_tools_used"), cost: transport.PathOf(prefix + "usage.cost"),
	}
}

func (n *responsesNames) all() []string {
	return pathNames(
		n.id, n.model, n.tier, n.status, n.background, n.input, n.output, n.total, n.cached, n.written, n.reasoning,
		n.errorCode, n.errorType, n.errorMessage, n.searches, n.images, n.ticks, n.sources, n.tools, n.cost,
	)
}

var (
	answerNames = responsesNamesOf("")
	eventNames  = responsesNamesOf("response.")
)

var responsesAnswers = watchCounters(transport.MustPaths(append(append([]string{"type", "error", "code"}, answerNames.all()...), eventNames.all()...)...))

// responsesForm: a stream has no last word of its own but its terminal event, which alone tells the usage and the tier
// that served; the first event only repeats the request's. Source: OpenAI's OpenAPI description of 2026-08-21;
// recorded streams.
var responsesForm = &form{
	operation: Responses, tiers: true,
	paths: transport.MustPaths("model", "stream", "service_tier", "max_output_tokens", "background", "tools",
		"previous_response_id", "conversation", "conversation.id", "prompt.id", "prompt_cache_options.ttl"),
	answers: responsesAnswers,
	marks:   usageMarks,
	events: [][]byte{
		[]byte("response.completed"), []byte("response.incomplete"), []byte("response.failed"), []byte("error"),
	},
	done: chatDone,
	request: func(c *Call, body *transport.Fields) {
		chatRequest(c, body)
		c.background(body)
		c.readTools(body, "type", ownTools, openAISearches)
		c.Refers = present(body, atPreviousResponseId) || present(body, atConversation) ||
			present(body, atConversationId) || present(body, atPromptId)
		if raw, ok := body.Get(atMaxOutputTokens); ok {
			if n, ok := count(raw); ok {
				c.MaxOutput = n
			}
		}
	},
	read: responsesAnswer,
}

var (
	ownTools = []string{"function", "custom"}
	// openAISearches cost by the search, which the answer counts. Their preview cost otherwise.
	openAISearches = []string{"web_search", "web_search_2025_08_26"}
)

// compactForm: the compaction of a conversation answers at once, with a usage as a response has it.
var compactForm = &form{
	operation: Compact, tiers: true,
	paths:   transport.MustPaths("model", "service_tier"),
	answers: responsesAnswers,
	request: chatRequest,
	read:    responsesAnswer,
}

func responsesAnswer(c *Call, doc *transport.Fields, a *Answer) (tierPath transport.Path) {
	kind := doc.Text(atType)
	n := &answerNames
	if _, ok := doc.Get(eventNames.id); ok {
		n = &eventNames
	}
	if kind == "error" {
		// {"type": "error", "error": {"code": ...}}, and flat by the specification: {"type": "error", "code": ...}
		a.Failed = true
		code, _ := errorCode(doc)
		if code == "" {
			code = identifier(doc.Text(atCode))
		}
		a.ErrorCode = code
		return 0
	}
	keep(&a.ResponseID, doc, n.id, "")
	keep(&a.Model, doc, n.model, c.Model)
	status := a.status(doc, n.status, n.background)
	for _, path := range [...]transport.Path{n.errorCode, n.errorType, n.errorMessage} {
		if raw, ok := doc.Get(path); ok && string(raw) != "null" {
			text, _ := Text(raw)
			if a.Failed = true; path != n.errorMessage {
				a.ErrorCode = identifier(text)
			}
			break
		}
	}
	responsesUsage(c, doc, n, a)
	if n == &eventNames && !a.Pending && status != "" {
		a.Complete = true // completed, incomplete, failed or cancelled
	}
	if a.Pending {
		return 0 // it only repeats the request's
	}
	return n.tier
}

// status reads how far the provider is with its work, if the document says so.
func (a *Answer) status(doc *transport.Fields, status, background transport.Path) string {
	text := doc.Text(status)
	if text == "" {
		return ""
	}
	raw, _ := doc.Get(background)
	a.Background = string(raw) == "true"
	a.Pending = text == "queued" || text == "in_progress"
	a.Failed = a.Failed || text == "failed"
	return text
}

// background notes that the request asks for an answer that is fetched later.
func (c *Call) background(body *transport.Fields) {
	raw, _ := body.Get(atBackground)
	c.Background = string(raw) == "true"
}

// responsesUsage reads the usage, whose details are parts of the whole as in a chat.
func responsesUsage(c *Call, doc *transport.Fields, n *responsesNames, a *Answer) {
	r := countReader{doc: doc}
	input, hasInput := r.get(n.input)
	output, hasOutput := r.get(n.output)
	total, hasTotal := r.get(n.total)
	if !hasInput && !hasOutput && !hasTotal && r.problem == "" {
		return
	}
	cached, _ := r.get(n.cached)
	written, _ := r.get(n.written)
	reasoning, _ := r.get(n.reasoning)
	if !hasInput || !hasOutput {
		r.wrong("usage lacks input_tokens or output_tokens")
	}
	whole := output
	switch {
	case hasTotal && total > input+output:
		whole = total - input // xAI counts reasoning apart
	case hasTotal && total < input+output:
		r.wrong("usage.total_tokens is less than its parts")
	}
	a.Usage = price.Usage{
		Input: max(0, input-cached-written), CachedInput: cached, CacheWrite: written,
		Output: whole, Reasoning: min(max(reasoning, whole-output), whole),
	}
	c.writeFor(a)
	a.strange(doc)
	if searches, ok := r.get(n.searches); ok {
		a.Usage.WebSearches = searches
	} else if c.Tools == CountedTools {
		a.Extras = "it may also have used web searches, which are charged for, and the answer does not count"
	}
	a.HasUsage, a.Problem = true, r.problem
	for _, extra := range [...]struct {
		path transport.Path
		what string
	}{
		{n.images, "generated images"}, {n.tools, "server-side tools"}, {n.sources, "sources"},
	} {
		if used, ok := r.get(extra.path); ok && used > 0 {
			a.Extras = "it also used " + extra.what + ", which are charged for"
		}
	}
	ticks(doc, n.ticks, a)
	cost(doc, n.cost, a)
}
