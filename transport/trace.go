package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
)

// A Trace tells what happened to one request on the wire. It is safe for concurrent use: net/http may go on writing
// a request's body after its answer arrived.
type Trace struct {
	// WatchAnswers has [Trace.Answered] and [Trace.Guard] know of answers. It is to be set before WithTrace.
	WatchAnswers bool

	watched atomic.Bool
	reused  atomic.Bool
	http2   atomic.Bool
	answers atomic.Int32 // that have begun to arrive, but for those that only announce one (1xx)
	headers atomic.Int32
	counted atomic.Int32 // how often the headers had been written when the body was last given again
	passed  atomic.Int32 // and how many answers had begun to arrive then

	hooks httptrace.ClientTrace
}

// WithTrace returns a context under which an [http.Transport] reports to t, beside any trace that ctx already has.
// One Trace serves one request, however often it is sent.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	t.hooks = httptrace.ClientTrace{
		GetConn:      func(string) { t.watched.Store(true) },
		GotConn:      t.gotConn,
		WroteHeaders: func() { t.headers.Add(1) },
	}
	if t.WatchAnswers {
		t.hooks.GotFirstResponseByte = func() { t.answers.Add(1) }
		t.hooks.Got1xxResponse = func(int, textproto.MIMEHeader) error {
			t.answers.Store(t.passed.Load())
			return nil
		}
	}
	return httptrace.WithClientTrace(ctx, &t.hooks)
}

func (t *Trace) gotConn(info httptrace.GotConnInfo) {
	t.reused.Store(info.Reused)
	if c, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		t.http2.Store(c.ConnectionState().NegotiatedProtocol == "h2")
	}
}

// ErrReplay is what a request fails with that net/http wanted to send once more although a server may have read it.
var ErrReplay = errors.New("transport: the connection failed, and net/http may not send the request once more: a server may have read it")

// Guard returns getBody for a request that reports to t, as long as it may be sent again beneath of itself. Once an answer
// has arrived it may, if t watches answers: what stands there then knows what it was answered.
//
// On HTTP/1 it does so only on a connection that had been used before, and turns out to be closed before anything was
// written. On HTTP/2 it does so, too, when the server says that it did not process the request, but also, and without
// end, when the server reset the stream with PROTOCOL_ERROR, whatever it had done by then. Which it is cannot be told by
// who is asked for the body, so it gets [ErrReplay] once headers were written over HTTP/2, which http2 says is spoken
// where the connection does not say so itself. Without any GetBody, net/http tells by its error: see [Unprocessed].
func (t *Trace) Guard(getBody func() (io.ReadCloser, error), http2 bool) func() (io.ReadCloser, error) {
	if getBody == nil {
		return nil
	}
	return func() (io.ReadCloser, error) {
		written, answers := t.headers.Load(), t.answers.Load()
		if answers > t.passed.Swap(answers) {
			t.counted.Store(written)
			return getBody()
		}
		if written > t.counted.Swap(written) && (http2 || t.http2.Load() || !t.reused.Load()) {
			return nil, ErrReplay
		}
		return getBody()
	}
}

// Unprocessed reports whether err, of an [http.Transport] whose request had a body and no GetBody, says that the server
// did not process the request: it refused the stream (REFUSED_STREAM), or went away (GOAWAY) before it came to it, which
// is safe to send again by RFC 9113, section 8.7. Had it a GetBody, net/http would have sent it again of itself, and
// also where the server reset the stream with PROTOCOL_ERROR, which says nothing of the kind.
//
// net/http has no type for it, so it is told by its text, which is that of Go 1.25 and 1.26. Any other text means no.
func Unprocessed(err error) bool {
	if err == nil {
		return false
	}
	_, why, ok := strings.Cut(err.Error(), "cannot retry err [")
	why, _, ended := strings.Cut(why, "] after Request.Body was written")
	if !ok || !ended {
		return false
	}
	return strings.HasPrefix(why, "stream error: ") && strings.Contains(why, "; REFUSED_STREAM") ||
		strings.HasSuffix(why, "graceful shutdown GOAWAY")
}

// Unwritten reports that no header of the request was written, so that the server cannot have acted on it. It is
// false where the base did not report, as one that is not an http.Transport may not.
func (t *Trace) Unwritten() bool { return t.watched.Load() && t.headers.Load() == 0 }

// Reported reports whether the base reported at all.
func (t *Trace) Reported() bool { return t.watched.Load() }

// Answered reports whether an answer has begun to arrive, as far as t watches answers.
func (t *Trace) Answered() bool { return t.answers.Load() > 0 }

// Reused reports whether the request went over a connection that had been used before.
func (t *Trace) Reused() bool { return t.reused.Load() }

// Writes returns how often the request's headers were written: once, unless it was sent again after the server had said
// that it did not process it, and 0 if they were not, or the base did not report.
func (t *Trace) Writes() int { return int(t.headers.Load()) }
