package transport

import (
	"context"
	"net/http/httptrace"
	"sync/atomic"
)

// A Trace tells what happened to one request on the wire. It is safe for concurrent use: net/http may go on writing
// a request's body after its answer arrived.
type Trace struct {
	watched atomic.Bool
	reused  atomic.Bool
	headers atomic.Int32

	hooks httptrace.ClientTrace
}

// WithTrace returns a context under which an [http.Transport] reports to t, beside any trace that ctx already has.
// One Trace serves one RoundTrip.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	t.hooks = httptrace.ClientTrace{
		GetConn:      func(string) { t.watched.Store(true) },
		GotConn:      func(info httptrace.GotConnInfo) { t.reused.Store(info.Reused) },
		WroteHeaders: func() { t.headers.Add(1) },
	}
	return httptrace.WithClientTrace(ctx, &t.hooks)
}

// Unwritten reports that no header of the request was written, so that the server cannot have acted on it. It is
// false where the base did not report, as one that is not an http.Transport may not.
func (t *Trace) Unwritten() bool { return t.watched.Load() && t.headers.Load() == 0 }

// Reused reports whether the request went over a connection that had been used before.
func (t *Trace) Reused() bool { return t.reused.Load() }

// Writes returns how often the request's headers were written: once, unless net/http sent it again by itself, and 0
// if they were not, or the base did not report.
func (t *Trace) Writes() int { return int(t.headers.Load()) }
