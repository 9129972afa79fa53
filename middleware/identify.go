package middleware

import (
	"net/http"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Identify returns the link that recognises a call and opens its record, which the links below share. Any other link
// of this package does that itself if it is the outermost one; Identify fixes the policy for all of them.
func Identify(p policy.Policy) transport.Middleware { return newEngine(p).identify() }

func (e *engine) identify() transport.Middleware {
	return e.link(func(r *record, req *http.Request, next http.RoundTripper) (*http.Response, error) {
		r.settle(e)
		return next.RoundTrip(req)
	})
}

// A handler is what a link does with a recognised call.
type handler func(r *record, req *http.Request, next http.RoundTripper) (*http.Response, error)

// link returns a link of ours. The innermost one puts an attempt link beneath itself, and the outermost one opens the
// record, so that each works alone.
func (e *engine) link(f handler) transport.Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		if next == nil {
			next = http.DefaultTransport
		}
		if _, ours := next.(*link); !ours {
			next = &link{e, e.sendOnce, next}
		}
		return &link{e, f, next}
	}
}

type link struct {
	engine *engine
	f      handler
	next   http.RoundTripper
}

// RoundTrip hands a recognised call to the link's handler, and passes every other request on as it is.
func (l *link) RoundTrip(req *http.Request) (*http.Response, error) {
	r := recordOf(req)
	if r != nil {
		if l.engine.err != nil {
			return nil, r.refuse(badPolicy(l.engine.err))
		}
		return l.f(r, req, l.next)
	}
	r, req, err := l.engine.open(req)
	if r == nil {
		return l.next.RoundTrip(req)
	}
	var resp *http.Response
	if err == nil {
		resp, err = l.f(r, req, l.next)
	}
	if r.refusal != nil {
		r.account(l.engine)
		r.emitRefusal()
	}
	return resp, err
}

// CloseIdleConnections forwards the call.
func (l *link) CloseIdleConnections() { transport.CloseIdleConnections(l.next) }
