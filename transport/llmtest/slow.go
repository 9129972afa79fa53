package llmtest

import (
	"net/http"
	"strconv"
	"time"
)

// slowBy is how long Slow keeps a client waiting.
func (c *Config) slowBy() time.Duration {
	if c.SlowBy == 0 {
		return 11 * time.Minute
	}
	return c.SlowBy
}

// trickle answers with an error whose body comes one byte a second.
func (x *exchange) trickle(e *apiError) {
	x.pause(x.s.cfg.Latency)
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
