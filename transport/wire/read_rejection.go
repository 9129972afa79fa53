package wire

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// How much of a response outside of 2xx is read to learn what it means, and for how long.
const (
	peekSize = 64 << 10
	peekTime = time.Second
)

// ReadRejection reads the beginning of a response outside of 2xx, at most 64 KB and for at most a second, and returns what
// it means by the dialect of its call. asked is the tier that the attempt asked for. The response's body is still whole for
// the caller.
//
// What a dialect takes for free is ambiguous if the response did not arrive completely: what is missing could say that it
// is of another kind.
func ReadRejection(d Dialect, c *Call, resp *http.Response, asked policy.Tier) Rejection {
	body, err := peek(resp, peekSize, peekTime)
	body = unpacked(resp.Header, body)
	r := d.Rejection(c, &Response{Status: resp.StatusCode, Header: resp.Header, Body: body, Asked: asked, At: time.Now()})
	switch {
	case r.Outcome == "":
		r.Outcome = policy.Ambiguous
	case r.Outcome == policy.Rejected && !errors.Is(err, io.EOF) && !isDocument(body):
		r.Outcome, r.Evidence = policy.Ambiguous, ""
	}
	return r
}

// isDocument reports whether body is a whole JSON document.
func isDocument(body []byte) bool {
	_, err := transport.Find(body, nil)
	return err == nil
}
