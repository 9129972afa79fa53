package llmtest

import (
	"net/http"
	"strconv"
	"time"
)

// allowance is the state of the rate limit after one request.
type allowance struct {
	exceeded  bool
	limit     int // requests per minute
	remaining int
	reset     time.Duration // until the whole limit is available again
	wait      time.Duration // until one more request is allowed; 0 if it is now
}

var (
	// freeAllowance is what a server without a limit shows.
	freeAllowance = allowance{limit: 5000, remaining: 4999, reset: 12 * time.Millisecond}
	// scriptedLimit is what a rate limit shows that comes from the fault script.
	scriptedLimit = allowance{exceeded: true, limit: 60, reset: time.Minute, wait: time.Second}
)

// tokensPerMinute is the limit on tokens that the headers show. It is not enforced.
const tokensPerMinute = 2_000_000

// bucket is a token bucket with the requests of one minute. It stores only the time at
// which it will be full again (the generic cell rate algorithm). The zero value is full.
// The owner locks it.
type bucket struct {
	full time.Time
}

// take asks for one of limit requests per minute.
func (b *bucket) take(limit int, now time.Time) allowance {
	if limit <= 0 {
		return freeAllowance
	}
	each := max(1, time.Minute/time.Duration(limit))
	used := max(b.full.Sub(now), 0)
	a := allowance{limit: limit}
	if wait := used + each - each*time.Duration(limit); wait > 0 {
		a.exceeded, a.wait = true, wait
	} else {
		used += each
		b.full = now.Add(used)
	}
	a.reset = used
	a.remaining = limit - int(ceilDiv(used, each))
	return a
}

// setHeader sets the six x-ratelimit headers. tokens is what the request counts for: its
// prompt and its limit on the completion.
func (a allowance) setHeader(h http.Header, tokens int64) {
	tokens = min(tokens, tokensPerMinute)
	h.Set("X-Ratelimit-Limit-Requests", strconv.Itoa(a.limit))
	h.Set("X-Ratelimit-Limit-Tokens", strconv.Itoa(tokensPerMinute))
	h.Set("X-Ratelimit-Remaining-Requests", strconv.Itoa(a.remaining))
	h.Set("X-Ratelimit-Remaining-Tokens", strconv.FormatInt(tokensPerMinute-tokens, 10))
	h.Set("X-Ratelimit-Reset-Requests", roundUp(a.reset).String())
	h.Set("X-Ratelimit-Reset-Tokens", roundUp(time.Minute*time.Duration(tokens)/tokensPerMinute).String())
}

// ceilDiv returns d in units, rounded up.
func ceilDiv(d, unit time.Duration) int64 {
	return int64((d + unit - 1) / unit)
}

// roundUp rounds up to whole milliseconds.
func roundUp(d time.Duration) time.Duration {
	return time.Duration(ceilDiv(d, time.Millisecond)) * time.Millisecond
}
