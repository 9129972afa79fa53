package llmtest

import "encoding/json"

// openAIResponses is POST .../responses.
type openAIResponses struct{ openAI }

func (openAIResponses) read(x *exchange, body []byte) *flaw {
	if f := readOpenAIResponse(x, body); f != nil {
		return f
	}
	return readOpenAIPrompt(x, x.fields, "input", "input_text")
}

// readOpenAIResponse reads the request of a response as OpenAI and Azure do.
func readOpenAIResponse(x *exchange, body []byte) *flaw {
	p := &x.params
	p.provider, p.operation = "openai", "responses"
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return notJSON()
	}
	var most *int64
	f := scan(fields, []target{
		{"model", &p.model}, {"service_tier", &p.tier}, {"stream", &p.stream},
		{"max_output_tokens", &most}, {"background", &x.background},
	})
	f = first(f, p.readStreamOptions(fields))
	p.servedTier = openAITier(p.tier)
	p.includeUsage = p.stream // it is always there
	p.setContent(fields["input"])
	p.extraTokens = int64(len(fields["instructions"]) / 4)
	x.fields = fields
	f = first(f, p.boundOutput("max_output_tokens", most))
	return first(f, p.require("input", '[', '"'))
}

// vet rejects include_usage, which the stream_options of this API do not have.
func (o openAIResponses) vet(x *exchange) *apiError {
	switch {
	case x.cfg.NoStreamOptions && x.params.streamOptions:
		return o.invalid(x, unknownParameter("stream_options"))
	case x.params.includeUsage && asksForUsage(x.fields["stream_options"]):
		return o.invalid(x, unknownParameter("stream_options.include_usage"))
	case x.background && stateless(x.fields["store"]):
		return o.invalid(x, &flaw{param: "background", message: "Background mode requires store to be true."})
	}
	return nil
}

// asksForUsage reports whether stream_options have include_usage.
func asksForUsage(raw json.RawMessage) bool {
	var options map[string]json.RawMessage
	_ = json.Unmarshal(raw, &options) // read has checked its type
	return options["include_usage"] != nil
}

// stateless reports whether the value of store is false.
func stateless(raw json.RawMessage) bool { return string(raw) == "false" }

// work does everything at once and bills it. For a background response only the time at
// which its output can be seen is later.
func (o openAIResponses) work(x *exchange) answer {
	g := x.bill("resp_")
	r := &savedResponse{
		g: g, tier: x.params.tier, maxTokens: x.params.maxTokens, noObfuscation: x.params.noObfuscation,
		store: !stateless(x.fields["store"]), background: x.background, done: g.At, pieces: x.text(g),
		calls: x.script.calls, chunks: x.cfg.Chunks, instructions: x.fields["instructions"],
	}
	if r.tier == "" {
		r.tier = "auto"
	}
	if r.background {
		r.done = g.At.Add(x.cfg.BackgroundDelay)
	}
	if r.store {
		x.responses.add(r)
	}
	switch {
	case x.params.stream:
		return answer{stream: responseStream(x, r, -1)}
	case r.background:
		return answer{body: indented(encode(r.body("queued")))}
	}
	return answer{body: indented(encode(r.body(r.status(r.done))))}
}
