package llmtest

import "net/http"

// breakOff ends the request without a response, in the way that the fault says.
func (x *responder) breakOff() {
	if status, ok := signals[x.fault]; ok && x.r.ProtoMajor == 2 {
		x.signal(status)
	}
	x.reset()
}

// signals are the statuses that the framer turns into the end of a stream.
var signals = map[Fault]int{
	RefusedStream:          http.StatusNoContent,
	GoAway:                 http.StatusPartialContent,
	ProtocolError:          http.StatusNotModified,
	ProtocolErrorAfterWork: http.StatusNotModified,
}

// signal sends a status without a header, for the framer to see, and ends the exchange.
func (x *responder) signal(status int) {
	h := x.w.Header()
	clear(h)
	h["Date"] = nil // so that net/http adds none
	if status == http.StatusPartialContent {
		// For this header net/http sends a GOAWAY of its own, takes no new streams, and
		// closes the connection when the old ones are done.
		h.Set("Connection", "close")
	}
	x.w.WriteHeader(status)
	_ = http.NewResponseController(x.w).Flush()
	x.abort()
}

// reset breaks the connection before the response. On HTTP/2, where other requests may
// share it, only the stream ends, with INTERNAL_ERROR.
func (x *responder) reset() {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		x.abort()
	}
	if c, ok := conn.(*serverConn); ok {
		c.closeAbruptly()
		return
	}
	_ = conn.Close()
}
