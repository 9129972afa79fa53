package transporttest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// streamWithoutDelay: the caller gets what the transport returns, and at the same time. Over the wire, a server flushes an
// event each second, and the caller gets it in that second. Over the fake, nothing of a stream is read before the caller
// reads, at most one event is read ahead, and no goroutine waits.
func streamWithoutDelay(c *check) {
	if c.via == overFake {
		c.readAhead()
		return
	}
	const events = 5
	var mu sync.Mutex
	var flushed []time.Time
	w := c.serve(func(_ int, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", "text/event-stream")
		for range events {
			time.Sleep(time.Second)
			mu.Lock()
			flushed = append(flushed, time.Now())
			mu.Unlock()
			io.WriteString(rw, event(deltas[1], "\n"))
			http.NewResponseController(rw).Flush()
		}
		time.Sleep(time.Second)
		io.WriteString(rw, event(usage, "\n")+event("[DONE]", "\n"))
	})
	rt := c.wrap(w.transport)
	for _, body := range []string{streamBody, plainBody} {
		mu.Lock()
		flushed = nil
		mu.Unlock()
		resp, err := rt.RoundTrip(c.request(http.MethodPost, w.url+chatPath, []byte(body)))
		if err != nil {
			c.fatalf("%v", err)
		}
		var got []byte
		buf := make([]byte, 4<<10)
		for seen := 0; seen < events; {
			n, err := resp.Body.Read(buf)
			got = append(got, buf[:n]...)
			mu.Lock()
			for ; seen < bytes.Count(got, []byte("\n\n")) && seen < events; seen++ {
				if late := time.Since(flushed[seen]); late > 0 {
					c.errorf("event %d reaches the caller %v after it was flushed", seen+1, late)
				}
			}
			mu.Unlock()
			if err != nil {
				c.errorf("after %d events: %v", seen, err)
				break
			}
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// readAhead checks how much of a response is read ahead, and counts the goroutines during that time.
func (c *check) readAhead() {
	for _, body := range []string{streamBody, plainBody} {
		f := &fake{}
		f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
			return f.stream(req, iotest.OneByteReader(strings.NewReader(transcript(true, "\n")))), nil
		}
		rt := c.wrap(f)
		synctest.Wait()
		before := len(c.others())
		resp, err := rt.RoundTrip(c.chat(body))
		if err != nil {
			c.fatalf("%v", err)
		}
		time.Sleep(time.Second) // not longer, or the stream may count as abandoned
		synctest.Wait()
		base := f.responses[len(f.responses)-1]
		if n := base.reads.Load(); n > 0 {
			c.errorf("the stream has been read %d times before the caller reads", n)
		}
		if extra := c.others(); len(extra) > before {
			c.errorf("%d more goroutines run while the stream is open:\n%s", len(extra)-before, join(extra))
		}
		first := event(deltas[0], "\n")
		if _, err := io.ReadFull(resp.Body, make([]byte, len(first))); err != nil {
			c.errorf("%v", err)
		}
		if n := base.reads.Load(); n > int64(len(first)+len(event(deltas[1], "\n"))) {
			c.errorf("%d bytes have been read of the stream, of which the caller asked for %d", n, len(first))
		}
		resp.Body.Close()
	}
}

// anySplit: a stream reaches the caller as it was sent, however it was split, with any line ends, an incomplete last line,
// data of several lines, comments, or a line of 10 MB. An event that the server sent only because the RoundTripper asked
// for it may be left out. A RoundTripper that reads the events must test on its own that it understands them.
func anySplit(c *check) {
	const delta, count = `{"choices":[{"delta":{"content":"The "}}]}`, `{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":4}}`
	r := c.newRelay()
	for _, newline := range []string{"\n", "\r\n", "\r"} {
		text := ": hello" + newline + "event: delta" + newline + event(delta, newline) +
			"data: {\"choices\":" + newline + "data: []}" + newline + newline +
			event(count, newline) + strings.TrimRight(event("[DONE]", newline), newline)
		for at := range len(text) {
			r.pass(streamBody, text, text, text[:at], text[at:])
		}
		// Here the server sends the usage only if it was asked for, and the caller does not ask.
		without := event(delta, newline) + event("[DONE]", newline)
		with := event(delta, newline) + event(count, newline) + event("[DONE]", newline)
		for at := range len(with) {
			r.pass(plainBody, with, without, with[:at], with[at:])
		}
	}
	long := event(`{"choices":[{"delta":{"content":"`+strings.Repeat("x", 10<<20)+`"}}]}`, "\n") + transcript(true, "\n")
	var pieces []string
	for rest := long; rest != ""; {
		n := min(len(rest), 32<<10)
		pieces, rest = append(pieces, rest[:n]), rest[n:]
	}
	r.pass(streamBody, long, long, pieces...)
}

// A relay passes streams through the RoundTripper under test.
type relay struct {
	check  *check
	rt     http.RoundTripper
	short  string   // the response if usage was not asked for
	pieces []string // the response if it was
}

func (c *check) newRelay() *relay {
	r := &relay{check: c}
	f := &fake{}
	f.respond = func(_ int, req *http.Request, body []byte) (*http.Response, error) {
		if !asksUsage(body) {
			return f.stream(req, strings.NewReader(r.short)), nil
		}
		var pieces []io.Reader
		for _, p := range r.pieces {
			pieces = append(pieces, strings.NewReader(p))
		}
		return f.stream(req, io.MultiReader(pieces...)), nil
	}
	r.rt = c.wrap(f)
	return r
}

// pass makes a call. The response is the pieces if usage is asked for, and the short text if not. The caller must get the
// short text or the long one, which consists of the pieces.
func (r *relay) pass(body, long, short string, pieces ...string) {
	c := r.check
	if c.failed() {
		return // one failure is enough
	}
	r.short, r.pieces = short, pieces
	_, got := c.must(r.rt, c.chat(body))
	if string(got) != long && string(got) != short {
		c.errorf("split after %d bytes, the stream reaches the caller changed: %d bytes of %d\ngot  %.600q\nsent %.600q", len(pieces[0]), len(got), len(long), got, long)
	}
}

// stoppedEarly: if the caller closes a stream or cancels its context after three events, the stream ends upstream at once.
// A meter must test on its own that it counts what was received.
func stoppedEarly(c *check) {
	ended := make(chan time.Time, 1)
	w := c.serve(func(_ int, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", "text/event-stream")
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for r.Context().Err() == nil {
			io.WriteString(rw, event(deltas[1], "\n"))
			if http.NewResponseController(rw).Flush() != nil {
				break
			}
			select {
			case <-tick.C:
			case <-r.Context().Done():
			}
		}
		ended <- time.Now()
	})
	rt := c.wrap(w.transport)
	for _, body := range []string{streamBody, plainBody} {
		for _, how := range []string{"Close", "cancel"} {
			ctx, cancel := context.WithCancel(c.ctx)
			resp, err := rt.RoundTrip(c.request(http.MethodPost, w.url+chatPath, []byte(body)).WithContext(ctx))
			if err != nil {
				cancel()
				c.fatalf("%v", err)
			}
			if _, err := io.ReadFull(resp.Body, make([]byte, 3*len(event(deltas[1], "\n")))); err != nil {
				c.errorf("%v", err)
			}
			stopped := time.Now()
			if how == "cancel" {
				cancel()
			} else {
				resp.Body.Close()
			}
			select {
			case at := <-ended:
				// The server may notice only when it writes again.
				if late := at.Sub(stopped); late > 5*time.Second {
					c.errorf("%s after three events: upstream it ends %v later", how, late)
				}
			case <-time.After(graceTime):
				c.errorf("%s after three events: upstream it goes on", how)
			}
			resp.Body.Close()
			cancel()
		}
	}
}
