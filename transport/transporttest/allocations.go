package transporttest

import (
	"net/http"
	"testing"
)

// maxAllocs is how many allocations a RoundTripper may add to a request that does not concern it. It is twice what a copy
// of the request with another context and one more header, and a wrapped body, need.
const maxAllocs = 16

// allocations: a request that does not call a model, GET /healthz, gains at most [maxAllocs] allocations.
func allocations(c *check) {
	resp := &http.Response{StatusCode: http.StatusOK, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}}
	base := constant{resp}
	req := c.request(http.MethodGet, host+"/healthz", nil)
	measure := func(rt http.RoundTripper) float64 {
		return testing.AllocsPerRun(100, func() {
			resp.Body, resp.Request = http.NoBody, req
			got, err := rt.RoundTrip(req)
			if err != nil {
				c.errorf("%v", err)
				return
			}
			got.Body.Close()
		})
	}
	if added := measure(c.wrap(base)) - measure(base); added > maxAllocs {
		c.errorf("GET /healthz gains %v allocations, more than %d", added, maxAllocs)
	}
}

// constant is a base that always returns the same response.
type constant struct{ resp *http.Response }

func (q constant) RoundTrip(*http.Request) (*http.Response, error) { return q.resp, nil }
