package wire

import (
	"bytes"
	"strings"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
)

// Chat completions, and their relatives: text completions and embeddings.

var (
	usageMarks = [][]byte{[]byte(`"usage"`), []byte(`"error"`)}
	chatDone   = []byte("[DONE]")
	finishMark = []byte(`"finish_reason"`)
)

var chatOperation = &operation{
	tiers: true, caches: true,
	shape: Shape{
		Operation: Chat, AskUsage: true,
		RequestPaths: transport.MustPaths("model", "stream", "service_tier", "stream_options", "max_tokens", "max_completion_tokens",
			"n", "extra_body", "tools", "plugins", "search_parameters", "web_search_options", "prompt_cache_options.ttl"),
		Harmless:    chatHarmless,
		AnswerPaths: chatAnswers,
		Marks:       [][]byte{[]byte(`"usage"`), []byte(`"error"`), []byte(`"x_groq"`)},
		Done:        chatDone,
		Last:        finishMark,
		request:     chatRequest,
		answer:      chatAnswer,
	},
}

var completionsOperation = &operation{
	shape: Shape{
		Operation: Completions, AskUsage: true,
		RequestPaths: transport.MustPaths("model", "stream", "service_tier", "stream_options", "max_tokens", "n", "best_of", "prompt"),
		Harmless:     completionsHarmless,
		AnswerPaths:  chatAnswers,
		Marks:        usageMarks,
		Done:         chatDone,
		Last:         finishMark,
		request:      completionsRequest,
		answer:       chatAnswer,
	},
}

var embeddingsOperation = &operation{
	shape: Shape{
		Operation: Embeddings, NoOutput: true,
		RequestPaths: transport.MustPaths("model", "service_tier"),
		Harmless:     embeddingsHarmless,
		AnswerPaths:  chatAnswers,
		request:      func(c *Call, body *transport.Fields) { c.Model = modelOf(body, c.Model) },
		answer:       chatAnswer,
	},
}

// chatTools are the types of tools that are the program's own. Some providers need no type.
var chatTools = []string{"", "function", "custom"}

// chatRequest reads the request of a chat completion.
func chatRequest(c *Call, body *transport.Fields) {
	commonRequest(c, body)
	readTools(c, body, "type", chatTools, nil)
	if present(body, atWebSearchOptions) || present(body, atPlugins) {
		c.Tools = PaidTools
	}
	if present(body, atSearchParameters) {
		c.Fees = PaidTools // xAI's answers say what was searched
	}
}

// commonRequest reads what chat completions, text completions and responses have in common. Members that an operation does
// not look for are not there.
func commonRequest(c *Call, body *transport.Fields) {
	c.Model = modelOf(body, c.Model)
	if ttl, there := body.Look(atPromptCacheOptionsTTL); there && string(ttl) != "null" {
		c.ttl = string(ttl)
	}
	if strings.Contains(c.Model, "-search") {
		c.Tools = PaidTools
	}
	c.Stream = isTrue(body, atStream)
	if options, ok := body.Get(atStreamOptions); ok && c.Stream {
		_, c.Usage = includeUsage.in(options)
	}
	c.MaxOutput = countAt(body, atMaxTokens, atMaxCompletionTokens)
	c.Choices = choicesAt(body, atN, atBestOf)
}

// completionsRequest also reads the prompt, of which there may be several.
func completionsRequest(c *Call, body *transport.Fields) {
	commonRequest(c, body)
	if prompt, there := body.Look(atPrompt); there && (len(prompt) == 0 || prompt[0] == '[') {
		c.Choices = 0 // each of several prompts gets its own answers
	}
}

var includeUsage = memberPathOf("include_usage")

// editUsage asks for a stream's usage, unless the caller said anything about it. Other options stay:
//
//	"stream_options": {"include_obfuscation": false}  ->  {"include_usage": true, "include_obfuscation": false}
func editUsage(c *Call, body *transport.Fields, w Want, e *Edits) {
	if !w.Usage || !c.AskUsage || !c.Stream || c.Usage {
		return
	}
	options, ok := body.Get(atStreamOptions)
	if !ok && body.Has(atStreamOptions) {
		return // too long for an object of options
	}
	value := `{"include_usage":true}`
	if ok && string(options) != "null" {
		if value, ok = includeUsage.setIn(options, "true"); !ok {
			return // no object: the provider will reject it
		}
	}
	e.Body = append(e.Body, transport.Edit{Path: "stream_options", Value: value})
	e.HideUsage = true
}

