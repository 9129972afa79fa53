package llmtest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// routeCompat returns the face for Gemini's OpenAI-compatible endpoint, or nil.
func routeCompat(r *http.Request, path string) face {
	if r.Method == http.MethodPost &&
		(strings.HasSuffix(path, "/v1beta/openai/chat/completions") || strings.HasSuffix(path, "/v1beta/chat/completions")) {
		return compatChat{google{layout: layoutLine}}
	}
	return nil
}

// compatChat is Gemini's OpenAI-compatible endpoint. Its responses are OpenAI's with the
// fields in alphabetical order. Its errors are Google's, in an array.
type compatChat struct{ google }

func (c compatChat) read(x *exchange, body []byte) *flaw {
	p := &x.params
	f := p.readChat(body)
	p.provider, p.operation, p.model = "gemini", "chat", shortName(p.model)
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return f
	}
	if p.tier == "" || p.tier == "flex" || p.tier == "priority" {
		p.servedTier = googleTier(p.tier)
	}
	if present(fields["google"]) {
		f = first(f, unknownName("google"))
	}
	var extra struct {
		Google struct {
			Cache string `json:"cached_content"`
		} `json:"google"`
	}
	var effort string
	f = first(f, scan(fields, []target{{"extra_body", &extra}, {"reasoning_effort", &effort}}))
	p.cache, p.noThinking = extra.Google.Cache, effort == "none"
	p.ownContext = present(fields["tools"]) || present(fields["tool_choice"]) || hasSystemMessage(p.content)
	return f
}

// hasSystemMessage reports whether a system message is among the messages.
func hasSystemMessage(messages json.RawMessage) bool {
	var all []struct {
		Role string `json:"role"`
	}
	_ = json.Unmarshal(messages, &all) // what has another type is no system message
	for _, m := range all {
		if m.Role == "system" || m.Role == "developer" {
			return true
		}
	}
	return false
}

func (c compatChat) invalid(_ *exchange, f *flaw) *apiError {
	return c.badArgument(f.message)
}

func (c compatChat) vet(x *exchange) *apiError {
	if f := vetStreamOptions(x); f != nil {
		if x.cfg.NoStreamOptions {
			f = unknownName("stream_options")
		}
		return c.invalid(x, f)
	}
	return c.useCache(x)
}

// The bodies of the endpoint's responses.
type (
	compatBody struct {
		Choices []any        `json:"choices"`
		Created int64        `json:"created"`
		ID      string       `json:"id"`
		Model   string       `json:"model"`
		Object  string       `json:"object"`
		Usage   *compatUsage `json:"usage,omitempty"`
	}
	compatChoice struct {
		Finish  string        `json:"finish_reason"`
		Index   int           `json:"index"`
		Message compatMessage `json:"message"`
	}
	compatDelta struct {
		Delta  compatMessage `json:"delta"`
		Finish string        `json:"finish_reason,omitempty"`
		Index  int           `json:"index"`
	}
	compatMessage struct {
		Content   *string      `json:"content,omitempty"`
		Role      string       `json:"role"`
		ToolCalls []sortedCall `json:"tool_calls,omitempty"`
	}
	compatUsage struct {
		Completion int64          `json:"completion_tokens"`
		Prompt     int64          `json:"prompt_tokens"`
		Details    *compatDetails `json:"prompt_tokens_details,omitempty"`
		Total      int64          `json:"total_tokens"`
	}
	compatDetails struct {
		Cached int64 `json:"cached_tokens"`
	}
)

// compatUsageOf returns the usage after completion tokens have been written. Thoughts are
// only in the total.
func compatUsageOf(g Generation, completion int64) *compatUsage {
	u := &compatUsage{Completion: completion, Prompt: g.Prompt, Total: g.Prompt + completion + g.Reasoning}
	if g.Cached > 0 {
		u.Details = &compatDetails{g.Cached}
	}
	return u
}

func (c compatChat) work(x *exchange) answer {
	g := x.bill("")
	text := x.text(g)
	visible := g.Completion - g.Reasoning
	if !x.params.stream {
		message := compatMessage{joined(text), "assistant", sortedCalls(x.script.calls)}
		return answer{body: encode(c.body(g, "chat.completion",
			compatChoice{Finish: x.finish(g), Message: message}, compatUsageOf(g, visible)))}
	}
	var messages []compatMessage
	for _, piece := range text {
		messages = append(messages, compatMessage{Content: &piece, Role: "assistant"})
	}
	if calls := sortedCalls(x.script.calls); calls != nil { // whole, as Gemini sends them
		for i := range calls {
			calls[i].Index = &i
		}
		messages = append(messages, compatMessage{Role: "assistant", ToolCalls: calls})
	}
	var events [][]byte
	for i, m := range messages {
		delta := compatDelta{Delta: m}
		if i == len(messages)-1 {
			delta.Finish = x.finish(g)
		}
		var u *compatUsage
		if x.params.includeUsage {
			u = compatUsageOf(g, visible*int64(i+1)/int64(len(messages)))
		}
		events = append(events, encode(c.body(g, "chat.completion.chunk", delta, u)))
	}
	failure := x.event("", encode(map[string]any{"error": c.errorFor(x, reasonServerError).value}))
	s := x.chatStream(events, failure)
	s.contentType = "text/event-stream"
	return answer{stream: s}
}

func (c compatChat) body(g Generation, object string, choice any, u *compatUsage) compatBody {
	return compatBody{
		Choices: []any{choice}, Created: g.At.Unix(), ID: g.ID, Model: g.Model, Object: object, Usage: u,
	}
}
