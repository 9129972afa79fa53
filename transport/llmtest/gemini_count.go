package llmtest

// countTokens is the method countTokens. It is free and under no rate limit.
type countTokens struct {
	google
	model string
	ints  bool
}

func (c countTokens) read(x *exchange, body []byte) *flaw {
	c.readPath(x, "countTokens", c.model)
	x.params.unlimited = true
	fields, f := protoFields(body, nil)
	if inner := fields["generateContentRequest"]; present(inner) {
		fields, f = protoFields(inner, nil)
	}
	return first(f, x.params.readContents(fields))
}

func (c countTokens) vet(x *exchange) *apiError { return c.useFiles(x) }

func (c countTokens) work(x *exchange) answer {
	n := x.params.prompt()
	b := countBody{Total: n, Details: modalities(n, c.ints)}
	if c.vertex {
		b.Characters = 4 * n
	}
	return answer{body: append(indented(encode(b)), '\n')}
}
