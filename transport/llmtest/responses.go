package llmtest

import (
	"encoding/json"
	"net/http"
	"time"
)

// openAIResponses is POST /v1/responses.
type openAIResponses struct{ openAI }

func (openAIResponses) read(x *exchange, body []byte) *flaw {
	a := &x.ask
	a.provider, a.operation = "openai", "responses"
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return notJSON()
	}
	var most *int64
	f := scan(fields, []target{
		{"model", &a.model}, {"service_tier", &a.tier}, {"stream", &a.stream},
		{"max_output_tokens", &most}, {"background", &x.background},
	})
	f = first(f, a.readOptions(fields))
	a.served = openAITier(a.tier)
	a.includeUsage = a.stream // it is always there
	a.about(fields["input"])
	a.extra = int64(len(fields["instructions"]) / 4)
	x.fields = fields
	f = first(f, a.limit("max_output_tokens", most))
	return first(f, a.check("input", '[', '"'))
}

// vet looks at stream_options, which have no include_usage here.
func (o openAIResponses) vet(x *exchange) *apiError {
	switch {
	case x.s.cfg.NoStreamOptions && x.ask.streamOptions:
		return o.invalid(x, unknownParameter("stream_options"))
	case x.ask.includeUsage && asksForUsage(x.fields["stream_options"]):
		return o.invalid(x, unknownParameter("stream_options.include_usage"))
	case x.background && stateless(x.fields["store"]):
		return o.invalid(x, &flaw{param: "background", message: "Background mode requires store to be true."})
	}
	return nil
}

func asksForUsage(raw json.RawMessage) bool {
	var options map[string]json.RawMessage
	_ = json.Unmarshal(raw, &options) // read before, and found good
	return options["include_usage"] != nil
}

// stateless says whether store is false.
func stateless(raw json.RawMessage) bool { return string(raw) == "false" }

// storedAnswer is a response that can be asked for again.
type storedAnswer struct {
	g          Generation
	asked      string // the tier, "auto" if none was
	most       int64
	plain      bool
	store      bool
	background bool
	done       time.Time
	cancelled  bool // before it was done
	pieces     []string
	// instructions are shown again as they came.
	instructions json.RawMessage
}

// status says how far it has come at a time.
func (a *storedAnswer) status(now time.Time) string {
	switch {
	case a.cancelled:
		return "cancelled"
	case now.Before(a.done):
		return "in_progress"
	case a.g.Completion == a.most:
		return "incomplete"
	}
	return "completed"
}

// work does it all at once and bills it, for one in the background too: what
// becomes of that later is when it can be seen, and whether.
func (o openAIResponses) work(x *exchange) answer {
	g := x.bill("resp_")
	a := &storedAnswer{
		g: g, asked: x.ask.tier, most: x.ask.maxTokens, plain: x.ask.plain,
		store: !stateless(x.fields["store"]), background: x.background, done: g.At, pieces: x.text(g),
		instructions: x.fields["instructions"],
	}
	if a.asked == "" {
		a.asked = "auto"
	}
	if a.background {
		a.done = g.At.Add(x.s.cfg.BackgroundDelay)
	}
	if a.store {
		x.s.keep(a)
	}
	switch {
	case x.ask.stream:
		return answer{stream: x.responseStream(a, -1)}
	case a.background:
		return answer{body: indented(encode(a.body("queued")))}
	}
	return answer{body: indented(encode(a.body(a.status(a.done))))}
}

func (s *Server) keep(a *storedAnswer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[a.g.ID] = a
}

// storedResponse is GET /v1/responses/ID, and POST /v1/responses/ID/cancel.
type storedResponse struct {
	openAI
	id     string
	cancel bool
}

func (c storedResponse) read(x *exchange, _ []byte) *flaw {
	a := &x.ask
	a.provider, a.operation, a.unlimited = "openai", "getResponse", true
	a.served = untiered
	if c.cancel {
		a.operation = "cancelResponse"
	}
	a.stream = !c.cancel && x.r.URL.Query().Get("stream") == "true"
	return nil
}

func (c storedResponse) vet(x *exchange) *apiError {
	a, ok := x.s.recall(c.id)
	switch {
	case !ok || a.g.Provider != x.ask.provider:
		return openAIFailure(http.StatusNotFound, "invalid_request_error", "", "", "Response with id '"+c.id+"' not found.")
	case c.cancel && !a.background:
		return c.invalid(x, &flaw{message: "Cannot cancel a synchronous response."})
	case x.ask.stream && !a.background:
		return c.invalid(x, &flaw{param: "stream", message: "Only a background response can be streamed again."})
	}
	return nil
}

// recall returns a copy of what was stored.
func (s *Server) recall(id string) (storedAnswer, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.stored[id]; a != nil {
		return *a, true
	}
	return storedAnswer{}, false
}

// work says how far the response has come. To cancel one that is done changes
// nothing, and to cancel it twice neither.
func (c storedResponse) work(x *exchange) answer {
	if c.cancel {
		x.s.cancelResponse(c.id, x.began)
	}
	a, _ := x.s.recall(c.id)
	if x.ask.stream && !a.cancelled {
		return answer{stream: x.responseStream(&a, startingAfter(x.r))}
	}
	return answer{body: indented(encode(a.body(a.status(x.began))))}
}

func (s *Server) cancelResponse(id string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.stored[id]; now.Before(a.done) {
		a.cancelled = true
	}
}
