package llmtest

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"
)

// exchange is one request as the faces see it: what was asked, and the provider that
// it was asked of.
type exchange struct {
	*provider
	r      *http.Request // only its head: faces get the body as bytes
	began  time.Time     // when the body had arrived
	n      int           // the number of the request, as in Request
	params params
	fault  Fault
	quota  allowance // of requests per minute

	allowances map[Limit]allowance // of the limits that the Config has
	rejected   allowance           // of the limit that rejects the request
	counted    bool                // the request was admitted, and is worked on
	charged    cost                // what it counts for so far
	generated  *Generation         // what it generated; nil if nothing yet

	// fields are the top-level fields of the body. The faces whose vet or work needs
	// them set them in read.
	fields     map[string]json.RawMessage
	chunk      []byte     // of an upload
	file       fileRecord // that was asked for
	background bool       // OpenAI's background mode was asked for
	script     script
}

// id returns the n-th id with the prefix.
func (x *exchange) id(prefix string, n int) string { return drawID(x.cfg.Seed, prefix, n) }

// requestID returns the id that the response's headers give to the request.
func (x *exchange) requestID() string { return x.id("req_", x.n) }

// owner returns the key of the request, if keys own caches and files; otherwise "". The names
// of Vertex say whose they are.
func (x *exchange) owner() string {
	if !x.cfg.Keyed || x.params.provider == "vertex" {
		return ""
	}
	h := x.r.Header
	for _, key := range []string{h.Get("X-Goog-Api-Key"), h.Get("X-Api-Key"), x.r.URL.Query().Get("key"), h.Get("Authorization")} {
		if key != "" {
			return strings.TrimPrefix(key, "Bearer ")
		}
	}
	return "no key"
}

// bill does the work and adds it to the meter. prefix begins the id of the response.
func (x *exchange) bill(prefix string) Generation {
	g := measure(&x.params, x.cfg.Seed, x.cfg.CachedPercent)
	x.script.count(&g, x.params.maxTokens)
	g.At = time.Now()
	defer func() { x.generated = &g }()
	if x.params.prompted != nil && x.script.usage == nil {
		x.prompts.use(&g, x.params.prompted, x.owner())
	}
	if x.isFree() {
		g.ID = x.id(prefix+"free-", x.n)
		return g
	}
	return x.meter.add(g, func(n int) string { return x.id(prefix, n) })
}

// isFree reports whether the request will be answered with a 500 that costs nothing
// according to the provider's documents, although the work was done. Google's documents
// say so: of a 500 of the Gemini API "you won't be charged for the tokens used", and
// Vertex charges "only for requests that return a 200 response code".
func (x *exchange) isFree() bool {
	if x.params.provider != "gemini" && x.params.provider != "vertex" || x.params.operation == "createCachedContent" {
		return false
	}
	return x.fault == ServerErrorAfterWork || x.fault == ErrorInStream && !x.params.stream
}

// text returns the text of the response, one piece for each chunk of a stream. There is none
// only if there are tool calls.
func (x *exchange) text(g Generation) []string {
	if x.script.scripted {
		return split(x.script.text, x.cfg.Chunks)
	}
	return textOf(g, x.cfg.Chunks)
}

// finish returns OpenAI's reason for the end of g.
func (x *exchange) finish(g Generation) string {
	switch {
	case len(x.script.calls) > 0:
		return "tool_calls"
	case x.params.cutShort(g):
		return "length"
	}
	return "stop"
}

// event returns a server-sent event. The name may be "".
func (x *exchange) event(name string, data []byte) []byte { return sseEvent(name, data, x.cfg.CRLF) }

// chatStream returns a stream of chat chunks. failure is the event that ends it if it
// goes wrong.
func (x *exchange) chatStream(chunks [][]byte, failure []byte) *stream {
	frames := make([][]byte, 0, len(chunks)+1)
	for _, chunk := range append(slices.Clip(chunks), []byte("[DONE]")) {
		frames = append(frames, x.event("", chunk))
	}
	return &stream{
		contentType: eventStream, frames: frames,
		failure: func(int) [][]byte { return [][]byte{failure} },
	}
}
