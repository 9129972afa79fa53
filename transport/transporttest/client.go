package transporttest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"
)

// traceOfEveryAttempt: the caller's httptrace sees every attempt that the server sees.
func traceOfEveryAttempt(c *check) {
	w := c.serveReading(429, 200)
	var got, headers, written, answered atomic.Int32
	ctx := httptrace.WithClientTrace(c.ctx, &httptrace.ClientTrace{
		GotConn:              func(httptrace.GotConnInfo) { got.Add(1) },
		WroteHeaders:         func() { headers.Add(1) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { written.Add(1) },
		GotFirstResponseByte: func() { answered.Add(1) },
	})
	c.send(c.wrap(w.transport), c.request(http.MethodPost, w.url+chatPath, []byte(chatBody)).WithContext(ctx))
	settle()
	want := int32(len(w.arrived()))
	for _, hook := range []struct {
		name string
		n    int32
	}{
		{"GotConn", got.Load()}, {"WroteHeaders", headers.Load()}, {"WroteRequest", written.Load()},
		{"GotFirstResponseByte", answered.Load()},
	} {
		if hook.n != want {
			c.errorf("the server sees %d attempts, the caller's %s fires %d times", want, hook.name, hook.n)
		}
	}
}

// closeIdleConnections: http.Client.CloseIdleConnections reaches the base. The RoundTripper must not call it on its own,
// because the pool is shared with calls that have not failed.
func closeIdleConnections(c *check) {
	for _, statuses := range [][]int{{200}, {429, 200}, {429}, {500}, {0}} {
		f := c.fake(statuses...)
		client := &http.Client{Transport: c.wrap(f)}
		c.send(client.Transport, c.chat(chatBody))
		if n := f.idle.Load(); n > 0 {
			c.errorf("responses %v: the base's idle connections are closed %d times, but the client did not ask for it", statuses, n)
		}
		before := f.idle.Load()
		client.CloseIdleConnections()
		if f.idle.Load() == before {
			c.errorf("CloseIdleConnections does not reach the base")
			return
		}
	}
}

// cancelAndTimeout: Client.Timeout, and the older Request.Cancel, end a call in time, whether it waits for the base or for
// the next attempt.
func cancelAndTimeout(c *check) {
	type step func(f *fake, req *http.Request) (*http.Response, error)
	for name, answer := range map[string]step{
		"a 429 that asks to wait for a minute": func(f *fake, req *http.Request) (*http.Response, error) {
			header, text := responseOf(http.StatusTooManyRequests)
			header.Set("Retry-After", "60")
			return f.text(req, http.StatusTooManyRequests, header, text), nil
		},
		"a base that does not answer": func(_ *fake, req *http.Request) (*http.Response, error) {
			select {
			case <-req.Context().Done():
				return nil, req.Context().Err()
			case <-req.Cancel: //lint:ignore SA1019 the item is about it
				return nil, errors.New("net/http: request canceled")
			}
		},
	} {
		f := &fake{}
		f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) { return answer(f, req) }
		rt := c.wrap(f)
		start := time.Now()
		if resp, err := (&http.Client{Transport: rt, Timeout: time.Second}).Do(c.chat(chatBody)); err == nil {
			resp.Body.Close()
		}
		if d := time.Since(start); d > time.Second {
			c.errorf("%s: a Client.Timeout of 1s ends the call after %v", name, d)
		}
		cancel := make(chan struct{})
		time.AfterFunc(time.Second, func() { close(cancel) })
		req := c.chat(chatBody)
		req.Cancel = cancel //lint:ignore SA1019 the item is about it
		start = time.Now()
		over := make(chan struct{})
		go func() {
			defer close(over)
			c.send(rt, req)
		}()
		select {
		case <-over:
			if d := time.Since(start); d > time.Second {
				c.errorf("%s: a Cancel after 1s ends the call after %v", name, d)
			}
		case <-time.After(graceTime):
			c.errorf("%s: Cancel does not end the call", name)
		}
	}
}

