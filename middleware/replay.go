package middleware

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/wire"
)

// This file decides which requests may be sent again beneath the chain. net/http sends a request again on its own when a
// connection turns out to be dead, and on HTTP/2 when a stream ends in REFUSED_STREAM, GOAWAY or PROTOCOL_ERROR. After the
// last of these the server may have done the work, so a repetition could be billed twice.

// guard decides whether the request may be sent again beneath, and has the trace notice what reads its body.
func (a *attempt) guard(out *http.Request) {
	s, c := a.sender, a.c
	protocol, free := s.spoken.of(c.request.URL.Host), c.wire.Kind == wire.Free
	switch {
	case out.Body != nil && out.Body != http.NoBody:
		// The program's own body, which goes through unread and once, stays what it is.
		if out.GetBody != nil || c.wire.Kind == wire.Billable {
			out.Body = a.trace.Body(out.Body)
		}
	case !s.bare && !free && protocol != 1 && out.Method == http.MethodPost:
		// Over HTTP/2, net/http sends a request without a body again and again after PROTOCOL_ERROR. It does not do so with
		// a body that it cannot open again, even if that is empty.
		out.Body, out.GetBody, out.ContentLength = a.trace.Body(http.NoBody), nil, 0
	}
	switch {
	case protocol == 1, !s.bare && !s.client:
		out.GetBody = a.trace.Guard(out.GetBody)
		a.stayHere(out)
	case free:
	default:
		// Over HTTP/2 only the error of a request without GetBody says whether the server processed it. Over HTTP/1,
		// net/http uses GetBody only on reused connections; the host has then answered before, so its protocol is known.
		out.GetBody = nil
	}
}

// stayHere keeps an http.Client beneath from sending the body where it is redirected to. When the trace sees the redirect, the
// request may be on its way on an idle connection.
func (a *attempt) stayHere(out *http.Request) {
	getBody := out.GetBody
	if !a.sender.client || getBody == nil {
		return
	}
	out.GetBody = func() (io.ReadCloser, error) {
		if a.trace.Answered() {
			return nil, a.redirectError("the http.Client beneath was redirected, and", "another URL")
		}
		return getBody()
	}
}

// copyOf returns a copy of the request with a context. A base that is not net/http's may write to it, so it then has a URL of
// its own, and later a header: see isolate.
func (a *attempt) copyOf(req *http.Request, ctx context.Context) *http.Request {
	a.out = *req.WithContext(ctx)
	if !a.sender.bare {
		own := *req.URL
		a.out.URL = &own
	}
	return &a.out
}

// isolate gives the request a header of its own, unless it has one already.
func (a *attempt) isolate(out *http.Request) {
	if !a.sender.bare && len(a.edits.Header) == 0 && !a.c.headers.IdempotencyKey {
		out.Header = maps.Clone(out.Header)
	}
}

// watch makes the trace cancel the attempt before something beneath sends the request again although it must not: an
// http.Client that follows a redirect, or net/http with an empty POST, which no GetBody can stop.
func (a *attempt) watch(ctx context.Context) context.Context {
	s, req := a.sender, a.c.request
	noBody := req.Body == nil || req.Body == http.NoBody || a.c.body.Size() == 0
	empty := req.Method == http.MethodPost && noBody && a.c.wire.Kind != wire.Free
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

// exchange sends the request, and notes if the server says that it did not process it.
func (a *attempt) exchange(out *http.Request) (*http.Response, error) {
	resp, err := a.sender.base.RoundTrip(out)
	if transport.Unprocessed(err) {
		a.void++
		a.trace.Forgive()
	}
	return resp, err
}

// unprocessed returns the request to send again if err says that the server did not process it, as net/http would have done
// with a GetBody. It returns nil if the request cannot be sent again, or was sent by something else beneath as well: then a
// retry link decides.
func (a *attempt) unprocessed(out *http.Request, err error) *http.Request {
	if !transport.Unprocessed(err) || a.again == nil || out.Context().Err() != nil || a.trace.Sends() > a.void {
		return nil
	}
	body, err := a.again()
	if err != nil {
		return nil
	}
	again := out.WithContext(out.Context())
	again.Body = a.trace.Body(body)
	return again
}

// resent reports whether something beneath may have sent the request more than once. What net/http's own transport sends
// again on its own is free.
func (a *attempt) resent() bool { return !a.sender.bare && a.trace.Sends()-a.void > 1 }

// lost returns what an attempt without an answer means for the bill.
func (a *attempt) lost(err error) wire.Rejection {
	sent := a.trace.Sends() - a.void
	switch {
	case errors.Is(err, ErrRedirect):
		return wire.Rejection{Outcome: policy.Rejected, Evidence: policy.Inferred, Reason: policy.Redirected}
	case sent > 0:
	case transport.Unprocessed(err):
		return wire.Rejection{Outcome: policy.Rejected, Evidence: policy.Documented, Reason: policy.Unprocessed}
	}
	if code, permanent, ok := a.unsent(err); sent <= 0 && ok {
		if permanent {
			return wire.Rejection{Outcome: policy.NotSent, Reason: policy.Permanent, Code: code}
		}
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
