package middleware

import (
	"context"
	"net/http"
)

// A sender is what a chain knows about the RoundTripper beneath it.
type sender struct {
	base   http.RoundTripper
	bare   bool // it is net/http's own transport
	client bool // it is an http.Client, which follows redirects
	spoken *protocols
}

func newSender(base http.RoundTripper) sender {
	s := sender{base: base, spoken: new(protocols)}
	if t, bare := base.(*http.Transport); bare {
		s.bare, s.spoken = true, protocolsOf(t)
	}
	_, s.client = base.(contextBase)
	return s
}

// contextBase is the base of a chain that is used as a func: see [Stack.Middleware]. It calls the func in the request's
// context.
type contextBase struct{}

type nextKey struct{}

func (contextBase) RoundTrip(req *http.Request) (*http.Response, error) {
	return req.Context().Value(nextKey{}).(roundTrip)(req)
}

// A roundTrip is what an SDK gives to its middleware.
type roundTrip = func(*http.Request) (*http.Response, error)

// withNext returns the request for contextBase.
func withNext(req *http.Request, next roundTrip) *http.Request {
	return req.WithContext(context.WithValue(req.Context(), nextKey{}, next))
}
