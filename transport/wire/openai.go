package wire

import (
	"bytes"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// OpenAI is the dialect of OpenAI's own API: chat completions. A host that no other dialect knows, such as a test
// server or a gateway, is taken for OpenAI when it is asked for a path of OpenAI's shape.
//
// Sources: OpenAI's OpenAPI description of 2026-08-21; its flex, rate limit and error code guides.
type OpenAI struct{}

var chatRequestPaths = transport.MustPaths("model", "stream", "service_tier", "stream_options", "max_tokens", "max_completion_tokens", "n")

var chatAnswerPaths = transport.MustPaths("id", "model", "service_tier", "choices",
	"usage.prompt_tokens", "usage.completion_tokens", "usage.total_tokens",
	"usage.prompt_tokens_details.cached_tokens", "usage.prompt_tokens_details.cache_write_tokens",
	"usage.prompt_tokens_details.audio_tokens",
	"usage.completion_tokens_details.reasoning_tokens", "usage.completion_tokens_details.audio_tokens",
	"error.code", "error.type", "error.message")

var (
	chatMarks = [][]byte{[]byte(`"usage"`), []byte(`"error"`)}
	chatDone  = []byte("[DONE]")
)

// chatCall is what a chat completion is before its body is known.
func chatCall(provider string) Call {
	return Call{
		Provider: provider, Operation: Chat, MaxOutput: -1,
		RequestPaths: chatRequestPaths, AnswerPaths: chatAnswerPaths, Marks: chatMarks, Done: chatDone,
	}
}

// Recognise takes POSTs to a path that ends in /chat/completions.
func (OpenAI) Recognise(method string, u *url.URL) (Call, bool) {
	if method != http.MethodPost || !strings.HasSuffix(u.Path, "/chat/completions") {
		return Call{}, false
	}
	c := chatCall("openai")
	c.Tiers, c.AskUsage = true, true
	// eu.api.openai.com and us.api.openai.com process in their region, for which newer models cost 10 % more.
	c.Regional = strings.HasSuffix(strings.ToLower(u.Hostname()), ".api.openai.com")
	return c, true
}

// Request reads model, tier, stream and its options, and the output limit.
func (OpenAI) Request(c *Call, body *transport.Fields) {
	chatRequest(c, body)
	c.Tier = openAITier(body, "service_tier")
}

func chatRequest(c *Call, body *transport.Fields) {
	c.Model = printable(body.Text("model"))
	stream, _ := body.Get("stream")
	c.Stream = string(stream) == "true"
	if options, ok := body.Get("stream_options"); ok && c.Stream {
		_, c.Usage = member(options, usageOption, "include_usage")
	}
	for _, path := range []string{"max_tokens", "max_completion_tokens"} {
		if raw, ok := body.Get(path); ok {
			if n, ok := count(raw); ok {
				c.MaxOutput = max(c.MaxOutput, n)
			}
		}
	}
	if raw, ok := body.Get("n"); ok {
		var ok bool
		if c.Choices, ok = count(raw); !ok && string(raw) != "null" {
			c.Choices = -1
		}
	}
}

// openAITier turns OpenAI's name of a tier into a policy's. "fast" is an alias: the answer then says "priority".
func openAITier(doc *transport.Fields, path string) policy.Tier {
	raw, _ := doc.Get(path)
	switch string(raw) {
	case `"default"`:
		return policy.Standard
	case `"flex"`:
		return policy.Flex
	case `"priority"`, `"fast"`:
		return policy.Priority
	case `"auto"`:
		return "auto"
	}
	name, _ := transport.Unquote(raw)
	return policy.Tier(printable(name))
}

// openAIName is a tier's name on OpenAI's wire, as JSON. "auto", or none at all, is whatever the project is set to;
// "default" is the certain standard tier.
func openAIName(t policy.Tier) string {
	switch t {
	case policy.Standard:
		return `"default"`
	case policy.Flex:
		return `"flex"`
	case policy.Priority:
		return `"priority"`
	}
	return strconv.Quote(string(t))
}

// Edit sets or removes service_tier, and asks for a stream's usage.
func (OpenAI) Edit(c *Call, body *transport.Fields, w Want, e *Edits) {
	if c.Tiers && w.Tier != c.Tier {
		edit := transport.Edit{Path: "service_tier"}
		if edit.Remove = w.Tier == ""; !edit.Remove {
			edit.Value = openAIName(w.Tier)
		}
		e.Body = append(e.Body, edit)
	}
	editUsage(c, body, w, e)
}

var usageOption = transport.MustPaths("include_usage")

// editUsage asks for a stream's usage, unless the caller said anything about it.
func editUsage(c *Call, body *transport.Fields, w Want, e *Edits) {
	if !w.Usage || !c.AskUsage || !c.Stream || c.Usage {
		return
	}
	options, ok := body.Get("stream_options")
	value := `{"include_usage":true}`
	if ok && string(options) != "null" {
		var s transport.Scanner
		fields, err := s.Scan(options, usageOption)
		if err != nil {
			return // not an object: for the provider to refuse
		}
		merged, err := fields.Splice(transport.Edit{Path: "include_usage", Value: "true"})
		if err != nil {
			return
		}
		value = string(merged)
	}
	e.Body = append(e.Body, transport.Edit{Path: "stream_options", Value: value})
	e.HideUsage = true
}

// Headers reads the request id.
func (OpenAI) Headers(_ *Call, h http.Header, a *Answer) {
	a.RequestID = printable(h.Get("X-Request-Id"))
}

// Answer reads id, model, tier and usage of a chat completion, or of a chunk of one.
func (OpenAI) Answer(c *Call, doc *transport.Fields, a *Answer) {
	chatAnswer(c, doc, a)
	if tier := openAITier(doc, "service_tier"); tier != "" {
		a.Tier = tier
	}
}

func chatAnswer(c *Call, doc *transport.Fields, a *Answer) {
	if id := textLike(doc, "id", a.ResponseID); id != "" {
		a.ResponseID = printable(id)
	}
	if model := textLike(doc, "model", c.Model); model != "" {
		a.Model = printable(model)
	}
	code, failed := errorCode(doc)
	if failed {
		a.Failed, a.ErrorCode = true, code
	}
	found := chatUsage(doc, a)
	choices, ok := doc.Get("choices")
	a.Hide = found && !failed && ok && len(choices) >= 2 && len(bytes.TrimSpace(choices[1:len(choices)-1])) == 0
}

// errorCode returns the code of the document's error object, or its type.
func errorCode(doc *transport.Fields) (string, bool) {
	found := false
	for _, path := range []string{"error.code", "error.type", "error.message"} {
		raw, ok := doc.Get(path)
		if !ok || string(raw) == "null" {
			continue
		}
		found = true
		if path == "error.message" {
			break
		}
		if text, ok := Text(raw); ok {
			return identifier(text), true
		}
	}
	return "", found
}

// chatUsage turns OpenAI's counting into disjoint counts: of prompt_tokens, cached tokens, cache writes and audio are
// parts; of completion_tokens, reasoning and audio. Where total_tokens is larger than both together, the rest is
// reasoning that the provider counts apart: Google's compatible face and xAI do.
func chatUsage(doc *transport.Fields, a *Answer) (found bool) {
	r := countReader{doc: doc}
	prompt, hasPrompt := r.get("usage.prompt_tokens")
	completion, hasCompletion := r.get("usage.completion_tokens")
	total, hasTotal := r.get("usage.total_tokens")
	if !hasPrompt && !hasCompletion && !hasTotal && r.problem == "" {
		return false
	}
	cached, _ := r.get("usage.prompt_tokens_details.cached_tokens")
	written, _ := r.get("usage.prompt_tokens_details.cache_write_tokens")
	audioIn, _ := r.get("usage.prompt_tokens_details.audio_tokens")
	reasoning, _ := r.get("usage.completion_tokens_details.reasoning_tokens")
	audioOut, _ := r.get("usage.completion_tokens_details.audio_tokens")
	if r.problem == "" && (!hasPrompt || !hasCompletion) {
		r.problem = "usage lacks prompt_tokens or completion_tokens"
	}
	output := completion
	switch {
	case hasTotal && total > prompt+completion:
		output = total - prompt
	case hasTotal && total < prompt+completion && r.problem == "":
		r.problem = "usage.total_tokens is less than its parts"
	}
	if audioOut > output && r.problem == "" {
		r.problem = "usage.completion_tokens_details.audio_tokens is more than the output"
	}
	if audioIn > 0 && cached+written+audioIn > prompt && r.problem == "" {
		r.problem = "usage does not say how much of the audio was cached"
	}
	u := &a.Usage
	*u = zeroUsage
	// Some hosts report more cached tokens than prompt tokens; they bill the cached ones and nothing fresh.
	u.Input = max(0, prompt-cached-written-audioIn)
	u.CachedInput, u.CacheWrite, u.AudioInput = cached, written, audioIn
	u.Output, u.AudioOutput = max(0, output-audioOut), audioOut
	u.Reasoning = min(max(reasoning, output-completion), output)
	a.HasUsage, a.Problem = true, r.problem
	return true
}

// Refusal reads OpenAI's error object.
func (OpenAI) Refusal(_ *Call, status int, h http.Header, body []byte, now time.Time) Refusal {
	return openAIRefusal(status, h, body, now)
}
