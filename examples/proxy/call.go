package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// calls is the RoundTripper above the stack: it makes of a client's request one that the stack can do all it knows with.
// What is not recognised as a call is passed on as it is.
type calls struct {
	*gate
	next      http.RoundTripper // the stack
	encodings bool              // leave Accept-Encoding alone
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
		if err := hold(out); err != nil {
			return nil, err
		}
	}
	if r := runsOn(&call); r != (runOn{}) {
		return c.stay(out, r)
	}
	return c.next.RoundTrip(out)
}

// plain takes Accept-Encoding from a call whose stream tells its usage only on request, and by an event that the client
// did not ask for: that event can be hidden only in a stream that is not compressed. Most SDKs in other languages ask for
// compression with every request.
func plain(out *http.Request) {
	if out.Header["Accept-Encoding"] != nil {
		out.Header = out.Header.Clone()
		out.Header.Del("Accept-Encoding")
	}
}

// mostHeld is how much of a call's body is held in memory, so that it can be edited and sent again. A longer one, such as
// a file's, is passed on as it comes, to be sent once.
const mostHeld = 32 << 20

// hold takes the request's body into memory: a longer one than a few pages is edited and sent again by the stack only if
// the request can give it again.
func hold(out *http.Request) error {
	if out.Body == nil || out.Body == http.NoBody || out.ContentLength > mostHeld {
		return nil
	}
	var held bytes.Buffer
	if n := out.ContentLength; n > 0 {
		held.Grow(int(min(n, 1<<20)) + bytes.MinRead) // no more on the word of a header
	}
	if _, err := held.ReadFrom(io.LimitReader(out.Body, mostHeld+1)); err != nil {
		out.Body.Close()
		return errors.Join(errUpload, err)
	}
	if held.Len() > mostHeld {
		out.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(&held, out.Body), out.Body}
		return nil
	}
	if err := out.Body.Close(); err != nil {
		return errors.Join(errUpload, err)
	}
	body := held.Bytes()
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	out.Body, _ = out.GetBody()
	return nil
}

var errUpload = errors.New("the client's request broke off")
