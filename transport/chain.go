package transport

import "net/http"

// A Middleware wraps a RoundTripper in another. Any func of this shape fits, also one of another library.
type Middleware = func(http.RoundTripper) http.RoundTripper

// Chain puts the middleware around base, the first one outermost, and returns the whole as one RoundTripper, whose
// CloseIdleConnections reaches base even past a middleware that does not forward it. A nil base is
// [http.DefaultTransport], looked up now; a nil middleware is left out.
func Chain(base http.RoundTripper, middleware ...Middleware) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	outer := base
	for i := len(middleware) - 1; i >= 0; i-- {
		if middleware[i] != nil {
			outer = middleware[i](outer)
		}
	}
	return &chain{RoundTripper: outer, base: base}
}

type chain struct {
	http.RoundTripper
	base http.RoundTripper
}

func (c *chain) CloseIdleConnections() { CloseIdleConnections(c.base) }

// Unwrap returns the outermost RoundTripper, for a middleware that has to know what it is put around.
func (c *chain) Unwrap() http.RoundTripper { return c.RoundTripper }

// CloseIdleConnections calls the method of that name, if rt has one, as [http.Client.CloseIdleConnections] does.
func CloseIdleConnections(rt http.RoundTripper) {
	if c, ok := rt.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTripperFunc makes a func a RoundTripper.
type RoundTripperFunc func(*http.Request) (*http.Response, error)

// RoundTrip calls f.
func (f RoundTripperFunc) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// Link returns the Middleware that calls f with each request, and with the RoundTripper beneath it. Its RoundTrippers
// forward CloseIdleConnections. f must obey the contract of [http.RoundTripper]. For example, it must close the request's
// body if it does not send the request. A nil next is [http.DefaultTransport].
func Link(f func(req *http.Request, next http.RoundTripper) (*http.Response, error)) Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		if next == nil {
			next = http.DefaultTransport
		}
		return &link{f, next}
	}
}

type link struct {
	f    func(*http.Request, http.RoundTripper) (*http.Response, error)
	next http.RoundTripper
}

func (l *link) RoundTrip(req *http.Request) (*http.Response, error) { return l.f(req, l.next) }

func (l *link) CloseIdleConnections() { CloseIdleConnections(l.next) }
