package wire

import "github.com/skinflint-go/skinflint/transport"

// OpenAI's Responses API.

// responsesOperation: what ends a stream is its terminal event, not [DONE]. Only that event has the usage and the
// tier that served; the first event repeats the request's tier. Source: OpenAI's OpenAPI description of 2026-08-21;
// recorded streams.
var responsesOperation = &operation{
	tiers: true,
	shape: Shape{
		Operation:    Responses,
		RequestPaths: responsesRequests,
		Prefix:       responsesPrefix,
		Harmless:     responsesHarmless,
		OwnTools:     ownTypedTools,
		AnswerPaths:  responsesAnswers,
		AnswerLimit:  usageLimit,
		Marks:        usageMarks,
		Events: [][]byte{
			[]byte("response.completed"), []byte("response.incomplete"), []byte("response.failed"), []byte("error"),
		},
		Done:    chatDone,
		request: responsesRequest,
		answer:  responsesAnswer,
	},
}

var responsesRequests = transport.MustPaths("model", "stream", "service_tier", "max_output_tokens", "background", "tools",
	"prompt_cache_options.ttl", "background_options.completion_window")

// compactOperation is the compaction of a conversation. It is answered at once, with a usage as a response has it.
var compactOperation = &operation{
	tiers: true,
	shape: Shape{
		Operation:    Compact,
		RequestPaths: transport.MustPaths("model", "service_tier"),
		Harmless:     compactHarmless,
		AnswerPaths:  responsesAnswers,
		AnswerLimit:  usageLimit,
		request:      commonRequest,
		answer:       responsesAnswer,
	},
}

var (
	ownTools = []string{"function", "custom"}
	// openAIClientTools run at the client. How much text they add to a request is not documented.
	openAIClientTools = []string{"local_shell", "apply_patch"}
	// openAISearches cost by the search, which the answer counts. Their preview has another price.
	openAISearches = []string{"web_search", "web_search_2025_08_26"}
)

// responsesRequest reads the request of a response.
func responsesRequest(c *Call, body *transport.Fields) {
	commonRequest(c, body)
	c.Background = isTrue(body, atBackground)
	c.Tier = windowAt(body, atCompletionWindow)
	c.TierFixed = c.Tier != ""
	c.Refers = readClientTools(c, body, ownTools, openAIClientTools, openAISearches)
	c.MaxOutput = countAt(body, atMaxOutputTokens)
}

// responsePaths are the paths of a response's members.
type responsePaths struct {
	id, model, tier, window, status, background transport.Path
	errorCode, errorType, errorMessage          transport.Path
	usage, searches, images, tools              transport.Path
}

var (
	responseTop   = responsePathsOf("")          // in an answer
	responseEvent = responsePathsOf("response.") // in an event of a stream
)

// responsePathsOf returns the paths of a response at a prefix: "response.", or "" for the document itself.
func responsePathsOf(prefix string) responsePaths {
	at := func(name string) transport.Path { return transport.PathOf(prefix + name) }
	return responsePaths{
		id: at("id"), model: at("model"), tier: at("service_tier"), status: at("status"), background: at("background"),
		errorCode: at("error.code"), errorType: at("error.type"), errorMessage: at("error.message"),
		window: at("background_options.completion_window"),
		usage:  at("usage"), searches: at("tool_usage.web_search.num_requests"), images: at("tool_usage.image_gen.output_tokens"),
		tools: at("tools"),
	}
}

// all returns the names of the paths.
func (p *responsePaths) all() []string {
	return pathNames(
		p.id, p.model, p.tier, p.window, p.status, p.background, p.errorCode, p.errorType, p.errorMessage, p.usage, p.searches, p.images,
	)
}

var (
	responsesNames   = append(append([]string{"type", "error", "code"}, responseTop.all()...), responseEvent.all()...)
	responsesAnswers = transport.MustPaths(responsesNames...)
	// responsesPolls are the members to look for in the result of an earlier call: also its tools, which the answer repeats.
	responsesPolls = transport.MustPaths(append([]string{"tools", "response.tools"}, responsesNames...)...)
)

// responsesAnswer reads a response, or an event of a stream that has one:
//
//	{"type":"response.created","response":{"id":"resp_1","status":"in_progress","service_tier":"auto","usage":null}}
//	{"type":"response.completed","response":{"id":"resp_1","status":"completed","service_tier":"default",
//		"usage":{"input_tokens":9,"output_tokens":1,"total_tokens":10}}}
func responsesAnswer(c *Call, doc *transport.Fields, a *Answer) (tier transport.Path) {
	if doc.Text(atType) == "error" {
		// {"type": "error", "error": {"code": ...}}, and by the specification {"type": "error", "code": ...}
		a.Failed = true
		if a.ErrorCode, _ = errorCode(doc); a.ErrorCode == "" {
			a.ErrorCode = identifier(doc.Text(atCode))
		}
		return 0
	}
	p := &responseTop
	if _, ok := doc.Get(responseEvent.id); ok {
		p = &responseEvent
	}
	keep(&a.ResponseID, doc, p.id)
	keepName(&a.Model, doc, p.model)
	status := readStatus(doc, p.status, p.background, a)
	for _, path := range [...]transport.Path{p.errorCode, p.errorType, p.errorMessage} {
		if raw, ok := doc.Get(path); ok && string(raw) != "null" {
			text, _ := textOf(raw)
			if a.Failed = true; path != p.errorMessage {
				a.ErrorCode = identifier(text)
			}
			break
		}
	}
	readResponseUsage(c, doc, p, a)
	if p == &responseEvent && !a.Pending && status != "" {
		a.Complete = true // completed, incomplete, failed or cancelled
	}
	if a.Pending {
		return 0 // it only repeats the request's
	}
	if _, says := doc.Get(p.window); says {
		a.window = windowAt(doc, p.window)
	} else {
		a.window = windowOf(c.Tier)
		a.WindowUnknown = foreign(c, a)
	}
	return p.tier
}

// readStatus reads the state of the provider's work, if the document has one. Gemini's interactions have the same names of
// states.
func readStatus(doc *transport.Fields, status, background transport.Path, a *Answer) string {
	text := doc.Text(status)
	if text == "" {
		return ""
	}
	a.Background = isTrue(doc, background)
	a.Pending = text == "queued" || text == "in_progress"
	a.Failed = a.Failed || text == "failed"
	return text
}

// readResponseUsage reads the usage, whose details are parts of the whole as in a chat, and what stands beside it.
func readResponseUsage(c *Call, doc *transport.Fields, p *responsePaths, a *Answer) {
	if !readUsage(c, doc, a, p.usage) {
		return
	}
	a.Running = a.Pending
	tools := c.Tools
	if foreign(c, a) {
		tools = foreignTools(doc, p.tools, ownTools, openAISearches, NoTools)
	}
	if tools > CountedTools && tools != c.Tools {
		a.Extras = maybeTools
	}
	r := countReader{doc: doc}
	if searches, ok := r.get(p.searches); ok {
		a.Usage.WebSearches = searches
	} else if tools == CountedTools {
		a.Extras = "it may also have used web searches, which are charged for, and the answer does not count"
	}
	if images, _ := r.get(p.images); images > 0 {
		a.Extras = "it also used generated images, which are charged for"
	}
	if r.problem != "" {
		a.Problem = r.problem
	}
}
