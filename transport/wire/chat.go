package wire

import (
	"bytes"
	"strings"

	"github.com/skinflint-go/skinflint/transport"
)

// Chat completions, and their relatives: text completions and embeddings.

var (
	usageMarks = [][]byte{[]byte(`"usage"`), []byte(`"error"`)}
	chatMarks  = [][]byte{[]byte(`"usage"`), []byte(`"error"`), []byte(`"x_groq"`), finishMark}
	chatDone   = []byte("[DONE]")
	finishMark = []byte(`"finish_reason"`)
)

var chatOperation = &operation{
	tiers: true, caches: true,
	shape: Shape{
		Operation: Chat, AskUsage: true,
		RequestPaths: chatRequests,
		Prefix:       chatPrefix,
		Harmless:     chatHarmless,
		OwnTools:     ownTypedTools,
		AnswerPaths:  chatAnswers,
		AnswerLimit:  usageLimit,
		Marks:        chatMarks,
		Done:         chatDone,
		Last:         finishMark,
		lateUsage:    true,
		request:      chatRequest,
		answer:       chatAnswer,
	},
}

var chatRequests = transport.MustPaths("model", "stream", "service_tier", "stream_options", "max_tokens", "max_completion_tokens",
	"n", "extra_body", "tools", "plugins", "search_parameters", "web_search_options", "prompt_cache_options.ttl")

var completionsOperation = &operation{
	shape: Shape{
		Operation: Completions, AskUsage: true,
		RequestPaths: transport.MustPaths("model", "stream", "service_tier", "stream_options", "max_tokens", "n", "best_of", "prompt"),
		Harmless:     completionsHarmless,
		AnswerPaths:  chatAnswers,
		AnswerLimit:  usageLimit,
		Marks:        chatMarks,
		Done:         chatDone,
		Last:         finishMark,
		lateUsage:    true,
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
		AnswerLimit:  usageLimit,
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

// chatAnswers are the members to look for in answers of chats, completions and embeddings.
var chatAnswers = transport.MustPaths("id", "model", "service_tier", "choices", "error", "error.code", "error.type", "error.message",
	"usage", "x_groq.usage", "x_groq.error")

// usageLimit is the longest usage that is read, in bytes. The longest recorded one has 608.
const usageLimit = 4 << 10

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
	choices, ok := doc.Get(atChoices)
	none := ok && len(choices) >= 2 && len(bytes.TrimSpace(choices[1:len(choices)-1])) == 0
	switch {
	case readUsage(c, doc, a, atUsage):
		a.Hide = none && !failed
		a.counts, a.Running, a.alone = true, !none && !failed, !doc.Has(atChoices)
	case readUsage(c, doc, a, atXGroqUsage), readChoiceUsage(c, choices, a): // Groq's, in the last chunk but one; Moonshot's
		a.counts, a.Running, a.alone = true, !failed, false
	}
	return atServiceTier
}

// choiceUsage is where Moonshot has the usage of a stream: in a choice of its last event.
var choiceUsage = memberPathOf("usage")

// readChoiceUsage reads the usage within the choices, and reports whether there is one. If several choices have one, each is
// of the whole answer.
func readChoiceUsage(c *Call, choices []byte, a *Answer) (found bool) {
	if !bytes.Contains(choices, []byte(`"usage"`)) {
		return false
	}
	for choice, err := range transport.Objects(choices, choiceUsage.paths) {
		if raw, ok := choice.Get(choiceUsage.path); err == nil && ok && raw[0] == '{' {
			found = addUsage(c, raw, a) || found
		}
	}
	return found
}
