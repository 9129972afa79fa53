package llmtest

// azureChat is POST /openai/deployments/D/chat/completions and
// POST /openai/v1/chat/completions.
type azureChat struct{ azure }

func (c azureChat) read(x *exchange, body []byte) *flaw {
	f := readOpenAIChat(x, body)
	x.params.servedTier = azureTier(x.params.tier)
	return c.adopt(&x.params, f, "messages", '[')
}

func (c azureChat) vet(x *exchange) *apiError {
	if f := vetStreamOptions(x); f != nil {
		return c.invalid(x, f)
	}
	return c.azure.vet(x)
}

func (c azureChat) work(x *exchange) answer {
	g := x.bill("chatcmpl-")
	if !x.params.stream {
		return answer{body: azureCompletion(x, g)}
	}
	return answer{stream: x.chatStream(azureChunks(x, g), x.event("", serverError().body()))}
}

// azureEmbeddings is POST /openai/deployments/D/embeddings and
// POST /openai/v1/embeddings.
type azureEmbeddings struct{ azure }

func (c azureEmbeddings) read(x *exchange, body []byte) *flaw {
	return c.adopt(&x.params, openAIEmbeddings{}.read(x, body), "input", '[', '"')
}

func (azureEmbeddings) work(x *exchange) answer { return openAIEmbeddings{}.work(x) }

// azureResponses is POST /openai/v1/responses.
type azureResponses struct{ azure }

func (c azureResponses) read(x *exchange, body []byte) *flaw {
	f := readOpenAIResponse(x, body)
	x.params.servedTier = azureTier(x.params.tier)
	return c.adopt(&x.params, f, "input", '[', '"')
}

func (c azureResponses) vet(x *exchange) *apiError {
	if e := (openAIResponses{}).vet(x); e != nil {
		return e
	}
	return c.azure.vet(x)
}

func (azureResponses) work(x *exchange) answer { return openAIResponses{}.work(x) }

// azureStored is GET /openai/v1/responses/ID and POST /openai/v1/responses/ID/cancel.
type azureStored struct {
	azure
	stored openAIStored
}

func (c azureStored) read(x *exchange, body []byte) *flaw {
	f := c.stored.read(x, body)
	x.params.provider = "azure"
	return f
}

func (c azureStored) vet(x *exchange) *apiError { return c.stored.vet(x) }

func (c azureStored) work(x *exchange) answer { return c.stored.work(x) }
