package transporttest

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strings"
	"sync/atomic"
)

// upgrade: the body of a 101 is the connection, and must stay an io.Writer, or WebSockets do not work. Over HTTP/1 a server
// echoes. Over the fake a chat completion is upgraded.
func upgrade(c *check) {
	if c.via == overFake {
		conn := &echo{}
		f := &fake{}
		f.respond = func(_ int, req *http.Request, _ []byte) (*http.Response, error) {
			return &http.Response{
				StatusCode: http.StatusSwitchingProtocols, Status: "101 Switching Protocols", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
				Header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}, Body: conn, Request: req,
			}, nil
		}
		c.echoes(c.wrap(f), c.chat(streamBody))
		return
	}
	w := c.serve(func(_ int, rw http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		line, _ := bufio.NewReader(buffered).ReadString('\n')
		io.WriteString(conn, line)
	})
	c.echoes(c.wrap(w.transport), c.request(http.MethodGet, w.url+"/v1/realtime?model=gpt-realtime", nil))
}

// echoes upgrades a call, writes to the connection, and reads it back.
func (c *check) echoes(rt http.RoundTripper, req *http.Request) {
	req.Header.Set("Connection", "Upgrade")
	req.Header.Set("Upgrade", "websocket")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		c.fatalf("%v", err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		c.fatalf("101 has become %d", resp.StatusCode)
	}
	defer resp.Body.Close()
	conn, ok := resp.Body.(io.ReadWriteCloser)
	if !ok {
		c.fatalf("the body of a 101 is a %T, which is no io.Writer", resp.Body)
	}
	const hello = "hello\n"
	if _, err := io.WriteString(conn, hello); err != nil {
		c.errorf("%v", err)
	}
	got := make([]byte, len(hello))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != hello {
		c.errorf("the connection returns %q, %v", got, err)
	}
}

// echo is a connection that returns what is written to it.
type echo struct{ bytes.Buffer }

func (*echo) Close() error { return nil }

// noBody: responses without a body, to HEAD and with 204 or 304, reach the caller unchanged, with their length. 1xx
// responses reach the caller's trace.
func noBody(c *check) {
	w := c.serve(func(_ int, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch status := r.Header.Get("X-Want"); status {
		case "HEAD":
			rw.Header().Set("Content-Length", "1234")
		case "204":
			rw.WriteHeader(http.StatusNoContent)
		case "304":
			rw.Header().Set("Etag", `"7"`)
			rw.WriteHeader(http.StatusNotModified)
		case "empty":
			rw.Header().Set("Content-Length", "0")
		default:
			rw.Header().Set("Link", "</style.css>; rel=preload")
			rw.WriteHeader(http.StatusEarlyHints)
			rw.Header().Set("Content-Type", "application/json")
			io.WriteString(rw, chatResponse)
		}
	})
	rt := c.wrap(w.transport)
	for _, row := range []struct{ method, path, want string }{
		{http.MethodHead, "/v1/models", "HEAD"}, {http.MethodHead, chatPath, "HEAD"},
		{http.MethodPost, chatPath, "204"}, {http.MethodPost, chatPath, "304"}, {http.MethodPost, chatPath, "empty"},
		{http.MethodDelete, "/v1/files/7", "204"}, {http.MethodGet, "/v1/models", "304"},
		{http.MethodPost, chatPath, "103"}, {http.MethodGet, "/v1/models", "103"},
	} {
		var got [2]*http.Response
		var bodies [2]string
		var hints [2]int32
		for i, via := range []http.RoundTripper{w.transport, rt} {
			var early atomic.Int32
			req := c.request(row.method, w.url+row.path, nil)
			if row.method == http.MethodPost {
				req = c.request(row.method, w.url+row.path, []byte(streamBody))
			}
			req.Header.Set("X-Want", row.want)
			req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
				Got1xxResponse: func(int, textproto.MIMEHeader) error { early.Add(1); return nil },
			}))
			resp, data := c.must(via, req)
			got[i], bodies[i], hints[i] = resp, string(data), early.Load()
		}
		a, b := got[0], got[1]
		name := strings.Join([]string{row.method, row.path, row.want}, " ")
		if a.StatusCode != b.StatusCode || a.ContentLength != b.ContentLength || bodies[0] != bodies[1] {
			c.errorf("%s: %d, %d bytes, %q; without the RoundTripper %d, %d bytes, %q",
				name, b.StatusCode, b.ContentLength, bodies[1], a.StatusCode, a.ContentLength, bodies[0])
		}
		for key := range a.Header {
			if !slices.Equal(a.Header[key], b.Header[key]) && key != "Date" {
				c.errorf("%s: the header %s is %q, of %v", name, key, b.Header[key], slices.Sorted(maps.Keys(b.Header)))
			}
		}
		if hints[0] != hints[1] {
			c.errorf("%s: the caller's trace sees %d 1xx responses; without the RoundTripper %d", name, hints[1], hints[0])
		}
	}
}
