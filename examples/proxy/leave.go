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

// A runOn says which answers a provider finishes, and bills in full, although the client has left. The proxy reads these to
// their end, to learn what they cost. It closes any other answer when its client leaves, which ends the work.
type runOn struct{ plain, stream bool }

// providersRunOn holds what the providers' documents say about a closed connection. Where they say nothing, or say that it
// ends the work, the proxy cancels the attempt, and its row says what it may have cost.
//
//   - OpenRouter, "Stream cancellation": closing the connection "immediately stops model processing and billing" at
//     OpenAI, Azure, Anthropic, xAI and DeepSeek among others, and does not at Google, AI Studio, Groq, Bedrock and
//     Mistral. For answers that are not streamed, "the model will continue processing and you will be billed for the
//     complete response". For a stream through OpenRouter it depends on the provider that serves it, which is not known
//     beforehand.
//   - Anthropic, help centre: "you will be charged if your client disconnects or times out" in the middle of a call that
//     was on track to be successful. A stream stops, as above.
//   - OpenAI, guide to background mode: "To cancel a synchronous response, terminate the connection". Azure's documents
//     say nothing, nor do those of all others.
//
// A provider that does not stop in the middle of a stream is assumed not to stop in the middle of another answer either.
var providersRunOn = map[string]runOn{
	"gemini":     {plain: true, stream: true},
	"vertex":     {plain: true, stream: true},
	"groq":       {plain: true, stream: true},
	"mistral":    {plain: true, stream: true},
	"bedrock":    {plain: true, stream: true},
	"anthropic":  {plain: true},
	"openrouter": {plain: true},
}

// runsOn returns which answers of a call the provider finishes after its client has left. Only calls that are billed run on.
func runsOn(call *wire.Call) runOn {
	if call.Kind != wire.Billable || call.Background {
		return runOn{}
	}
	return providersRunOn[call.Provider]
}

const (
	runOnTime = 30 * time.Minute // how long an answer is read after its client has left
	graceTime = 2 * time.Second  // how long the stack may take to return an answer that has begun to arrive
)

// A visit is one call, whose client may leave. After that no attempt is sent, but the attempt that was sent before is
// finished if the provider bills it anyway.
type visit struct {
	runOn
	cancel context.CancelFunc
	stops  []func() bool // stop the functions that wait for the client to leave and for the program to end

	mu        sync.Mutex
	left      bool
	sent      bool // the header of an attempt has been written
	replied   bool // its answer has begun to arrive
	delivered bool // the client has its answer
	timers    []*time.Timer
}

var errLeft = errors.New("the client has left")

// stay sends a call in a new context. If the client leaves, that context goes on as long as ending it would save nothing.
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
	v.deliver(resp)
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

// refuseLeft returns a Proxy function for a transport, which fails if the client has left. A transport calls that function
// before anything else, so an attempt that fails there has not been sent.
func refuseLeft(proxy func(*http.Request) (*url.URL, error)) func(*http.Request) (*url.URL, error) {
	return func(req *http.Request) (*url.URL, error) {
		if v, ok := req.Context().Value(visitKey{}).(*visit); ok && v.hasLeft() {
			return nil, &net.OpError{Op: "dial", Err: errLeft}
		}
		if proxy == nil {
			return nil, nil
		}
		return proxy(req)
	}
}

// hasLeft reports whether the client has left, and ends the call if it has.
func (v *visit) hasLeft() bool {
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
	if !v.sent || v.delivered && !v.plain {
		v.cancel()
		return
	}
	v.timers = append(v.timers, time.AfterFunc(runOnTime, v.cancel))
	v.expect()
}

// expect gives the stack graceTime to return the answer that has begun to arrive. If it does not, the provider has rejected
// the attempt and the stack waits to send it again. As the client has left, the call then ends.
func (v *visit) expect() {
	if !v.left || !v.replied || v.delivered {
		return
	}
	v.timers = append(v.timers, time.AfterFunc(graceTime, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.replied && !v.delivered {
			v.cancel()
		}
	}))
}

// deliver returns the answer to the client. Only now it is known whether the answer is a stream.
func (v *visit) deliver(resp *http.Response) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.delivered = true
	if media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); media == "text/event-stream" {
		v.plain = v.stream
	}
	if v.left && !v.plain {
		v.cancel()
	}
	resp.Body = &visited{ReadCloser: resp.Body, visit: v}
}

// close ends the context of the call and stops its timers.
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

// Close reads the rest of an answer that is billed in any case. The proxy closes a body before its end only if the client
// has left. The proxy does not end before Close returns.
func (b *visited) Close() error {
	defer b.visit.close()
	if !b.ended && b.visit.plain {
		b.visit.leave()
		b.ended = true
		io.Copy(io.Discard, b.ReadCloser) // an error also ends the answer
	}
	return b.ReadCloser.Close()
}
