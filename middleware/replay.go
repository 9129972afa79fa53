package middleware

import (
	"context"
	"errors"
	"net"
	"net/http"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// What stands beneath may send a request again of itself: net/http does on connections that turn out to be dead, and on
// HTTP/2 whenever a stream was reset in one of three ways, one of which says nothing of what was done. Here stands what of
// that is let through, what is told apart, and what is ended.

// guard decides what of the request stands beneath may send again of itself.
func (a *attempt) guard(out *http.Request) {
	s := a.sender
	switch {
	case !s.bare && !s.client, s.spoken.of(out.URL.Host) == 1:
		out.GetBody = a.trace.Guard(out.GetBody)
	case a.r.call.Kind == wire.Free:
	default:
		// Over HTTP/2 only the error of a request without GetBody says whether the server has processed it. On
		// HTTP/1, net/http needs it only for connections that were used before; by then the host has answered.
		out.GetBody = nil
	}
}

// watch has the trace of the attempt end it where something beneath would send it once more that may not: an http.Client
// that follows a redirect, and net/http a POST without a body, which it sends again on HTTP/2 whatever the server says.
func (a *attempt) watch(ctx context.Context, req *http.Request) context.Context {
	s := a.sender
	empty := req.Method == http.MethodPost && (req.Body == nil || req.Body == http.NoBody) && a.r.call.Kind != wire.Free
	a.trace.Foreign = !s.bare || empty
	if !s.client && !empty {
		return ctx
	}
	ctx, end := context.WithCancelCause(ctx)
	timeout := a.cancel
	a.cancel = func() {
		end(nil)
		if timeout != nil {
			timeout()
		}
	}
	a.trace.Again = func(where string, answered bool) {
		switch {
		case s.client && answered:
			end(a.strayed("the http.Client beneath is redirected, and", where))
		case empty && !answered && a.trace.HTTP2():
			end(transport.ErrReplay)
		}
	}
	return ctx
}

// unprocessed returns the request once more if err says that the server did not process it, as net/http would have sent
// it again of itself; nil if it cannot be sent again, or has been already: then it is for a retry link.
func (a *attempt) unprocessed(out *http.Request, err error) *http.Request {
	if !transport.Unprocessed(err) {
		return nil
	}
	a.void = a.trace.Writes()
	if a.again == nil || out.Context().Err() != nil {
		return nil
	}
	body, err := a.again()
	if err != nil {
		return nil
	}
	again := out.WithContext(out.Context())
	again.Body = body
	a.body = body
	return again
}

// lost says what an attempt without an answer did to the bill.
func (a *attempt) lost(err error) wire.Rejection {
	var op *net.OpError
	dialed := errors.As(err, &op) && op.Op == "dial"
	switch written := a.trace.Writes() - a.void; {
	case errors.Is(err, ErrRedirect):
		return wire.Rejection{Outcome: policy.Rejected, Evidence: policy.Inferred, Reason: policy.Redirected}
	case transport.Unprocessed(err):
		return wire.Rejection{Outcome: policy.Rejected, Evidence: policy.Documented, Reason: policy.Unprocessed}
	case written <= 0 && (a.trace.Reported() || dialed):
		return wire.Rejection{Outcome: policy.NotSent, Reason: policy.TransportLost}
	}
	return wire.Rejection{Outcome: policy.Ambiguous, Reason: policy.TransportLost}
}
