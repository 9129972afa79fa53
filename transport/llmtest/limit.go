package llmtest

import (
	"net/http"
	"strconv"
	"time"
)

// allowance is what the rate limit says to one request.
type allowance struct {
	refused   bool
	limit     int
	remaining int
	reset     time.Duration // until nothing is used any more
	wait      time.Duration // until one more request fits; 0 if it does now
}

// What a server without a limit shows, and what a scripted refusal shows.
var (
	freeAllowance = allowance{limit: 5000, remaining: 4999, reset: 12 * time.Millisecond}
	scriptedLimit = allowance{refused: true, limit: 60, reset: time.Minute, wait: time.Second}
)

// tokensPerMinute is the limit on tokens that the headers name. It is not enforced.
const tokensPerMinute = 2_000_000

// bucket is a token bucket of a minute's requests, kept as the one time at which
// it will be full again (GCRA). It starts full. Its lock is its owner's.
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
		a.refused, a.wait = true, wait
	} else {
		used += each
		b.full = now.Add(used)
	}
	a.reset = used
	a.remaining = limit - int(ceilDiv(used, each))
	return a
}

// setHeader writes the six x-ratelimit headers. tokens is what the request counts
// for: its prompt and what it lets the model write.
func (a allowance) setHeader(h http.Header, tokens int64) {
	tokens = min(tokens, tokensPerMinute)
	h.Set("X-Ratelimit-Limit-Requests", strconv.Itoa(a.limit))
	h.Set("X-Ratelimit-Limit-Tokens", strconv.Itoa(tokensPerMinute))
	h.Set("X-Ratelimit-Remaining-Requests", strconv.Itoa(a.remaining))
	h.Set("X-Ratelimit-Remaining-Tokens", strconv.FormatInt(tokensPerMinute-tokens, 10))
	h.Set("X-Ratelimit-Reset-Requests", roundUp(a.reset).String())
	h.Set("X-Ratelimit-Reset-Tokens", roundUp(time.Minute*time.Duration(tokens)/tokensPerMinute).String())
}
