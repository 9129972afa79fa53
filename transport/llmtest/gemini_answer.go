package llmtest

import "encoding/json"

func (c generate) work(x *exchange) answer {
	g := x.bill("")
	text, calls := x.text(g), functionCalls(x.script.calls)
	if !c.streamed {
		if all := joined(text); all != nil {
			calls = append([]part{{Text: *all}}, calls...)
		}
		return answer{body: append(indented(c.chunk(x, g, calls, g.Completion-g.Reasoning, true)), '\n')}
	}
	var chunks [][]part
	for _, piece := range text {
		chunks = append(chunks, []part{{Text: piece}})
	}
	if calls != nil {
		chunks = append(chunks, calls)
	}
	return answer{stream: c.stream(x, g, chunks)}
}

// functionCalls returns the parts with the tool calls.
func functionCalls(calls []ToolCall) (parts []part) {
	for _, c := range calls {
		parts = append(parts, part{Call: &functionCall{c.ID, c.Name, json.RawMessage(c.Arguments)}})
	}
	return parts
}

// stream returns a stream with a chunk for each list of parts. Each chunk has the usage so far.
func (c generate) stream(x *exchange, g Generation, chunks [][]part) *stream {
	s := &stream{contentType: "application/json; charset=UTF-8"}
	if c.sse {
		s.contentType = "text/event-stream"
	}
	visible := g.Completion - g.Reasoning
	for i, parts := range chunks {
		last := i == len(chunks)-1
		written := visible * int64(i+1) / int64(len(chunks))
		s.frames = append(s.frames, c.frame(c.chunk(x, g, parts, written, last), i, last))
	}
	s.failure = func(n int) [][]byte { return [][]byte{c.failureFrame(x, n)} }
	return s
}

// frame returns the i-th chunk as bytes of the stream. Lines always end with \r\n.
func (c generate) frame(chunk []byte, i int, last bool) []byte {
	if c.sse {
		return sseEvent("", spaced(chunk), true)
	}
	return element(indented(chunk), i, last)
}

// failureFrame returns the error that ends a stream after n chunks. In a stream of server-sent
// events it has no "data:" before it.
func (c generate) failureFrame(x *exchange, n int) []byte {
	body := encode(map[string]any{"error": c.errorFor(x, reasonServerError).value})
	if c.sse {
		return append(spaced(body), "\r\n\r\n"...)
	}
	return element(indented(body), n, true)
}

// chunk returns a response, or one part of a stream. candidates is the number of tokens that
// have been written so far, without thoughts.
func (c generate) chunk(x *exchange, g Generation, parts []part, candidates int64, last bool) []byte {
	return encode(generateBody{
		Candidates: []any{c.candidate(parts, c.finish(x, g, last), last && len(x.script.calls) > 0)},
		Usage:      c.usage(g, candidates, last),
		Model:      g.Model,
		Created:    c.created(g),
		ID:         g.ID,
	})
}

// created returns the time of a response of Vertex, "" for Gemini.
func (c generate) created(g Generation) string {
	if !c.vertex {
		return ""
	}
	return g.At.UTC().Format(microseconds)
}

// finish returns the reason for the end of the candidate, or nil if there is more to come.
func (c generate) finish(x *exchange, g Generation, last bool) any {
	reason, number := "STOP", 1
	if len(x.script.calls) == 0 && x.params.cutShort(g) {
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

// candidate returns the candidate of a response or chunk. The order of its fields differs
// between Gemini and Vertex. Gemini says in words that it ended with tool calls.
func (c generate) candidate(parts []part, finish any, called bool) any {
	if c.vertex {
		return vertexCandidate{Content: vertexContent{"model", parts}, Finish: finish}
	}
	message := ""
	if called {
		message = "Model generated function call(s)."
	}
	return geminiCandidate{Content: geminiContent{parts, "model"}, Finish: finish, Message: message}
}

// trafficTypes are Vertex' names for the tiers.
var trafficTypes = map[string]string{
	"standard": "ON_DEMAND", "flex": "ON_DEMAND_FLEX", "priority": "ON_DEMAND_PRIORITY",
}

// usage returns the usage after candidates tokens have been written. All thoughts come
// before those. Vertex sends tokens only in the last chunk, and the traffic type in each.
func (c generate) usage(g Generation, candidates int64, last bool) usageMeta {
	if c.vertex && !last {
		return usageMeta{Traffic: trafficTypes[g.Tier]}
	}
	u := usageMeta{
		Prompt: g.Prompt, Candidates: candidates, Total: g.Prompt + candidates + g.Reasoning, Cached: g.Cached,
		PromptDetails: modalities(g.Prompt, c.ints), CacheDetails: modalities(g.Cached, c.ints),
		Thoughts: g.Reasoning,
	}
	if !c.vertex {
		// The numbers of these enums are not documented.
		if !c.ints {
			u.Tier = g.Tier
		}
		return u
	}
	u.Traffic, u.CandidateDetails = trafficTypes[g.Tier], modalities(candidates, c.ints)
	if g.Cache != "" {
		u.CacheDetails = nil
	}
	return u
}
