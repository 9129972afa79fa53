package middleware

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// This file decides which requests may be sent again beneath the chain. net/http sends a request again on its own when a
// connection turns out to be dead, and on HTTP/2 when a stream ends in REFUSED_STREAM, GOAWAY or PROTOCOL_ERROR. After the
// last of these the server may have done the work, so a repetition could be billed twice.

// guard decides whether the request may be sent again beneath.
func (a *attempt) guard(out *http.Request) {
	s := a.sender
	switch {
	case !s.bare && !s.client, s.spoken.of(out.URL.Host) == 1:
		out.GetBody = a.trace.Guard(out.GetBody)
	case a.c.wire.Kind == wire.Free:
	default:
		// Over HTTP/2 only the error of a request without GetBody says whether the server processed it. Over HTTP/1,
		// net/http uses GetBody only on reused connections; the host has then answered before, so its protocol is known.
		out.GetBody = nil
	}
}

// watch makes the trace cancel the attempt before something beneath sends the request again although it must not: an
// http.Client that follows a redirect, or net/http with an empty POST, which no GetBody can stop.
func (a *attempt) watch(ctx context.Context) context.Context {
	s, req := a.sender, a.c.request
	empty := req.Method == http.MethodPost && (req.Body == nil || req.Body == http.NoBody) && a.c.wire.Kind != wire.Free
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
			end(a.redirectError("the http.Client beneath was redirected, and", where))
		case empty && !answered && a.trace.HTTP2():
			end(transport.ErrReplay)
		}
	}
	return ctx
}

// unprocessed returns the request to send again if err says that the server did not process it, as net/http would have done
// with a GetBody. It returns nil if the request cannot be sent again, or has been already: then a retry link decides.
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
	return again
}

// lost returns what an attempt without an answer means for the bill.
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

// withoutIdempotencyKeys returns the request without idempotency keys: the same one if it has none. No provider honours such
// a key, and it makes http.Transport send a POST again on its own when a reused connection dies (net/http, isReplayable),
// which is billed twice.
func withoutIdempotencyKeys(req *http.Request) *http.Request {
	out := req
	for k := range req.Header {
		if !isIdempotencyKey(k) {
			continue
		}
		if out == req {
			out = req.WithContext(req.Context())
			out.Header = req.Header.Clone()
		}
		delete(out.Header, k)
	}
	return out
}

func isIdempotencyKey(key string) bool {
	return (len(key) == len("Idempotency-Key") || len(key) == len("X-Idempotency-Key")) &&
		(strings.EqualFold(key, "Idempotency-Key") || strings.EqualFold(key, "X-Idempotency-Key"))
}
