package llmtest

import (
	"net/http"
	"strconv"
)

// openAIStored is GET .../responses/ID and POST .../responses/ID/cancel.
type openAIStored struct {
	openAI
	id     string
	cancel bool
}

func (c openAIStored) read(x *exchange, _ []byte) *flaw {
	p := &x.params
	p.provider, p.operation, p.unlimited = "openai", "getResponse", true
	p.servedTier = untiered
	if c.cancel {
		p.operation = "cancelResponse"
	}
	p.stream = !c.cancel && x.r.URL.Query().Get("stream") == "true"
	return nil
}

func (c openAIStored) vet(x *exchange) *apiError {
	r, ok := x.responses.lookUp(c.id)
	switch {
	case !ok || r.g.Provider != x.params.provider:
		return openAIFailure(http.StatusNotFound, "invalid_request_error", "", "", "Response with id '"+c.id+"' not found.")
	case c.cancel && !r.background:
		return c.invalid(x, &flaw{message: "Cannot cancel a synchronous response."})
	case x.params.stream && !r.background:
		return c.invalid(x, &flaw{param: "stream", message: "Only a background response can be streamed again."})
	}
	return nil
}

// work returns the response in its present state. To cancel a response that is done or
// cancelled changes nothing.
func (c openAIStored) work(x *exchange) answer {
	if c.cancel {
		x.responses.cancel(c.id, x.began)
	}
	r, _ := x.responses.lookUp(c.id)
	if x.params.stream && !r.cancelled {
		return answer{stream: responseStream(x, &r, startingAfter(x.r))}
	}
	return answer{body: indented(encode(r.body(r.status(x.began))))}
}

// startingAfter returns the number of the last event that the client has, or -1.
func startingAfter(r *http.Request) int {
	if n, err := strconv.Atoi(r.URL.Query().Get("starting_after")); err == nil {
		return n
	}
	return -1
}
