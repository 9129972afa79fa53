package llmtest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// exchange is one request and what becomes of it.
type exchange struct {
	s     *Server
	w     http.ResponseWriter
	r     *http.Request
	began time.Time
	n     int  // as in Request
	face  face // nil if the request was not recognised
	ask   ask
	fault Fault
	quota allowance
	// fields are those of the request, where read is not the only one to look at
	// them, and background is one of them.
	fields     map[string]json.RawMessage
	background bool
}

// serve is the server's handler.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	x := &exchange{s: s, w: w, r: r, face: route(r)}
	if !s.enter() {
		x.abort()
	}
	defer s.running.Done()
	if x.face != nil {
		x.decide()
	}
	if x.fault == EarlyRateLimited {
		x.refuseEarly()
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		x.abort() // it never arrived
	}
	x.began = time.Now()
	if x.face != nil {
		x.handle(body)
		return
	}
	x.register(body)
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/models") {
		x.send(http.StatusOK, modelList)
		return
	}
	x.fail(noSuchURL(r))
}

// modelList is the answer to GET /v1/models.
var modelList = []byte(`{"object":"list","data":[` +
	`{"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"},` +
	`{"id":"gpt-5","object":"model","created":1754425777,"owned_by":"system"},` +
	`{"id":"o4-mini","object":"model","created":1744225351,"owned_by":"system"}]}`)

// handle sees a recognised request through: it is refused, or worked on and
// delivered.
func (x *exchange) handle(body []byte) {
	malformed := x.face.read(x, body)
	x.admit(body)
	if x.strikes() {
		return
	}
	if e := x.refusal(malformed); e != nil {
		x.s.amend(x.n, func(r *Request) { r.Fault = NoFault })
		x.fail(e)
		return
	}
	x.deliver(x.face.work(x))
}

// decide asks the script what is to befall a recognised request, of which nothing
// but the head is read.
func (x *exchange) decide() {
	s := x.s
	s.deciding.Lock()
	defer s.deciding.Unlock()
	if s.cfg.Faults != nil {
		x.fault = s.cfg.Faults.Fault(s.recognised)
	}
	s.recognised++
	if x.spared() {
		x.fault = NoFault
	}
}

// admit gives a recognised request its place in the order of things.
func (x *exchange) admit(body []byte) {
	s := x.s
	s.deciding.Lock()
	defer s.deciding.Unlock()
	if !x.ask.unlimited {
		x.quota = s.quota.take(s.cfg.RequestsPerMinute, x.began)
	}
	x.register(body)
}

// register files the request in the server's book.
func (x *exchange) register(body []byte) {
	x.n = x.s.record(Request{
		Method: x.r.Method, Path: x.r.URL.Path, Query: x.r.URL.RawQuery, Host: x.r.Host, Header: x.r.Header.Clone(), Body: body,
		Provider: x.ask.provider, Operation: x.ask.operation,
		Model: x.ask.model, Tier: x.ask.tier,
		Stream: x.ask.stream, IncludeUsage: x.ask.includeUsage,
		Call: x.ask.call, Fault: x.fault,
	})
}

// refusal returns why the request is not worked on, or nil. The checks come in
// the order of a provider's doors: the gateway, the schema, the model, the room.
func (x *exchange) refusal(malformed *flaw) *apiError {
	switch {
	case x.quota.refused:
		return x.face.say(x, throttled)
	case malformed != nil:
		return x.face.invalid(x, malformed)
	}
	if e := x.face.vet(x); e != nil {
		return e
	}
	cfg, a := &x.s.cfg, &x.ask
	switch {
	case strings.Contains(a.model, "missing"):
		return x.face.say(x, unknownModel)
	case a.served == "":
		return x.face.say(x, unknownTier)
	case a.served != "flex":
		return nil
	case cfg.FlexModels != nil && !slices.Contains(cfg.FlexModels, a.model):
		return x.face.say(x, noFlexForModel)
	case !x.s.hasRoom():
		return x.face.say(x, noFlexRoom)
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
func (x *exchange) deliver(a answer) {
	switch x.fault {
	case Stall:
		<-x.r.Context().Done()
		x.abort()
	case Slow:
		x.pause(x.s.cfg.slowBy())
	case StaleClose:
		x.promiseStale()
	}
	switch {
	case x.fault == ResetAfterAccept, x.fault == ProtocolErrorAfterWork:
		x.pause(x.s.cfg.Latency)
		x.breakOff()
	case x.fault == ServerErrorAfterWork, x.fault == ErrorInStream && a.stream == nil:
		x.fail(x.face.say(x, brokenServer))
	case a.stream != nil:
		x.pause(x.s.cfg.Latency)
		x.stream(a.stream)
	default:
		x.pause(x.s.cfg.Latency)
		x.unary(a.body)
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
	e.setHeader(x.w.Header())
	x.send(e.status, e.body())
}

// unary answers in one piece, or in half of one.
func (x *exchange) unary(body []byte) {
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
	if x.face != nil {
		x.face.head(x, h, status)
	} else {
		openAI{}.head(x, h, status)
	}
	x.s.amend(x.n, func(r *Request) { r.Status = status })
	x.w.WriteHeader(status)
}

// stream answers piece by piece, each flushed as it is ready.
func (x *exchange) stream(s *stream) {
	frames := s.frames
	switch x.fault {
	case CutStream:
		frames = frames[:len(frames)/2]
	case ErrorInStream:
		n := len(frames) / 2
		frames = append(slices.Clone(frames[:n]), s.failure(n)...)
	}
	x.begin(http.StatusOK, s.contentType)
	for i, frame := range frames {
		if i > 0 {
			x.pause(x.s.cfg.ChunkDelay)
		}
		if s.alive != nil && i == s.held {
			x.pause(time.Until(s.until))
			if !s.alive() {
				return
			}
		}
		x.write(frame)
	}
	if x.fault == CutStream {
		x.abort()
	}
}

// write sends one piece of a stream on its way.
func (x *exchange) write(frame []byte) {
	if _, err := x.w.Write(frame); err != nil || http.NewResponseController(x.w).Flush() != nil {
		x.abort()
	}
}

// event frames data as a server-sent event, with the name if there is one.
func (x *exchange) event(name string, data []byte) []byte {
	end := "\n"
	if x.s.cfg.CRLF {
		end = "\r\n"
	}
	if name != "" {
		name = "event: " + name + end
	}
	return slices.Concat([]byte(name), []byte("data: "), data, []byte(end+end))
}

// eventStream is the content type of server-sent events at OpenAI's.
const eventStream = "text/event-stream; charset=utf-8"

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
