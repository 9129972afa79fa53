package llmtest

import "slices"

// openAIChat is OpenAI's chat completions endpoint.
type openAIChat struct{ openAI }

func (openAIChat) read(x *exchange, body []byte) *flaw {
	f := x.ask.readChat(body)
	x.ask.provider, x.ask.operation = "openai", "chat"
	x.ask.served = openAITier(x.ask.tier)
	return f
}

func (c openAIChat) vet(x *exchange) *apiError {
	if f := x.vetOptions(); f != nil {
		return c.invalid(x, f)
	}
	return nil
}

// vetOptions looks at stream_options.
func (x *exchange) vetOptions() *flaw {
	switch {
	case x.s.cfg.NoStreamOptions && x.ask.streamOptions:
		return unknownParameter("stream_options")
	case x.ask.streamOptions && !x.ask.stream:
		return &flaw{param: "stream_options", message: "The 'stream_options' parameter is only allowed when 'stream' is enabled."}
	}
	return nil
}

func (openAIChat) work(x *exchange) answer {
	g := x.bill("chatcmpl-")
	if !x.ask.stream {
		return answer{body: completion(g, x.text(g), x.ask.finish(g))}
	}
	return answer{stream: x.chatStream(x.events(g), x.event("", openAI{}.say(x, brokenServer).body()))}
}

// chatStream makes a stream of the data of its events.
func (x *exchange) chatStream(events [][]byte, failure []byte) *stream {
	frames := make([][]byte, 0, len(events)+1)
	for _, event := range append(slices.Clip(events), []byte("[DONE]")) {
		frames = append(frames, x.event("", event))
	}
	return &stream{
		contentType: eventStream, frames: frames,
		failure: func(int) [][]byte { return [][]byte{failure} },
	}
}
