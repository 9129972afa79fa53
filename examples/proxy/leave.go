package main

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/transport/wire"
)

// A runOn says which answers a provider finishes and bills in full although nobody waits for them any more. They are read
// to their end, to learn what they cost. Any other is closed when its client leaves, which ends the work.
type runOn struct{ plain, stream bool }

// providersRunOn has what providers' documents say of a connection that is closed. Where they say nothing, or say that it
// ends the work, the attempt is cancelled, and its row says what it may have cost.
//
//   - OpenRouter, "Stream cancellation": closing the connection "immediately stops model processing and billing" at
//     OpenAI, Azure, Anthropic, xAI and DeepSeek among others, and does not at Google, AI Studio, Groq, Bedrock and
//     Mistral. For answers that are not streamed, "the model will continue processing and you will be billed for the
//     complete response". That of a stream through OpenRouter depends on who serves it, which is not known beforehand.
//   - Anthropic, help centre: "you will be charged if your client disconnects or times out" in the middle of a call that
//     was on track to be successful. A stream stops, as above.
//   - OpenAI, guide to background mode: "To cancel a synchronous response, terminate the connection". Azure's documents
//     are silent, and so are those of all others.
//
// Who does not stop in the middle of a stream is taken not to stop in the middle of an answer that is not streamed.
var providersRunOn = map[string]runOn{
	"gemini":     {plain: true, stream: true},
	"vertex":     {plain: true, stream: true},
	"groq":       {plain: true, stream: true},
	"mistral":    {plain: true, stream: true},
	"anthropic":  {plain: true},
	"openrouter": {plain: true},
}

func runsOn(call *wire.Call) runOn {
	if call.Kind != wire.Billable || call.Background {
		return runOn{}
	}
	return providersRunOn[call.Provider]
}

const (
	runOnTime = 30 * time.Minute // how long an answer is read that nobody waits for
	graceTime = 2 * time.Second  // how long the stack may take to look at an answer that has arrived
)

// A visit is one call, whose client may leave. Nothing is sent for one that has left; but what was sent before comes to
// its end.
type visit struct {
	runOn
	cancel context.CancelFunc
	stops  []func() bool // of what watches the client and the program

	mu      sync.Mutex
	left    bool
	sent    bool // an attempt's header has been written
	replied bool // and its answer has begun to arrive
	handed  bool // and is in the client's hands
	timers  []*time.Timer
}

var errLeft = errors.New("the client has left")

// stay sends a call in a context of its own, which the client's does not end where that would save nothing.
func (c *calls) stay(out *http.Request, r runOn) (*http.Response, error) {
	v := &visit{runOn: r}
	ctx, cancel := context.WithCancelCause(context.WithValue(context.WithoutCancel(out.Context()), visitKey{}, v))
	v.cancel = func() { cancel(errLeft) }
	v.stops = []func() bool{context.AfterFunc(c.life, v.cancel), context.AfterFunc(out.Context(), v.leave)}
	resp, err := c.next.RoundTrip(out.WithContext(httptrace.WithClientTrace(ctx, v.trace())))
	if err != nil || resp.StatusCode == http.StatusSwitchingProtocols {
		v.close()
		return resp, err
	}
	v.hand(resp)
	return resp, nil
}

// trace follows the attempts of the call.
func (v *visit) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.sent, v.replied = false, false
		},
		WroteHeaders: func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.sent = true
		},
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.replied = false
			return nil
		},
		GotFirstResponseByte: func() {
			v.mu.Lock()
			defer v.mu.Unlock()
			v.replied = true
			v.expect()
		},
	}
}

type visitKey struct{}

// unlessLeft makes of a transport's Proxy one that also keeps an attempt from being begun for a client who has left: it is
// what a transport asks before anything else, and what fails there has not been sent.
func unlessLeft(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(req *http.Request) (*url.URL, error) {
		if v, ok := req.Context().Value(visitKey{}).(*visit); ok && v.gone() {
			return nil, &net.OpError{Op: "dial", Err: errLeft}
		}
		if proxy == nil {
			return nil, nil
		}
		return proxy(req)
	}
}

// gone reports whether the client has left, and if so has the call wait for nothing any more.
func (v *visit) gone() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left {
		v.cancel()
	}
	return v.left
}

// leave notes that the client has left.
func (v *visit) leave() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.left {
		return
	}
	v.left = true
	if !v.sent || v.handed && !v.plain {
		v.cancel()
		return
	}
	v.timers = append(v.timers, time.AfterFunc(runOnTime, v.cancel))
	v.expect()
}

// expect gives the stack a moment to hand on the answer that has begun to arrive. If it does not, the answer is a refusal,
// and it waits to send the call again, for nobody.
func (v *visit) expect() {
	if !v.left || !v.replied || v.handed {
		return
	}
	v.timers = append(v.timers, time.AfterFunc(graceTime, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.replied && !v.handed {
			v.cancel()
		}
	}))
}

// hand gives the client its answer, of which it is known now whether it is a stream.
func (v *visit) hand(resp *http.Response) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.handed = true
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media == "text/event-stream" {
		v.plain = v.stream
	}
	if v.left && !v.plain {
		v.cancel()
	}
	resp.Body = &visited{ReadCloser: resp.Body, visit: v}
}

// close lets go of what watches the call.
func (v *visit) close() {
	v.cancel()
	for _, stop := range v.stops {
		stop()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, t := range v.timers {
		t.Stop()
	}
}

// visited is the body of an answer whose client may leave.
type visited struct {
	io.ReadCloser
	visit *visit
	ended bool
}

func (b *visited) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.ended = b.ended || err != nil
	return n, err
}

// Close reads what is left if it is billed whatever happens. The proxy closes a body before its end only if the client
// has left; it waits here, and with it the end of the program.
func (b *visited) Close() error {
	defer b.visit.close()
	if !b.ended && b.visit.plain {
		b.visit.leave()
		b.ended = true
		io.Copy(io.Discard, b.ReadCloser) // an error ends it as its end does
	}
	return b.ReadCloser.Close()
}
