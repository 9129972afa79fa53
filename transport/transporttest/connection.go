package transporttest

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"sync"
)

// http2Replay: on HTTP/2, net/http itself sends a request again that the server has refused (REFUSED_STREAM) or not
// looked at (GOAWAY), with the body that GetBody gives, whatever reader the first attempt had. So GetBody must be there,
// can be called many times, also while Body is being read, and each time gives the same.
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
			c.errorf("%s: %d requests were answered", name, whole)
		}
	}
}

// getBodyWhileRead reads half of a request's body, and meanwhile what GetBody gives, several times.
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
		readers.Go(func() { again[i] = c.again(n, req) })
	}
	readers.Wait()
	rest, err := io.ReadAll(req.Body)
	if err != nil {
		c.errorf("attempt %d: %v", n+1, err)
	}
	whole := append(half, rest...)
	for _, got := range again {
		if !bytes.Equal(got, whole) {
			c.errorf("attempt %d: Body gives %s, and GetBody meanwhile %s", n+1, short(whole), short(got))
			return
		}
	}
}

// earlyAnswer: an answer that comes before the body has been sent is an answer. HTTP/1 has to give the connection up for
// it, whatever the RoundTripper does; over HTTP/2 the connection stays.
func earlyAnswer(c *check) {
	body := longChat(1 << 20)
	w := c.serve(func(_ int, rw http.ResponseWriter, r *http.Request) { reply(rw, http.StatusBadRequest) })
	rt := c.wrap(w.transport)
	for i := range 10 {
		resp, data, err := c.send(rt, c.request(http.MethodPost, w.url+chatPath, body))
		switch {
		case err != nil && c.via == overH1:
			// The write that is broken off and the answer race, in net/http itself.
		case err != nil || resp == nil:
			c.errorf("call %d: %v", i+1, err)
		case resp.StatusCode != http.StatusBadRequest || string(data) != broken:
			c.errorf("call %d: %d, %s", i+1, resp.StatusCode, short(data))
		}
	}
	if made, _ := w.connections(); c.via == overH2 && made != 1 {
		c.errorf("%d connections were made for HTTP/2 calls one after the other", made)
	}
}
