package llmtest

import (
	"encoding/json"
	"strings"
)

// compatChat is Gemini's OpenAI-compatible endpoint. Its answers are OpenAI's with
// their keys in the order of the alphabet; its errors are Google's, in an array.
type compatChat struct{ google }

func (c compatChat) read(x *exchange, body []byte) *flaw {
	a := &x.ask
	f := a.readChat(body)
	a.provider, a.operation, a.model = "gemini", "chat", shortModel(a.model)
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return f
	}
	if a.tier == "" || a.tier == "flex" || a.tier == "priority" {
		a.served = googleTier(a.tier)
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
	a.cache, a.still = extra.Google.Cache, effort == "none"
	a.context = present(fields["tools"]) || present(fields["tool_choice"]) || instructed(a.messages)
	return f
}

// instructed says whether a system message is among messages.
func instructed(messages json.RawMessage) bool {
	var all []struct {
		Role string `json:"role"`
	}
	_ = json.Unmarshal(messages, &all) // a message of another kind is not one
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
	if f := x.vetOptions(); f != nil {
		if x.s.cfg.NoStreamOptions {
			f = unknownName("stream_options")
		}
		return c.invalid(x, f)
	}
	return c.useCache(x)
}

// The shapes of the compatible answers.
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
		Content string `json:"content"`
		Role    string `json:"role"`
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

// compatUsageOf counts what can be seen as the completion. The thoughts are in the
// total and nowhere else.
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
	if !x.ask.stream {
		message := compatMessage{strings.Join(text, ""), "assistant"}
		return answer{body: encode(c.body(g, "chat.completion",
			compatChoice{Finish: x.ask.finish(g), Message: message}, compatUsageOf(g, visible)))}
	}
	var events [][]byte
	for i, piece := range text {
		delta := compatDelta{Delta: compatMessage{piece, "assistant"}}
		if i == len(text)-1 {
			delta.Finish = x.ask.finish(g)
		}
		var u *compatUsage
		if x.ask.includeUsage {
			u = compatUsageOf(g, visible*int64(i+1)/int64(len(text)))
		}
		events = append(events, encode(c.body(g, "chat.completion.chunk", delta, u)))
	}
	failure := x.event("", encode(map[string]any{"error": c.say(x, brokenServer).words}))
	s := x.chatStream(events, failure)
	s.contentType = "text/event-stream"
	return answer{stream: s}
}

func (c compatChat) body(g Generation, object string, choice any, u *compatUsage) compatBody {
	return compatBody{
		Choices: []any{choice}, Created: g.At.Unix(), ID: g.ID, Model: g.Model, Object: object, Usage: u,
	}
}
