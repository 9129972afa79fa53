package middleware

import (
	"github.com/skinflint-go/skinflint/transport/wire"

	"errors"
	"net/http"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Identify returns the link that recognises a call and opens its record, which the links below share. Any other link
// of this package does that itself if it is the outermost one; Identify fixes the policy for all of them, whatever they
// were given.
func Identify(p policy.Policy) transport.Middleware { return newEngine(p).identify() }

func (e *engine) identify() transport.Middleware {
	return e.watcher(func(r *record, req *http.Request, next hop) (*http.Response, error) {
		r.fixed = r.fixed || r.governor == e
		return next.send(r, req)
	})
}

// A handler is what a link does with a recognised call.
type handler func(r *record, req *http.Request, next hop) (*http.Response, error)

// A hop leads to what stands beneath a link.
type hop struct {
	own *link // the next link of ours; nil if it is a foreign RoundTripper
	rt  http.RoundTripper
}

// send hands a call on. A link of ours gets its record directly; one of ours that stands behind a foreign one finds it in
// the request's context.
func (h hop) send(r *record, req *http.Request) (*http.Response, error) {
	if h.own != nil {
		return h.own.run(r, req)
	}
	if ctx := r.within(req); ctx != req.Context() {
		req = req.WithContext(ctx)
	}
	return h.rt.RoundTrip(req)
}

// link returns a link of ours. The innermost one puts an attempt link beneath itself, and the outermost one opens the
// record, so that each works alone.
func (e *engine) link(f handler) transport.Middleware { return e.newLink(f, false) }

// watcher returns a link of ours that also sees calls which are only to be watched.
func (e *engine) watcher(f handler) transport.Middleware { return e.newLink(f, true) }

func (e *engine) newLink(f handler, watches bool) transport.Middleware {
	return func(next http.RoundTripper) http.RoundTripper {
		if next == nil {
			next = http.DefaultTransport
		}
		own, ok := next.(*link)
		if !ok {
			own = &link{engine: e, next: hop{rt: next}, watches: true}
			own.f = newSender(e, next).send
		}
		return &link{engine: e, f: f, next: hop{own, own}, watches: watches}
	}
}

type link struct {
	engine *engine
	f      handler
	next   hop

	watches bool      // calls that are passive, too
	form    ErrorForm // of what the caller is told, if it is the outermost link
}

// RoundTrip hands a recognised call to the link's handler, and passes every other request on as it is.
func (l *link) RoundTrip(req *http.Request) (*http.Response, error) {
	if r := recordOf(req); r != nil {
		return l.run(r, req)
	}
	r, err := l.engine.open(req)
	if r == nil {
		return l.next.rt.RoundTrip(l.engine.untouched(req))
	}
	var resp *http.Response
	if err == nil {
		resp, err = l.run(r, req)
	}
	r.returned.Store(true)
	if r.refusal != nil && errors.Is(err, r.refusal) {
		r.account(l.engine)
		r.emitRefusal()
	}
	return l.deliver(r, req, resp, err)
}

// untouched returns a request that is no call as it is, but for an idempotency key of a POST to a provider: of the work
// that such a request hands in, too, it would have http.Transport send it again.
func (e *engine) untouched(req *http.Request) *http.Request {
	if req.Method != http.MethodPost || !e.router.Provides(req.URL) {
		return req
	}
	for k := range req.Header {
		if isIdempotencyKey(k) {
			req = req.WithContext(req.Context())
			stripIdempotencyKeys(req)
			break
		}
	}
	return req
}

func (l *link) run(r *record, req *http.Request) (*http.Response, error) {
	if l.engine.err != nil {
		return nil, r.refuse(badPolicy(l.engine.err))
	}
	r.govern(l.engine)
	if r.call.Kind != wire.Billable && !l.watches {
		return l.next.send(r, req)
	}
	return l.f(r, req, l.next)
}

// CloseIdleConnections forwards the call.
func (l *link) CloseIdleConnections() { transport.CloseIdleConnections(l.next.rt) }
