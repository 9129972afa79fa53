package wire

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
)

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