// clientTimeout: Client.Timeout works over the RoundTripper, before the response and within its body, and leaves no
// goroutine. Over anything but an http.Transport it costs two goroutines and a few microseconds for each request, so the
// documentation should recommend a context's deadline.
func clientTimeout(c *check) {
	w := c.serve(func(n int, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if r.Header.Get("X-Want") == "stream" {
			rw.Header().Set("Content-Type", "text/event-stream")
			io.WriteString(rw, event(deltas[0], "\n"))
			http.NewResponseController(rw).Flush()
		}
		<-r.Context().Done()
	})
	client := &http.Client{Transport: c.wrap(w.transport), Timeout: 5 * time.Second}
	settle()
	before := len(c.others())
	for _, want := range []string{"", "stream"} {
		req := c.request(http.MethodPost, w.url+chatPath, []byte(streamBody))
		req.Header.Set("X-Want", want)
		start := time.Now()
		resp, err := client.Do(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			c.errorf("a Client.Timeout ends the call with %v (%T), which does not say that it is a timeout", err, err)
		}
		if d := time.Since(start); d != client.Timeout {
			c.errorf("a Client.Timeout of %v ends the call after %v", client.Timeout, d)
		}
	}
	w.transport.CloseIdleConnections()
	settle()
	if left := c.others(); len(left) > before {
		c.errorf("%d goroutines are left:\n%s", len(left)-before, join(left))
	}
}

// readAfterCancel: a stream that ends because the caller's context is done ends with the context's error. With io.EOF half
// a response would look complete.
func readAfterCancel(c *check) {
	w := c.serve(func(_ int, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(rw, event(deltas[0], "\n"))
		http.NewResponseController(rw).Flush()
		<-r.Context().Done()
	})
	rt := c.wrap(w.transport)
	for _, body := range []string{streamBody, plainBody, chatBody} {
		ctx, cancel := context.WithCancel(c.ctx)
		time.AfterFunc(3*time.Second, cancel)
		resp, err := rt.RoundTrip(c.request(http.MethodPost, w.url+chatPath, []byte(body)).WithContext(ctx))
		if err != nil {
			c.fatalf("%v", err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if !errors.Is(err, context.Canceled) {
			c.errorf("a stream that was cancelled ends with %v", err)
		}
		if _, err := resp.Body.Read(make([]byte, 1)); err == nil || err == io.EOF {
			c.errorf("the next read after that ends with %v", err)
		}
		resp.Body.Close()
	}
}

// expectContinue: with Expect: 100-continue a body is uploaded only when the server asks for it, at every attempt.
func expectContinue(c *check) {
	body := longChat(1 << 20)
	var w *wire
	w = c.serve(func(n int, rw http.ResponseWriter, r *http.Request) {
		// Over HTTP/1 the pipe would hold the upload back even without the header. The HTTP/2 server removes the header.
		if c.via == overH1 && r.Header.Get("Expect") != "100-continue" {
			c.errorf("request %d has lost its Expect: 100-continue", n+1)
		}
		if n == 0 {
			time.Sleep(2 * time.Second)
			reply(rw, http.StatusTooManyRequests)
			return
		}
		w.read(r)
		reply(rw, http.StatusOK)
	})
	rt := c.wrap(w.transport)
	for i := range 2 {
		req := c.request(http.MethodPost, w.url+chatPath, body)
		req.Header.Set("Expect", "100-continue")
		if _, _, err := c.send(rt, req); err != nil && i > 0 {
			c.errorf("call %d: %v", i+1, err)
		}
	}
	settle()
	for _, a := range w.arrived() {
		if wrong := sent(body, a.body); wrong != "" || a.err != nil {
			c.errorf("%s (%v)", wrong, a.err)
		}
	}
	const around = 64 << 10 // headers and frames
	wanted := len(w.arrived())
	if got, most := w.uploaded.Load(), int64(wanted*(len(body)+around)+around); got > most {
		c.errorf("%d bytes were uploaded, but the server asked for the body of %d bytes only %d times", got, len(body), wanted)
	}
}

// defaultTransport is locked while http.DefaultTransport is replaced.
var defaultTransport sync.Mutex

// nilBase: a nil base is http.DefaultTransport. It may be looked up once or for each call, which the documentation should
// say.
func nilBase(c *check) {
	defaultTransport.Lock()
	defer defaultTransport.Unlock()
	f := c.fake(200)
	defer func(before http.RoundTripper) { http.DefaultTransport = before }(http.DefaultTransport)
	http.DefaultTransport = f
	client := &http.Client{Transport: c.wrap(nil)}
	resp, err := client.Do(c.chat(chatBody))
	if err != nil {
		c.fatalf("%v", err)
	}
	resp.Body.Close()
	if len(f.attempts()) == 0 {
		c.errorf("the call does not go to http.DefaultTransport")
	}
}