// usagePaths are the paths of a usage object as a chat has it.
type usagePaths struct {
	prompt, completion, total     transport.Path
	cached, hit, number           transport.Path // cached tokens: at OpenAI, DeepSeek, and others
	written, audioIn, seconds     transport.Path
	reasoning, audioOut, imageOut transport.Path

	needsPrompt bool // without prompt_tokens it is another kind of usage
}

var (
	chatUsagePaths = usagePathsOf("usage.")
	groqUsagePaths = usagePathsOf("x_groq.usage.") // Groq sends it there in the last chunk but one of a stream
)

// usagePathsOf returns the paths of a usage object at a prefix: "usage.".
func usagePathsOf(prefix string) usagePaths {
	at := func(name string) transport.Path { return transport.PathOf(prefix + name) }
	return usagePaths{
		prompt: at("prompt_tokens"), completion: at("completion_tokens"), total: at("total_tokens"),
		cached: at("prompt_tokens_details.cached_tokens"), hit: at("prompt_cache_hit_tokens"), number: at("num_cached_tokens"),
		written: at("prompt_tokens_details.cache_write_tokens"), audioIn: at("prompt_tokens_details.audio_tokens"),
		seconds:   at("prompt_audio_seconds"),
		reasoning: at("completion_tokens_details.reasoning_tokens"),
		audioOut:  at("completion_tokens_details.audio_tokens"), imageOut: at("completion_tokens_details.image_tokens"),
	}
}

// all returns the names of the paths.
func (p *usagePaths) all() []string {
	return pathNames(
		p.prompt, p.completion, p.total, p.cached, p.hit, p.number, p.written, p.audioIn, p.seconds, p.reasoning, p.audioOut, p.imageOut,
	)
}

// chatAnswers are the members to look for in answers of chats, completions and embeddings: OpenAI's own, and those that
// other providers add.
var chatAnswers = withUnknownCounts(transport.MustPaths(append(append([]string{
	"id", "model", "service_tier", "choices", "error", "error.code", "error.type", "error.message",
	"usage.service_tier",                  // Mistral
	"usage.cost", "usage.cost.total_cost", // OpenRouter; Perplexity
	"usage.estimated_cost",                              // DeepInfra
	"usage.is_byok",                                     // OpenRouter
	"usage.prompt_tokens_details.image_tokens",          // xAI
	"usage.cost_in_usd_ticks", "usage.num_sources_used", // xAI
	"usage.num_server_side_tools_used",
	"usage.extra_properties.google.traffic_type", // Vertex AI's OpenAI-compatible API
	"x_groq.error",
}, chatUsagePaths.all()...), groqUsagePaths.all()...)...))

// chatAnswer reads an answer, or an event of a stream. The usage of a stream is in the event before [DONE]. That event has no
// choices, and is hidden from a caller who did not ask for it:
//
//	{"id":"chatcmpl-1","model":"gpt-5","service_tier":"default","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1,
//		"total_tokens":10,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":1}}}
func chatAnswer(c *Call, doc *transport.Fields, a *Answer) (tier transport.Path) {
	keep(&a.ResponseID, doc, atID)
	keepName(&a.Model, doc, atModel)
	code, failed := errorCode(doc)
	if failed {
		a.Failed, a.ErrorCode = true, code
	}
	if raw, ok := doc.Get(atXGroqError); ok && string(raw) != "null" {
		text, _ := textOf(raw)
		a.Failed, a.ErrorCode = true, identifier(text)
	}
	found := readChatUsage(doc, &chatUsagePaths, c.NoOutput, a)
	if found {
		priceWrites(c, a)
		noteUnknownCount(doc, a)
	} else {
		readChatUsage(doc, &groqUsagePaths, false, a)
	}
	readCost(doc, atUsageEstimatedCost, a)
	readCost(doc, atUsageCost, a)
	readTicks(doc, atUsageCostInUSDTicks, a)
	choices, ok := doc.Get(atChoices)
	a.Hide = found && !failed && ok && len(choices) >= 2 && len(bytes.TrimSpace(choices[1:len(choices)-1])) == 0
	return atServiceTier
}

