package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"sync/atomic"
)

// A Trace reports what happened to one request on the wire: see [WithTrace]. The zero Trace is ready. It is safe for
// concurrent use: net/http may go on writing a request's body after its answer arrived.
type Trace struct {
	// Foreign says that something stands between the program and net/http's transport, such as an [http.Client] that
	// follows redirects. Then answers are counted as well, for [Trace.Guard], and so are the bodies that are read: what
	// stands between may send the request under a context of its own, and then nothing is reported. It must be set before
	// WithTrace.
	Foreign bool

	// Again, if not nil, is called before a request whose headers were written is sent once more. It gets the host and port
	// to which the request then goes, and whether there was an answer, such as a redirect; if not, the connection failed.
	// It may cancel the request's context. Without Foreign, answers are not counted, and answered is false.
	Again func(hostPort string, answered bool)

	watched  atomic.Bool
	reused   atomic.Bool // the request went over a connection that had been used before
	http2    atomic.Bool
	headers  atomic.Int32
	answers  atomic.Int32 // that have begun to arrive
	announce atomic.Int32 // how many of them are 1xx, which only announce an answer

	// What Guard knew when it last returned a body:
	guardedHeaders atomic.Int32 // how often the headers had been written
	guardedAnswers atomic.Int32 // how many answers had arrived

	reads   reads
	context tracedContext
}

// WithTrace returns a context under which an [http.Transport] reports to t, as well as to any trace that ctx already has.
// One Trace serves one request, however often it is sent.
func WithTrace(ctx context.Context, t *Trace) context.Context {
	if traceKey == nil {
		return httptrace.WithClientTrace(ctx, t.newHooks())
	}
	t.context = tracedContext{Context: ctx, trace: t}
	return &t.context
}

// A tracedContext is the context of a Trace. It makes the hooks when net/http asks for them: most of their cost is saved
// where nothing does, as above a cache.
type tracedContext struct {
	context.Context
	trace *Trace
	once  sync.Once
	hooks *httptrace.ClientTrace
}

func (c *tracedContext) Value(key any) any {
	if key != traceKey {
		return c.Context.Value(key)
	}
	c.once.Do(func() {
		c.hooks = c.trace.newHooks()
		if httptrace.ContextClientTrace(c.Context) != nil {
			httptrace.WithClientTrace(c.Context, c.hooks) // adds the hooks that are there to ours
		}
	})
	return c.hooks
}

// traceKey is the key under which package httptrace looks for hooks in a context.
var traceKey = func() any {
	var asked keyContext
	httptrace.ContextClientTrace(&asked)
	return asked.key
}()

// A keyContext notes the key of the value that it was asked for.
type keyContext struct {
	context.Context
	key any
}

func (c *keyContext) Value(key any) any {
	c.key = key
	return nil
}

// newHooks returns all hooks at once: a RoundTripper beneath that has a trace of its own takes over those that are there.
func (t *Trace) newHooks() *httptrace.ClientTrace {
	hooks := &httptrace.ClientTrace{
		GetConn:      t.getConn,
		GotConn:      t.gotConn,
		WroteHeaders: func() { t.headers.Add(1) },
	}
	if t.Foreign {
		hooks.GotFirstResponseByte = func() { t.answers.Add(1) }
		hooks.Got1xxResponse = t.got1xx
		hooks.WroteHeaderField = t.wroteHeaderField
	}
	return hooks
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

// wroteHeaderField recognises HTTP/2 by its pseudo header fields, such as :method, also on connections without TLS.
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
	t.guardedAnswers.Store(t.answers.Load())
	return nil
}

// ErrReplay is the error of a request that net/http, or something else beneath, wanted to send once more although a server
// may have read it: see [Trace.Guard].
var ErrReplay = errors.New("transport: the request may not be sent once more: a server may have read it, and nothing beneath reported (net/http/httptrace) that it did not")

// Guard returns a GetBody for a request that reports to t. While something beneath may send the request again on its own,
// GetBody returns what getBody returns, and else [ErrReplay]. If getBody is nil, so is the result.
//
// GetBody has to be set before the protocol is known, so it decides when it is called:
//
//   - On HTTP/1, net/http sends a request again only if its connection had been used before, and turns out to be closed
//     before anything was written. That is safe.
//   - On HTTP/2, it does so as well when the server says that it did not process the request, which is safe, but also,
//     and without end, when the server reset the stream with PROTOCOL_ERROR, whatever it had done by then. GetBody cannot
//     distinguish the two, so it returns ErrReplay once headers were written over HTTP/2. The error of a request without
//     any GetBody distinguishes them: see [Unprocessed].
//
// If an answer has arrived, the body may be sent again: the sender is then something Foreign that has seen the answer.
//
// Something Foreign may report nothing, because it sends the request under a context of its own. Then the request may have been
// sent as soon as a body was read, and GetBody returns no other one. What only looks at the body before it sends the request
// can open it for that by GetBody, or keep what it has read. What keeps a body, and sends it several times, is not noticed: it
// has to pass on the request's context.
func (t *Trace) Guard(getBody func() (io.ReadCloser, error)) func() (io.ReadCloser, error) {
	if getBody == nil {
		return nil
	}
	return func() (io.ReadCloser, error) {
		if !t.mayReplay() || t.Foreign && !t.reopen() {
			return nil, ErrReplay
		}
		body, err := getBody()
		if err != nil || !t.Foreign {
			return body, err
		}
		return &sentBody{ReadCloser: body, trace: t, again: true}, nil
	}
}

// mayReplay reports whether, by what was reported, the request may be sent again.
func (t *Trace) mayReplay() bool {
	written, answers := t.headers.Load(), t.answers.Load()
	if answers > t.guardedAnswers.Swap(answers) {
		t.guardedHeaders.Store(written)
		return true
	}
	again := written > t.guardedHeaders.Swap(written)
	return !again || t.reused.Load() && !t.http2.Load()
}

// Unprocessed reports whether err, of an [http.Transport] whose request had a body and no GetBody, says that the server
// did not process the request: it refused the stream (REFUSED_STREAM), or it closed the connection (GOAWAY) before it
// came to the request. By RFC 9113, section 8.7, the request can then safely be sent again. With a GetBody, net/http
// would have sent it again on its own. It would do so after PROTOCOL_ERROR as well, which says nothing about what the server
// did.
//
// net/http has no type for this error, so Unprocessed examines its text, which is that of Go 1.25 and 1.26:
//
//	http2: Transport: cannot retry err [http2: Transport received Server's graceful shutdown GOAWAY] after Request.Body was written; define Request.GetBody to avoid this error
//
// It reports false for any other text.
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

// Reported reports whether the base reported anything. An [http.Transport] does so before it looks for a connection, unless
// it sends the request by a protocol that was registered with it.
func (t *Trace) Reported() bool { return t.watched.Load() }

// Answered reports whether an answer has arrived, such as a redirect. It needs Foreign.
func (t *Trace) Answered() bool { return t.answered() > 0 }

// HTTP2 reports whether the request went over HTTP/2; without TLS, this is known only with Foreign.
func (t *Trace) HTTP2() bool { return t.http2.Load() }
