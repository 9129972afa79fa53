package llmtest

// countMessages is POST /v1/messages/count_tokens. It is free and under no rate limit.
type countMessages struct{ anthropic }

func (countMessages) read(x *exchange, body []byte) *flaw {
	_, f := readMessages(x, body)
	x.params.operation, x.params.unlimited = "countTokens", true
	return f
}

func (countMessages) work(x *exchange) answer {
	return answer{body: encode(struct {
		Input int64 `json:"input_tokens"`
	}{x.params.prompt()})}
}
