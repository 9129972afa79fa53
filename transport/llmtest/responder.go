package llmtest

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// responder answers one request. Its methods that send may end the handler by a panic
// with http.ErrAbortHandler, see abort.
type responder struct {
	exchange
	w    http.ResponseWriter
	face face // nil if the request was not recognised
}

// errorFor returns the face's error for a reason.
func (x *responder) errorFor(why reason) *apiError { return x.face.errorFor(&x.exchange, why) }

// admit takes the request from the rate limit and records it. Both are in one order.
func (x *responder) admit(body []byte) {
	x.turns.Lock()
	defer x.turns.Unlock()
	if !x.params.unlimited {
		x.exchange.admit()
	}
	x.record(body)
}

// record adds the request to the log.
func (x *responder) record(body []byte) {
	if x.params.discard {
		body = nil
	}
	x.n = x.requests.add(Request{
		Method: x.r.Method, Path: x.r.URL.Path, Query: x.r.URL.RawQuery, Host: x.r.Host, Header: x.r.Header.Clone(), Body: body,
		Provider: x.params.provider, Operation: x.params.operation,
		Model: x.params.model, Tier: x.params.tier,
		Stream: x.params.stream, IncludeUsage: x.params.includeUsage,
		Call: x.params.call, Fault: x.fault,
	})
}

// begin sends the head of the response. The status is in the log before the client can
// see it.
func (x *responder) begin(status int, contentType string) {
	h := x.w.Header()
	h.Set("Content-Type", contentType)
	if x.face != nil {
		x.face.setHeader(&x.exchange, h, status)
	} else {
		openAI{}.setHeader(&x.exchange, h, status)
	}
	x.requests.update(x.n, func(r *Request) { r.Status = status })
	x.w.WriteHeader(status)
}

// send sends a whole JSON response.
func (x *responder) send(status int, body []byte) {
	x.leave() // before the client can have the response, and send the next request
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.begin(status, "application/json")
	_, _ = x.w.Write(body)
}

// fail sends an error response.
func (x *responder) fail(e *apiError) {
	x.pause(x.cfg.Latency)
	e.setHeader(x.w.Header())
	x.send(e.status, e.body())
}

// write sends a piece of the body at once.
func (x *responder) write(piece []byte) {
	if _, err := x.w.Write(piece); err != nil || http.NewResponseController(x.w).Flush() != nil {
		x.abort()
	}
}

// pause waits, and aborts if the client leaves or the server closes before the wait ends.
func (x *responder) pause(d time.Duration) {
	if !sleep(x.r.Context(), d) {
		x.abort()
	}
}

// abort ends the connection, on HTTP/2 the stream, after what was flushed so far. It does
// not return.
func (x *responder) abort() {
	panic(http.ErrAbortHandler)
}

// sleep waits, and reports whether ctx was still alive at the end.
func sleep(ctx context.Context, d time.Duration) bool {
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
