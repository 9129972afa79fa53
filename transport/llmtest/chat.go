package llmtest

import "encoding/json"

// openAIChat is POST .../chat/completions.
type openAIChat struct{ openAI }

func (openAIChat) read(x *exchange, body []byte) *flaw {
	if f := readOpenAIChat(x, body); f != nil {
		return f
	}
	return readOpenAIPrompt(x, x.fields, "messages", "text")
}

// readOpenAIChat reads a chat request as OpenAI and Azure do.
func readOpenAIChat(x *exchange, body []byte) *flaw {
	p := &x.params
	p.provider, p.operation = "openai", "chat"
	f := p.readChat(body)
	p.servedTier = openAITier(p.tier)
	_ = json.Unmarshal(body, &x.fields) // readChat has checked it
	return f
}

func (c openAIChat) vet(x *exchange) *apiError {
	if f := vetStreamOptions(x); f != nil {
		return c.invalid(x, f)
	}
	return nil
}

func (openAIChat) work(x *exchange) answer {
	g := x.bill("chatcmpl-")
	if !x.params.stream {
		return answer{body: completion(x, g)}
	}
	return answer{stream: x.chatStream(chatChunks(x, g), x.event("", serverError().body()))}
}

// readChat reads a chat request in OpenAI's format, which other providers use too.
func (p *params) readChat(body []byte) (f *flaw) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return notJSON()
	}
	var messages json.RawMessage
	var total, visible *int64
	f = scan(fields, []target{
		{"model", &p.model},
		{"messages", &messages},
		{"service_tier", &p.tier},
		{"stream", &p.stream},
		{"max_tokens", &visible},
		{"max_completion_tokens", &total},
	})
	f = first(f, p.readStreamOptions(fields))
	p.setContent(messages)
	f = first(f, p.boundOutput("max_tokens", visible))
	f = first(f, p.boundOutput("max_completion_tokens", total))
	return first(f, p.require("messages", '['))
}

// readStreamOptions reads stream_options.
func (p *params) readStreamOptions(fields map[string]json.RawMessage) *flaw {
	var options struct {
		IncludeUsage       bool  `json:"include_usage"`
		IncludeObfuscation *bool `json:"include_obfuscation"`
	}
	f := scan(fields, []target{{"stream_options", &options}})
	p.streamOptions = present(fields["stream_options"])
	p.includeUsage = options.IncludeUsage
	p.noObfuscation = options.IncludeObfuscation != nil && !*options.IncludeObfuscation
	return f
}

// vetStreamOptions returns why the stream_options of a chat request are rejected, or nil.
func vetStreamOptions(x *exchange) *flaw {
	switch {
	case x.cfg.NoStreamOptions && x.params.streamOptions:
		return unknownParameter("stream_options")
	case x.params.streamOptions && !x.params.stream:
		return &flaw{param: "stream_options", message: "The 'stream_options' parameter is only allowed when 'stream' is enabled."}
	}
	return nil
}
