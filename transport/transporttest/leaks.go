package transporttest

import (
	"context"
	"io"
	"net/http"
	"strings"
)

// noGoroutineLeft: when the caller has closed its responses, nothing is left. Every response of the base is closed, also
// those that the caller did not get. No connection stays busy, and no goroutine is left. Contexts are not cancelled here,
// because that would hide a leak.
func noGoroutineLeft(c *check) {
	if c.via == overFake {
		c.eachScenario(func(name string, rt http.RoundTripper, req *http.Request, _ *upload) {
			c.send(rt, req)
		})
		for _, statuses := range [][]int{{200}, {429, 200}, {503, 503, 200}, {429}, {500}, {302}, {0, 200}} {
			f := c.fake(statuses...)
			c.send(c.wrap(f), c.chat(chatBody))
			settle()
			if n := f.open(); n > 0 {
				c.errorf("responses %v: %d of the %d responses are never closed", statuses, n, len(f.responses))
			}
		}
		settle()
		if left := c.others(); len(left) > 2 { // the item's own and the one that waits for it
			c.errorf("goroutines are left:\n%s", join(left))
		}
		return
	}
	w := c.serve(func(n int, rw http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		status := http.StatusOK
		if n%3 != 2 {
			status = http.StatusTooManyRequests
			rw.Header().Set("Retry-After", "1")
		}
		rw.Header().Set("Content-Type", "application/json")
		rw.WriteHeader(status)
		io.WriteString(rw, chatResponse+strings.Repeat(" ", 64<<10))
	})
	rt := c.wrap(w.transport)
	settle()
	before := len(c.others())
	for i := range 12 {
		req := c.request(http.MethodPost, w.url+chatPath, []byte(chatBody)).WithContext(context.Background())
		resp, err := rt.RoundTrip(req)
		if err != nil || resp == nil {
			continue
		}
		if i%2 == 0 {
			io.Copy(io.Discard, resp.Body)
		}
		resp.Body.Close()
	}
	settle()
	w.transport.CloseIdleConnections()
	settle()
	if _, open := w.connections(); open > 0 {
		c.errorf("%d connections stay open, because their responses were not closed", open)
	}
	if left := c.others(); len(left) > before {
		c.errorf("%d goroutines are left:\n%s", len(left)-before, join(left))
	}
}
