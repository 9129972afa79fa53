package llmtest

import (
	"context"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// organization is the one that every key belongs to.
const organization = "org-llmtest"

// exchange is one request and what becomes of it.
type exchange struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	began time.Time
	n     int // as in Request
	ask   ask
	fault Fault
	quota allowance
}

// serve is the server's handler.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // it never arrived
	}
	x := &exchange{s: s, w: w, r: r, began: time.Now()}
	switch {
	case r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/chat/completions"):
		x.chat(body)
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/models"):
		x.register(body)
		x.send(http.StatusOK, modelList)
	default:
		x.register(body)
		x.fail(noSuchURL(r))
	}
}

// modelList is the answer to GET /v1/models.
var modelList = []byte(`{"object":"list","data":[` +
	`{"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"},` +
	`{"id":"gpt-5","object":"model","created":1754425777,"owned_by":"system"},` +
	`{"id":"o4-mini","object":"model","created":1744225351,"owned_by":"system"}]}`)

// chat handles a chat completion: it is refused, or worked on and delivered.
func (x *exchange) chat(body []byte) {
	var malformed *apiError
	x.ask, malformed = parseAsk(body)
	x.admit(body)
	if x.fault == ResetBeforeAccept {
		x.reset()
		return
	}
	if e := scripted(x.fault, x.ask.model); e != nil {
		x.fail(e)
		return
	}
	if e := x.refusal(malformed); e != nil {
		x.s.amend(x.n, func(r *Request) { r.Fault = NoFault })
		x.fail(e)
		return
	}
	x.deliver(x.s.bill(x.ask, x.ask.served()))
}

// admit gives a recognised request its place in the order of things.
func (x *exchange) admit(body []byte) {
	s := x.s
	s.deciding.Lock()
	defer s.deciding.Unlock()
	if s.cfg.Faults != nil {
		x.fault = s.cfg.Faults.Fault(s.recognised)
	}
	s.recognised++
	x.quota = s.quota.take(s.cfg.RequestsPerMinute, x.began)
	x.register(body)
}

// register files the request in the server's book.
func (x *exchange) register(body []byte) {
	x.n = x.s.record(Request{
		Method: x.r.Method, Path: x.r.URL.Path, Header: x.r.Header.Clone(), Body: body,
		Model: x.ask.model, Tier: x.ask.tier,
		Stream: x.ask.stream, IncludeUsage: x.ask.includeUsage,
		Call: x.ask.call, Fault: x.fault,
	})
}

// refusal returns why the request is not worked on, or nil. The checks come in
// the order of a provider's doors: the gateway, the schema, the model, the room.
func (x *exchange) refusal(malformed *apiError) *apiError {
	cfg, a := &x.s.cfg, &x.ask
	switch {
	case x.quota.refused:
		return rateLimited(a.model, x.quota)
	case malformed != nil:
		return malformed
	case cfg.NoStreamOptions && a.streamOptions:
		return unknownParameter("stream_options")
	case a.streamOptions && !a.stream:
		return invalid("stream_options", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case strings.Contains(a.model, "missing"):
		return noSuchModel(a.model)
	case a.served() == "":
		return invalid("service_tier", "Invalid service_tier argument")
	case a.tier != "flex":
		return nil
	case cfg.FlexModels != nil && !slices.Contains(cfg.FlexModels, a.model):
		return invalid("service_tier", "Flex is not available for this model.")
	case !x.s.hasRoom():
		return flexUnavailable()
	}
	return nil
}

// hasRoom asks for flex capacity.
func (s *Server) hasRoom() bool {
	s.deciding.Lock()
	defer s.deciding.Unlock()
	n := s.flexed
	s.flexed++
	return s.cfg.Flex == nil || s.cfg.Flex.Available(n)
}

// deliver brings the answer to the client, as far as the fault lets it.
func (x *exchange) deliver(g Generation) {
	if x.fault == Stall {
		<-x.r.Context().Done()
		x.abort()
	}
	switch {
	case x.fault == ResetAfterAccept:
		x.pause(x.s.cfg.Latency)
		x.reset()
	case x.fault == ServerErrorAfterWork, x.fault == ErrorInStream && !x.ask.stream:
		x.fail(serverError())
	case x.ask.stream:
		x.pause(x.s.cfg.Latency)
		x.stream(g)
	default:
		x.pause(x.s.cfg.Latency)
		x.unary(g)
	}
}

// pause waits, and gives up the exchange if the client or the server goes first.
func (x *exchange) pause(d time.Duration) {
	if !wait(x.r.Context(), d) {
		x.abort()
	}
}

func wait(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fail answers with an error.
func (x *exchange) fail(e *apiError) {
	x.pause(x.s.cfg.Latency)
	if e.limit != nil {
		x.quota = *e.limit
	}
	e.setHeader(x.w.Header())
	x.send(e.status, e.body())
}

// unary answers in one piece, or in half of one.
func (x *exchange) unary(g Generation) {
	body := completion(g, x.text(g), x.ask.finish(g))
	if x.fault != CutStream {
		x.send(http.StatusOK, body)
		return
	}
	x.begin(http.StatusOK, "application/json")
	_, _ = x.w.Write(body[:len(body)/2])
	_ = http.NewResponseController(x.w).Flush()
	x.abort()
}

// send writes a whole JSON answer.
func (x *exchange) send(status int, body []byte) {
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.begin(status, "application/json")
	_, _ = x.w.Write(body)
}

// begin writes the head of an answer. The status is on record before the client
// can see it.
func (x *exchange) begin(status int, contentType string) {
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Openai-Organization", organization)
	h.Set("Openai-Processing-Ms", strconv.FormatInt(max(1, time.Since(x.began).Milliseconds()), 10))
	h.Set("Openai-Version", "2020-10-01")
	h.Set("X-Request-Id", x.s.id("req_", x.n))
	if x.quota.limit > 0 {
		x.quota.setHeader(h, x.ask.prompt()+min(x.ask.maxTokens, tokensPerMinute))
	}
	x.s.amend(x.n, func(r *Request) { r.Status = status })
	x.w.WriteHeader(status)
}

// stream answers event by event, each flushed as it is ready.
func (x *exchange) stream(g Generation) {
	events := x.events(g)
	switch x.fault {
	case CutStream:
		events = events[:len(events)/2]
	case ErrorInStream:
		events = append(events[:len(events)/2], serverError().body())
	}
	x.begin(http.StatusOK, "text/event-stream; charset=utf-8")
	for i, event := range events {
		if i > 0 {
			x.pause(x.s.cfg.ChunkDelay)
		}
		x.event(event)
	}
	if x.fault == CutStream {
		x.abort()
	}
}

// event writes one server-sent event.
func (x *exchange) event(data []byte) {
	end := "\n\n"
	if x.s.cfg.CRLF {
		end = "\r\n\r\n"
	}
	_, err := x.w.Write(slices.Concat([]byte("data: "), data, []byte(end)))
	if err != nil || http.NewResponseController(x.w).Flush() != nil {
		x.abort()
	}
}

// words is the vocabulary of the simulated models.
var words = strings.Fields("a penny saved is money that need not be earned twice so count it well")

// text returns the content, one piece for each chunk of a stream.
func (x *exchange) text(g Generation) []string {
	n := x.s.cfg.Chunks
	if n <= 0 {
		n = 8
	}
	from := fold(g.Call) % uint64(len(words))
	pieces := make([]string, n)
	for i := range pieces {
		pieces[i] = words[(from+uint64(i))%uint64(len(words))]
		if i > 0 {
			pieces[i] = " " + pieces[i]
		}
	}
	return pieces
}
