package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http/httptrace"
	"sync/atomic"
)

// A Trace tells what happened to one request on the wire. It is safe for concurrent use: net/http may go on writing
// a request's body after its answer arrived.
type Trace struct {
	watched atomic.Bool
	reused  atomic.Bool
	http2   atomic.Bool
	headers atomic.Int32
	replays atomic.Int32
	counted atomic.Int32 // how often the headers had been written when the body was last given again

	hooks httptrace.ClientTrace
}

// WithTrace returns a context under which an [http.Transport] reports to t, beside any trace that ctx already has.
// One Trace serves one RoundTrip.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	t.hooks = httptrace.ClientTrace{
		GetConn:      func(string) { t.watched.Store(true) },
		GotConn:      t.gotConn,
		WroteHeaders: func() { t.headers.Add(1) },
	}
	return httptrace.WithClientTrace(ctx, &t.hooks)
}

func (t *Trace) gotConn(info httptrace.GotConnInfo) {
	t.reused.Store(info.Reused)
	if c, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		t.http2.Store(c.ConnectionState().NegotiatedProtocol == "h2")
	}
}

// ErrReplay is what a request fails with that net/http wanted to send once more although servers may have read it.
var ErrReplay = errors.New("transport: the connection failed again, and net/http may not send the request once more: a server may have read it")

// Guard returns getBody for a request that reports to t, as long as net/http may send it again of itself.
//
// On HTTP/1 it does so only on a connection that had been used before, and turns out to be closed before anything was
// written: as often as there are such connections. On HTTP/2 it does so when the server says that it did not process the
// request (GOAWAY, REFUSED_STREAM), but also when the peer reset the stream with PROTOCOL_ERROR, whatever it has read,
// and then without end. Which it is cannot be seen from here, so that is let through once; see [Trace.Replays]. Tries in
// between that write nothing, for instance because the connection is going away, do not count.
func (t *Trace) Guard(getBody func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	if getBody == nil {
		return nil
	}
	return func() (io.ReadCloser, error) {
		written := t.headers.Load()
		if written > t.counted.Swap(written) && (t.http2.Load() || !t.reused.Load()) && t.replays.Add(1) > 1 {
			return nil, ErrReplay
		}
		return getBody()
	}
}

// Replays returns how often net/http sent the request again of itself where the server may have acted on it before: 0,
// or 1 if there is a [Trace.Guard].
func (t *Trace) Replays() int { return int(min(t.replays.Load(), 1)) }

// Unwritten reports that no header of the request was written, so that the server cannot have acted on it. It is
// false where the base did not report, as one that is not an http.Transport may not.
func (t *Trace) Unwritten() bool { return t.watched.Load() && t.headers.Load() == 0 }

// Reused reports whether the request went over a connection that had been used before.
func (t *Trace) Reused() bool { return t.reused.Load() }

// Writes returns how often the request's headers were written: once, unless net/http sent it again by itself, and 0
// if they were not, or the base did not report.
func (t *Trace) Writes() int { return int(t.headers.Load()) }
