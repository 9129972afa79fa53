package llmtest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// generate is generateContent and streamGenerateContent, at Gemini's and at
// Vertex'.
type generate struct {
	google
	model         string
	streamed, sse bool
	ints          bool // enums are numbers
}

// generateFields are the fields of a GenerateContentRequest.
var generateFields = []string{
	"model", "contents", "systemInstruction", "tools", "toolConfig", "safetySettings",
	"generationConfig", "cachedContent", "serviceTier", "store", "labels", "modelArmorConfig",
}

// sharedType is the header that asks Vertex for a tier.
const sharedType = "X-Vertex-Ai-Llm-Shared-Request-Type"

func (c generate) read(x *exchange, body []byte) *flaw {
	a := &x.ask
	c.google.ask(x, "generateContent", c.model)
	a.stream, a.includeUsage = c.streamed, c.streamed
	fields, f := protoFields(body, generateFields)
	if c.vertex {
		a.tier = x.r.Header.Get(sharedType)
		if present(fields["serviceTier"]) {
			f = first(f, unknownName("service_tier"))
		}
	} else {
		f = first(f, scanProto(fields, []target{{"serviceTier", &a.tier}}))
	}
	if a.served = googleTier(a.tier); a.served != "" && c.regional() {
		a.served = "standard"
	}
	return first(f, a.readContents(fields))
}

// googleTier returns the tier that serves the one asked for, or "" for a tier that
// does not exist. Upper case does not exist.
func googleTier(asked string) string {
	switch asked {
	case "", "unspecified", "standard":
		return "standard"
	case "flex", "priority":
		return asked
	}
	return ""
}

// readContents reads what there is to answer, and what bounds the answer.
func (a *ask) readContents(fields map[string]json.RawMessage) *flaw {
	var contents json.RawMessage
	var config map[string]json.RawMessage
	f := scanProto(fields, []target{
		{"contents", &contents}, {"cachedContent", &a.cache}, {"generationConfig", &config},
	})
	a.about(contents)
	a.extra = besides(fields)
	a.context = present(fields["systemInstruction"]) || present(fields["tools"]) || present(fields["toolConfig"])
	f = first(f, a.readConfig(config))
	switch {
	case f != nil:
		return f
	case !present(contents):
		return unspecified("GenerateContentRequest", "contents")
	case contents[0] != '[' && contents[0] != '{':
		return badValue("contents")
	}
	return nil
}

// besides counts the tokens that come with the contents.
func besides(fields map[string]json.RawMessage) int64 {
	return int64(len(fields["systemInstruction"])+len(fields["tools"])) / 4
}

// readConfig reads a generationConfig. Its limit holds for thoughts as well.
func (a *ask) readConfig(raw map[string]json.RawMessage) *flaw {
	if raw == nil {
		return nil
	}
	config, _ := protoFields(encode(raw), nil)
	var most *int64
	var thinking map[string]json.RawMessage
	f := scanProto(config, []target{{"maxOutputTokens", &most}, {"thinkingConfig", &thinking}})
	if thinking != nil {
		thinking, _ = protoFields(encode(thinking), nil)
		var budget *int64
		f = first(f, scanProto(thinking, []target{{"thinkingBudget", &budget}}))
		a.still = budget != nil && *budget == 0
	}
	if most != nil && *most < 1 {
		return first(f, badValue("generation_config.max_output_tokens"))
	}
	return first(f, a.limit("maxOutputTokens", most))
}

// vet looks at the cache: it has to be there, to fit, and to be all the context.
func (c generate) vet(x *exchange) *apiError {
	return c.useCache(x)
}

func (c generate) work(x *exchange) answer {
	g := x.bill("")
	text := x.text(g)
	if !c.streamed {
		var whole strings.Builder
		for _, piece := range text {
			whole.WriteString(piece)
		}
		return answer{body: append(indented(c.chunk(x, g, whole.String(), g.Completion-g.Reasoning, true)), '\n')}
	}
	return answer{stream: c.stream(x, g, text)}
}

// stream has a chunk for each piece of the text, and says in each how much has
// been counted so far.
func (c generate) stream(x *exchange, g Generation, text []string) *stream {
	s := &stream{contentType: "application/json; charset=UTF-8"}
	if c.sse {
		s.contentType = "text/event-stream"
	}
	visible := g.Completion - g.Reasoning
	for i, piece := range text {
		n, last := int64(len(text)), i == len(text)-1
		so := visible * int64(i+1) / n
		s.frames = append(s.frames, c.frame(c.chunk(x, g, piece, so, last), i, last))
	}
	s.failure = func(n int) [][]byte { return [][]byte{c.broken(x, n)} }
	return s
}

// frame frames the i-th chunk of a stream. Its lines end in \r\n, whatever the
// Config says.
func (c generate) frame(chunk []byte, i int, last bool) []byte {
	if c.sse {
		return []byte("data: " + string(spaced(chunk)) + "\r\n\r\n")
	}
	return element(indented(chunk), i, last)
}

// broken is the error that ends a stream after n chunks. Among server-sent events
// it is bare: it has no "data:".
func (c generate) broken(x *exchange, n int) []byte {
	words := encode(map[string]any{"error": c.say(x, brokenServer).words})
	if c.sse {
		return append(spaced(words), "\r\n\r\n"...)
	}
	return element(indented(words), n, true)
}

// chunk is one answer, or one part of a streamed one, whose candidate has so many
// tokens by now.
func (c generate) chunk(x *exchange, g Generation, text string, candidates int64, last bool) []byte {
	return encode(generateBody{
		Candidates: []any{c.candidate(text, c.finish(x, g, last))},
		Usage:      c.usage(g, candidates, last),
		Model:      g.Model,
		Created:    c.created(g),
		ID:         g.ID,
	})
}

// created is when a Vertex answer was begun.
func (c generate) created(g Generation) string {
	if !c.vertex {
		return ""
	}
	return g.At.UTC().Format(microseconds)
}

const microseconds = "2006-01-02T15:04:05.000000Z07:00"

// finish is why the candidate came to its end, or nil if it did not yet.
func (c generate) finish(x *exchange, g Generation, last bool) any {
	reason, number := "STOP", 1
	if x.ask.cutShort(g) {
		reason, number = "MAX_TOKENS", 2
	}
	switch {
	case !last:
		return nil
	case c.ints:
		return number
	}
	return reason
}

// head adds the tier that served, which Gemini sends with answers and with 429s.
func (c generate) head(x *exchange, h http.Header, status int) {
	c.google.head(x, h, status)
	if !c.vertex && x.ask.served != "" && (status == http.StatusOK || status == http.StatusTooManyRequests) {
		h.Set("X-Gemini-Service-Tier", x.ask.served)
	}
	if status == http.StatusOK && c.sse {
		h.Set("Content-Disposition", "attachment")
	}
}

// countTokens costs nothing and is under no limit.
type countTokens struct {
	google
	model string
	ints  bool
}

func (c countTokens) read(x *exchange, body []byte) *flaw {
	c.google.ask(x, "countTokens", c.model)
	x.ask.unlimited = true
	fields, f := protoFields(body, nil)
	if inner := fields["generateContentRequest"]; present(inner) {
		fields, f = protoFields(inner, nil)
	}
	return first(f, x.ask.readContents(fields))
}

func (c countTokens) work(x *exchange) answer {
	n := x.ask.prompt()
	b := countBody{Total: n, Details: modalities(n, c.ints)}
	if c.vertex {
		b.Characters = 4 * n
	}
	return answer{body: append(indented(encode(b)), '\n')}
}
