package transporttest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
)

// http2Replay: on HTTP/2, net/http itself resends a request that the server has not processed (REFUSED_STREAM, GOAWAY). It
// takes the body from GetBody. So GetBody must be set, may be called many times, also while Body is being read, and must
// return the same bytes each time, or refuse with transport.ErrReplay.
func http2Replay(c *check) {
	if c.via == overFake {
		f := c.fake(200)
		f.look = c.getBodyWhileRead
		c.send(c.wrap(f), c.chat(string(longChat(100<<10))))
		return
	}
	for name, how := range map[string]byte{"REFUSED_STREAM": frameReset, "GOAWAY": frameGoAway} {
		body := longChat(32 << 10)
		w := c.wire()
		whole := 0
		server := &refuser{
			refuse: func(n int) byte {
				if n == 0 {
					return how
				}
				return 0
			},
			arrived: func(_ int, got []byte) {
				whole++
				if wrong := sent(body, got); wrong != "" {
					c.errorf("after %s: %s", name, wrong)
				}
			},
		}
		var serving sync.WaitGroup
		w.accept = func(conn net.Conn) { serving.Go(func() { server.serve(conn) }) }
		resp, _, err := c.send(c.wrap(w.transport), c.request(http.MethodPost, w.url+chatPath, body))
		if err != nil || resp == nil || resp.StatusCode != http.StatusOK {
			c.errorf("%s: the request is not sent again: %v", name, err)
		}
		w.close()
		serving.Wait()
		if err == nil && whole != 1 {
			c.errorf("%s: %d requests got a response", name, whole)
		}
	}
}

// getBodyWhileRead reads half of a request's body, then several bodies from GetBody at once, and then the other half.
func (c *check) getBodyWhileRead(n int, req *http.Request) {
	if req.GetBody == nil {
		c.errorf("GetBody is lost")
		return
	}
	half := make([]byte, 50<<10)
	if _, err := io.ReadFull(req.Body, half); err != nil {
		c.errorf("attempt %d: %v", n+1, err)
	}
	again := make([][]byte, 8)
	var readers sync.WaitGroup
	for i := range again {
		readers.Go(func() { again[i] = c.bodyAgain(n, req, nil) })
	}
	readers.Wait()
	rest, err := io.ReadAll(req.Body)
	if err != nil {
		c.errorf("attempt %d: %v", n+1, err)
	}
	whole := append(half, rest...)
	for _, got := range again {
		if got != nil && !bytes.Equal(got, whole) {
			c.errorf("attempt %d: Body has %s, but GetBody during the read %s", n+1, short(whole), short(got))
			return
		}
	}
}

// earlyAnswer: a response that comes before the body has been sent reaches the caller. Over HTTP/1 net/http has to close
// the connection for it. Over HTTP/2 the connection stays open.
func earlyAnswer(c *check) {
	body := longChat(1 << 20)
	w := c.serve(func(_ int, rw http.ResponseWriter, r *http.Request) { reply(rw, http.StatusBadRequest) })
	rt := c.wrap(w.transport)
	for i := range 10 {
		resp, data, err := c.send(rt, c.request(http.MethodPost, w.url+chatPath, body))
		switch {
		case err != nil && c.via == overH1:
			// In net/http the error of the write that was cut and the response race.
		case err != nil || resp == nil:
			c.errorf("call %d: %v", i+1, err)
		case resp.StatusCode != http.StatusBadRequest || string(data) != serverFailure:
			c.errorf("call %d: %d, %s", i+1, resp.StatusCode, short(data))
		}
	}
	if made, _ := w.connections(); c.via == overH2 && made != 1 {
		c.errorf("%d connections were made for consecutive HTTP/2 calls", made)
	}
}
