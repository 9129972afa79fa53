package llmtest

import (
	"net/http"
	"strconv"
	"time"
)

// apiError is an error response in the provider's own format.
type apiError struct {
	status int
	wait   time.Duration       // sent as Retry-After, if > 0
	millis bool                // also send it as retry-after-ms
	value  any                 // the value of "error"
	layout func([]byte) []byte // changes the bytes of the body; may be nil
}

// body returns the JSON body with the error in its envelope.
func (e *apiError) body() []byte {
	b := encode(map[string]any{"error": e.value})
	if e.layout != nil {
		b = e.layout(b)
	}
	return b
}

// setHeader sets the headers that say when to retry. They are rounded up, because a
// client that waits as long as they say must not retry too early.
func (e *apiError) setHeader(h http.Header) {
	if e.wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(ceilDiv(e.wait, time.Second), 10))
	}
	if e.millis {
		h.Set("Retry-After-Ms", strconv.FormatInt(ceilDiv(e.wait, time.Millisecond), 10))
	}
}