// chatCounts are the counts of a usage object as it has them.
type chatCounts struct {
	prompt, cached, written, audioIn               int64 // the last three are parts of the first
	completion, reasoning, audioOut, imageOut      int64 // so are these, but reasoning may stand apart
	total                                          int64
	hasPrompt, hasCompletion, hasTotal, hasSeconds bool
}

// readChatUsage turns OpenAI's counts into counts that do not overlap. The cached tokens, the cache writes and the audio are
// parts of prompt_tokens; the reasoning, the audio and the images are parts of completion_tokens. An embedding has no output.
func readChatUsage(doc *transport.Fields, paths *usagePaths, noOutput bool, a *Answer) (found bool) {
	r := countReader{doc: doc}
	var n chatCounts
	n.prompt, n.hasPrompt = r.get(paths.prompt)
	n.completion, n.hasCompletion = r.get(paths.completion)
	n.total, n.hasTotal = r.get(paths.total)
	if !n.hasPrompt && (paths.needsPrompt || !n.hasCompletion && !n.hasTotal && r.problem == "") {
		return false
	}
	n.cached = r.first(paths.cached, paths.hit, paths.number)
	n.written, _ = r.get(paths.written)
	n.audioIn, _ = r.get(paths.audioIn)
	n.reasoning, _ = r.get(paths.reasoning)
	n.audioOut, _ = r.get(paths.audioOut)
	n.imageOut, _ = r.get(paths.imageOut)
	seconds, ok := doc.Get(paths.seconds)
	n.hasSeconds = ok && len(seconds) > 0 && seconds[0] >= '0' && seconds[0] <= '9'
	if !n.hasPrompt || !n.hasCompletion && !noOutput {
		r.wrong("usage lacks prompt_tokens or completion_tokens")
	}
	a.Usage = n.usage(&r)
	a.HasUsage, a.Problem = true, r.problem
	return true
}

// usage returns the counts without overlap; r gets what is wrong with them. If the total is more than prompt and completion
// together, the provider counts the rest separately: audio at Mistral; reasoning at xAI and at Google's OpenAI-compatible
// API. More reasoning than completion tokens, which some gateways report, is also counted separately.
func (n *chatCounts) usage(r *countReader) price.Usage {
	prompt, audioIn, output := n.prompt, n.audioIn, n.completion
	switch apart := n.total - n.prompt - n.completion; {
	case !n.hasTotal || apart == 0:
	case apart < 0:
		r.wrong("usage.total_tokens is less than its parts")
	case apart == n.audioIn || n.hasSeconds:
		prompt, audioIn = prompt+apart, apart
	default:
		output += apart
	}
	if n.reasoning > output {
		output = n.completion + n.reasoning
	}
	if n.audioOut+n.imageOut > output {
		r.wrong("usage.completion_tokens_details has more audio and image tokens than the output")
	}
	if audioIn > 0 && n.cached+n.written+audioIn > prompt {
		r.wrong("usage does not say how much of the audio was cached")
	}
	text := max(0, output-n.audioOut-n.imageOut)
	return price.Usage{
		// Some hosts report more cached tokens than prompt tokens; they bill the cached ones and nothing fresh.
		Input:       max(0, prompt-n.cached-n.written-audioIn),
		CachedInput: n.cached, CacheWrite: n.written, AudioInput: audioIn,
		Output: text, AudioOutput: n.audioOut, ImageOutput: n.imageOut,
		Reasoning: min(max(n.reasoning, output-n.completion), text),
	}
}

// priceWrites moves the tokens that were written to a cache to the count with the price of their time to live. GPT-6.1 has
// a longer one.
func priceWrites(c *Call, a *Answer) {
	u := &a.Usage
	switch c.ttl {
	case "", `"30m"`:
	case `"12h"`:
		u.CacheWrite12h, u.CacheWrite = u.CacheWrite, 0
	default:
		if u.CacheWrite > 0 {
			a.Extras = "it wrote to a cache for a time whose price is not known"
		}
	}
}
