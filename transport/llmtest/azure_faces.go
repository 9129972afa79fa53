package llmtest

// azureChat is POST /openai/deployments/D/chat/completions, and
// /openai/v1/chat/completions.
type azureChat struct{ azure }

func (c azureChat) read(x *exchange, body []byte) *flaw {
	f := openAIChat{}.read(x, body)
	x.ask.served = azureTier(x.ask.tier)
	return c.adopt(&x.ask, f, "messages", '[')
}

func (c azureChat) vet(x *exchange) *apiError {
	if f := x.vetOptions(); f != nil {
		return c.invalid(x, f)
	}
	return c.azure.vet(x)
}

func (c azureChat) work(x *exchange) answer {
	g := x.bill("chatcmpl-")
	if !x.ask.stream {
		return answer{body: azureCompletion(x, g)}
	}
	return answer{stream: x.chatStream(azureEvents(x, g), x.event("", serverError().body()))}
}

// azureEmbeddings is POST /openai/deployments/D/embeddings, and
// /openai/v1/embeddings.
type azureEmbeddings struct{ azure }

func (c azureEmbeddings) read(x *exchange, body []byte) *flaw {
	return c.adopt(&x.ask, openAIEmbeddings{}.read(x, body), "input", '[', '"')
}

func (azureEmbeddings) work(x *exchange) answer { return openAIEmbeddings{}.work(x) }

// azureResponses is POST /openai/v1/responses.
type azureResponses struct{ azure }

func (c azureResponses) read(x *exchange, body []byte) *flaw {
	f := openAIResponses{}.read(x, body)
	x.ask.served = azureTier(x.ask.tier)
	return c.adopt(&x.ask, f, "input", '[', '"')
}

func (c azureResponses) vet(x *exchange) *apiError {
	if e := (openAIResponses{}).vet(x); e != nil {
		return e
	}
	return c.azure.vet(x)
}

func (azureResponses) work(x *exchange) answer { return openAIResponses{}.work(x) }

// azureStored is GET /openai/v1/responses/ID, and POST .../cancel.
type azureStored struct {
	azure
	stored storedResponse
}

func (c azureStored) read(x *exchange, body []byte) *flaw {
	f := c.stored.read(x, body)
	x.ask.provider = "azure"
	return f
}

func (c azureStored) vet(x *exchange) *apiError { return c.stored.vet(x) }

func (c azureStored) work(x *exchange) answer { return c.stored.work(x) }
