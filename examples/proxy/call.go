package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// calls is the RoundTripper above the stack. It prepares the request of a call so that the stack can edit it, send it again
// and read its answer. Any other request is forwarded unchanged.
type calls struct {
	*gate
	next      http.RoundTripper // the stack
	encodings bool              // never remove Accept-Encoding
	life      context.Context   // its end ends every call
}

// RoundTrip sends a request.
func (c *calls) RoundTrip(req *http.Request) (*http.Response, error) {
	_, call, ok := c.router.Recognise(req.Method, req.URL)
	if !ok {
		return c.next.RoundTrip(req)
	}
	out := req.WithContext(req.Context())
	if call.AskUsage && !c.encodings {
		plain(out)
	}
	if call.Kind == wire.Billable {
		if err := buffer(out); err != nil {
			return nil, err
		}
	}
	if r := runsOn(&call); r != (runOn{}) {
		return c.stay(out, r)
	}
	return c.next.RoundTrip(out)
}

// plain removes Accept-Encoding from a call for a stream that has its usage only on request. The stack asks for that usage
// and hides the event with it from the client, which it can do only in a stream that is not compressed. Most SDKs in other
// languages ask for compression with every request.
func plain(out *http.Request) {
	if out.Header["Accept-Encoding"] != nil {
		out.Header = out.Header.Clone()
		out.Header.Del("Accept-Encoding")
	}
}

// maxBuffered is the size up to which the body of a call is kept in memory, so that it can be edited and sent again. A
// longer body, such as that of a file, is streamed and sent once.
const maxBuffered = 32 << 20

// buffer reads the request's body into memory and sets GetBody. Without GetBody, the stack edits and resends only a body of
// a few pages.
func buffer(out *http.Request) error {
	if out.Body == nil || out.Body == http.NoBody || out.ContentLength > maxBuffered {
		return nil
	}
	var read bytes.Buffer
	if n := out.ContentLength; n > 0 {
		read.Grow(int(min(n, 1<<20)) + bytes.MinRead) // no more, as the header may be wrong
	}
	if _, err := read.ReadFrom(io.LimitReader(out.Body, maxBuffered+1)); err != nil {
		out.Body.Close()
		return errors.Join(errUpload, err)
	}
	if read.Len() > maxBuffered {
		out.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&read, out.Body), out.Body}
		return nil
	}
	if err := out.Body.Close(); err != nil {
		return errors.Join(errUpload, err)
	}
	body := read.Bytes()
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	out.Body, _ = out.GetBody()
	return nil
}

var errUpload = errors.New("the client's request broke off")
