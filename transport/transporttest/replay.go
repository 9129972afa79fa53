package transporttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// bodyWithoutGetBody: a body without GetBody is sent once, or stored to be sent again. Each attempt has all of it, and the
// response reaches the caller. What is stored has a limit, because some bodies have no end.
func bodyWithoutGetBody(c *check) {
	for _, size := range []int{len(chatBody), 256 << 10} {
		f := c.fake(429, 429, 200)
		u := &upload{data: longChat(size)}
		req := c.chat(chatBody)
		u.attach(req, false)
		c.send(c.wrap(f), req)
		for i, got := range f.attempts() {
			if wrong := sent(u.data, got); wrong != "" {
				c.errorf("attempt %d: %s", i+1, wrong)
			}
		}
	}
	const most = 4 << 20
	body := &source{r: io.LimitReader(spaces{}, 2*most)}
	f := c.fake(200)
	f.look = func(_ int, _ *http.Request) {
		if n := body.read.Load(); n > most {
			c.errorf("a body without GetBody has been read for %d bytes before any were sent", n)
		}
	}
	req := c.chat(chatBody)
	req.Body, req.GetBody, req.ContentLength = body, nil, -1
	c.send(c.wrap(f), req)
}

// spaces is an endless reader of spaces.
type spaces struct{}

func (spaces) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// freshReader: every attempt has its own reader. The reader of the attempt before may still be in use, because net/http
// goes on sending after an early response. If it were rewound, both attempts would send a mixture. Over the fake, attempts
// are read slowly and at the same time. Over the wire, the first response comes before the body has been read.
func freshReader(c *check) {
	body := longChat(1 << 20)
	if c.via == overFake {
		f := &slowReader{check: c, body: body}
		c.send(c.wrap(f), c.chat(string(body)))
		settle()
		return
	}
	var w *wire
	w = c.serve(func(n int, rw http.ResponseWriter, r *http.Request) {
		if n%2 == 0 {
			reply(rw, http.StatusTooManyRequests)
			return
		}
		w.read(r)
		reply(rw, http.StatusOK)
	})
	rt := c.wrap(w.transport)
	for range 4 {
		// Over HTTP/1 the error of the write that was cut may come before the early response.
		c.send(rt, c.request(http.MethodPost, w.url+chatPath, body))
	}
	for _, a := range w.arrived() {
		if a.err != nil {
			continue // cut by the client
		}
		if wrong := sent(body, a.body); wrong != "" {
			c.errorf("%s", wrong)
		}
	}
}

// slowReader is a base that answers with 429 twice, and then with 200, while it still reads the bodies.
type slowReader struct {
	check *check
	body  []byte

	mu    sync.Mutex
	calls int
}

func (s *slowReader) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	n := s.calls
	s.calls++
	s.mu.Unlock()
	body := req.Body // as net/http does, which may read it after RoundTrip has returned
	var got bytes.Buffer
	over := make(chan struct{})
	go func() {
		defer close(over)
		defer body.Close()
		buf := make([]byte, 64<<10)
		for {
			m, err := body.Read(buf)
			got.Write(buf[:m])
			if err != nil {
				s.checkAttempt(n, got.Bytes(), err)
				return
			}
			time.Sleep(time.Second)
		}
	}()
	f := &fake{}
	if n < 2 {
		time.Sleep(3 * time.Second)
		return f.status(req, http.StatusTooManyRequests), nil
	}
	<-over
	return f.status(req, http.StatusOK), nil
}

// checkAttempt checks that an attempt had the whole body. One that was answered may have been cut.
func (s *slowReader) checkAttempt(n int, got []byte, err error) {
	whole := errors.Is(err, io.EOF)
	if !whole && n < 2 {
		return
	}
	if wrong := sent(s.body, got); wrong != "" {
		s.check.errorf("attempt %d, read while others are: %s (%v)", n+1, wrong, err)
	}
}

// getBodyFails: if GetBody fails between two attempts, the caller gets the whole response of the first, or an error. A
// response that it does not get is closed.
func getBodyFails(c *check) {
	for _, from := range []int{1, 2, 3} {
		f := c.fake(429)
		u := &upload{data: []byte(chatBody), failFrom: from}
		req := c.chat(chatBody)
		u.attach(req, true)
		resp, data, err := c.send(c.wrap(f), req)
		if err == nil && (resp == nil || resp.StatusCode != http.StatusTooManyRequests || string(data) != rateLimited) {
			c.errorf("GetBody fails from call %d on: the caller gets %v with %s", from, resp, short(data))
		}
		time.Sleep(time.Minute)
		// Only for RoundTrippers that use GetBody. A02 and F60 check the others.
		if u.asked >= from && (f.open() > 0 || u.unclosed() > 0) {
			c.errorf("GetBody fails from call %d on: %d responses and %d bodies of the request are never closed", from, f.open(), u.unclosed())
		}
	}
}

// knownReader: net/http sends headers and a small body in one write only if it knows the type of the body's reader
// (isKnownInMemoryReader in its transfer.go): a bytes.Reader, bytes.Buffer or strings.Reader, in an io.NopCloser. Over
// net/http's own transport, such a body must keep that type.
func knownReader(c *check) {
	w := c.serveReading(429, 200)
	dial := w.transport.DialContext
	var writes atomic.Int32
	w.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return countedConn{conn, &writes}, err
	}
	c.send(c.wrap(w.transport), c.request(http.MethodPost, w.url+chatPath, longChat(2<<10)))
	if n := len(w.arrived()); int(writes.Load()) != n {
		c.errorf("%d requests take %d writes, as the type of the body's reader is hidden", n, writes.Load())
	}
}

// A countedConn counts its writes.
type countedConn struct {
	net.Conn
	writes *atomic.Int32
}

func (c countedConn) Write(p []byte) (int, error) {
	c.writes.Add(1)
	return c.Conn.Write(p)
}
