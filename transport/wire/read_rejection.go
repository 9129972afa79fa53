package wire

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
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

// ErrorMessage returns the message of a response outside of 2xx, in one of the shapes that providers use, or its text if it
// is plain; "" if it has none. At most the first 2 KB are returned. The message may quote the prompt, so it is not for a
// log. The response's body is still whole for the caller.
func ErrorMessage(resp *http.Response) string {
	const most = 2 << 10
	body, _ := peek(resp, peekSize, peekTime)
	body = bytes.TrimSpace(unpacked(resp.Header, body))
	e := readError(body)
	text := e.message
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); e == (apiError{}) && media == "text/plain" {
		text = string(body)
	}
	if len(text) > most {
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "")
}

// isDocument reports whether body is a whole JSON document.
func isDocument(body []byte) bool {
	_, err := transport.Find(body, nil)
	return err == nil
}
