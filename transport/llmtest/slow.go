package llmtest

import (
	"net/http"
	"strconv"
	"time"
)

// slowBy is for how long the fault Slow delays a response.
func (c *Config) slowBy() time.Duration {
	if c.SlowBy == 0 {
		return 11 * time.Minute
	}
	return c.SlowBy
}

// trickle sends an error response, its body at one byte per second.
func (x *responder) trickle(e *apiError) {
	x.pause(x.cfg.Latency)
	e.setHeader(x.w.Header())
	body := e.body()
	x.w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.begin(e.status, "application/json")
	_ = http.NewResponseController(x.w).Flush()
	for i := range body {
		x.pause(time.Second)
		x.write(body[i : i+1])
	}
}
