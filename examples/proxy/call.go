package main

import (
	"context"
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
		// The stack asks for the usage of a stream that has it only on request, and hides the event with it from the client,
		// which it can do only in a stream that is not compressed. Most SDKs in other languages ask for compression with every
		// request.
		without(out, "Accept-Encoding")
	}
	if x := exchangeOf(out.Context()); x != nil && call.Kind == wire.Billable {
		if err := x.receive(out); err != nil {
			return nil, err
		}
		if out.GetBody != nil {
			without(out, "Expect") // the client has sent the body, so there is nothing to wait for
		}
	}
	if r := runsOn(&call); r != (runOn{}) {
		return c.stay(out, r)
	}
	return c.next.RoundTrip(out)
}

// without removes a header from a request, whose headers may be in use elsewhere.
func without(out *http.Request, name string) {
	if out.Header[name] != nil {
		out.Header = out.Header.Clone()
		out.Header.Del(name)
	}
}
