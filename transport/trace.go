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
	// Foreign says that something stands between the program and net/http's transport. Then answers are watched, for
	// [Trace.Guard], and so is where the request goes. It is to be set before WithTrace.
	Foreign bool

	// Again, if not nil, is called before a request whose headers were written is sent once more, to where it then goes:
	// because it was answered, by a redirect perhaps, or because its connection failed. It may cancel the request's
	// context. It needs Foreign.
	Again func(hostPort string, answered bool)

	watched  atomic.Bool
	reused   atomic.Bool
	http2    atomic.Bool
	headers  atomic.Int32
	answers  atomic.Int32 // that have begun to arrive
	announce atomic.Int32 // and those that only announce one (1xx)
	counted  atomic.Int32 // how often the headers had been written when the body was last given again
	passed   atomic.Int32 // and how many answers had arrived then

	hooks httptrace.ClientTrace
}

// WithTrace returns a context under which an [http.Transport] reports to t, beside any trace that ctx already has.
// One Trace serves one request, however often it is sent.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	t.hooks = httptrace.ClientTrace{
		GetConn:      t.getConn,
		GotConn:      t.gotConn,
		WroteHeaders: func() { t.headers.Add(1) },
	}
	if t.Foreign {
		t.hooks.GotFirstResponseByte = func() { t.answers.Add(1) }
		t.hooks.Got1xxResponse = t.got1xx
		t.hooks.WroteHeaderField = t.wroteHeaderField
	}
	return httptrace.WithClientTrace(ctx, &t.hooks)
}

func (t *Trace) getConn(hostPort string) {
	t.watched.Store(true)
	if t.Again != nil && t.headers.Load() > 0 {
		t.Again(hostPort, t.answers.Load() > 0)
	}
}

func (t *Trace) gotConn(info httptrace.GotConnInfo) {
	t.reused.Store(info.Reused)
	if c, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok {
		t.http2.Store(c.ConnectionState().NegotiatedProtocol == "h2")
	}
}

// wroteHeaderField knows HTTP/2 by its pseudo header fields, on connections without TLS, too.
func (t *Trace) wroteHeaderField(key string, _ []string) {
	if strings.HasPrefix(key, ":") {
		t.http2.Store(true)
	}
}

// maxAnnounced is how many 1xx answers are read. Without a hook for them, net/http bounds them itself.
const maxAnnounced = 100

var errAnnounced = errors.New("transport: too many 1xx answers")

// got1xx counts an answer that is not the real one; of both, net/http reports the first byte only once.
func (t *Trace) got1xx(int, textproto.MIMEHeader) error {
	if t.announce.Add(1) > maxAnnounced {
		return errAnnounced
	}
	t.passed.Store(t.answers.Load())
	return nil
}

// ErrReplay is what a request fails with that net/http wanted to send once more although a server may have read it.
var ErrReplay = errors.New("transport: the connection failed, and net/http may not send the request once more: a server may have read it")

// Guard returns getBody for a request that reports to t, as long as it may be sent again beneath of itself. Once an answer
// has arrived it may, if something Foreign stands there: that then knows what it was answered.
//
// On HTTP/1 it does so only on a connection that had been used before, and turns out to be closed before anything was
// written. On HTTP/2 it does so, too, when the server says that it did not process the request, but also, and without
// end, when the server reset the stream with PROTOCOL_ERROR, whatever it had done by then. Which it is cannot be told by
// who is asked for the body, so it gets [ErrReplay] once headers were written over HTTP/2. Without any GetBody, net/http
// tells by its error: see [Unprocessed].
func (t *Trace) Guard(getBody func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	if getBody == nil {
		return nil
	}
	return func() (io.ReadCloser, error) {
		written, answers := t.headers.Load(), t.answers.Load()
		if answers > t.passed.Swap(answers) {
			t.counted.Store(written)
			return getBody()
		}
		if written > t.counted.Swap(written) && (t.http2.Load() || !t.reused.Load()) {
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

// Reported reports whether the base reported at all.
func (t *Trace) Reported() bool { return t.watched.Load() }

// HTTP2 reports whether the request went over HTTP/2; without TLS, it is known if something Foreign stands there.
func (t *Trace) HTTP2() bool { return t.http2.Load() }

// Reused reports whether the request went over a connection that had been used before.
func (t *Trace) Reused() bool { return t.reused.Load() }

// Writes returns how often the request's headers were written: once, unless it was sent again after the server had said
// that it did not process it, and 0 if they were not, or the base did not report.
func (t *Trace) Writes() int { return int(t.headers.Load()) }
