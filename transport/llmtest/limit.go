package llmtest

import (
	"fmt"
	"math"
	"math/bits"
	"net/http"
	"strconv"
	"time"
)

// Limit names one of the limits of a [Config].
type Limit string

// The limits, in the order in which a request is held against them.
const (
	LimitConcurrency    Limit = "requests at once"
	LimitRequests       Limit = "requests per minute"
	LimitTokens         Limit = "tokens per minute"
	LimitInputTokens    Limit = "input tokens per minute"
	LimitOutputTokens   Limit = "output tokens per minute"
	LimitRequestsPerDay Limit = "requests per day"
	LimitTokensPerDay   Limit = "tokens per day"
)

// ofTokens reports whether the limit counts tokens.
func (l Limit) ofTokens() bool {
	return l != LimitConcurrency && l != LimitRequests && l != LimitRequestsPerDay
}

// window returns the time within which the limit counts.
func (l Limit) window() time.Duration {
	if l == LimitRequestsPerDay || l == LimitTokensPerDay {
		return 24 * time.Hour
	}
	return time.Minute
}

// allowance is the state of one limit after one request. The zero allowance is of no limit.
type allowance struct {
	name      Limit
	exceeded  bool
	tooLarge  bool  // the request asks for more than the whole limit
	limit     int64 // within the window
	remaining int64
	requested int64
	reset     time.Duration // until the whole limit is available again
	wait      time.Duration // until the request is allowed; 0 if it is now, or never
}

// used returns how much of the limit is in use.
func (a allowance) used() int64 { return a.limit - a.remaining }

var (
	// freeAllowance is what a server without a limit shows.
	freeAllowance = allowance{name: LimitRequests, limit: 5000, remaining: 4999, requested: 1, reset: 12 * time.Millisecond}
	// scriptedLimit is what a rate limit shows that comes from the fault script.
	scriptedLimit = allowance{
		name: LimitRequests, exceeded: true, limit: 60, requested: 1, reset: time.Minute, wait: time.Second,
	}
)

// tokensPerMinute is the limit on tokens that the headers of a server without one show.
const tokensPerMinute = 2_000_000

// freeTokens is the allowance of tokens that a server without a limit shows. n is what the request counts for.
func freeTokens(n, limit int64) allowance {
	n = min(n, limit)
	return allowance{name: LimitTokens, limit: limit, remaining: limit - n, reset: scaled(n, limit, time.Minute)}
}

// A counter counts what one limit counts. The owner locks it.
type counter interface {
	// ask returns the state if n more were to be counted. It counts nothing.
	ask(n int64, now time.Time) allowance
	// add counts n more, or fewer.
	add(n int64, now time.Time)
}

// bucket is a token bucket that holds the limit of one window and refills evenly. It stores only the time at which it will
// be full again (the generic cell rate algorithm).
type bucket struct {
	limit  int64
	window time.Duration
	full   time.Time
}

func (b *bucket) ask(n int64, now time.Time) allowance {
	used, cost := max(b.full.Sub(now), 0), scaled(n, b.limit, b.window)
	a := allowance{limit: b.limit, requested: n}
	if n == 0 {
		cost = 1 // what counts only later needs a bucket that is not empty
	}
	switch wait := used + cost - b.window; {
	case cost > b.window:
		a.exceeded, a.tooLarge = true, true
	case wait > 0:
		a.exceeded, a.wait = true, wait
	case n > 0:
		used += cost
	}
	a.reset = used
	a.remaining = max(0, b.limit-unscaled(used, b.limit, b.window))
	return a
}

func (b *bucket) add(n int64, now time.Time) {
	used := max(b.full.Sub(now), 0)
	if n < 0 {
		used = max(0, used-scaled(-n, b.limit, b.window))
	} else {
		used += min(scaled(n, b.limit, b.window), 1000*b.window)
	}
	b.full = now.Add(used)
}

// scaled returns in what time n of limit come back if all of them come back in the window.
func scaled(n, limit int64, window time.Duration) time.Duration {
	high, low := bits.Mul64(uint64(max(n, 0)), uint64(window))
	if high >= uint64(limit) {
		return math.MaxInt64 / 4
	}
	d, _ := bits.Div64(high, low, uint64(limit))
	return time.Duration(min(d, math.MaxInt64/4))
}

// unscaled returns how many of limit come back in time d, rounded up.
func unscaled(d time.Duration, limit int64, window time.Duration) int64 {
	if d >= window {
		return limit
	}
	high, low := bits.Mul64(uint64(d), uint64(limit))
	n, rest := bits.Div64(high, low, uint64(window))
	if rest > 0 {
		n++
	}
	return int64(n)
}

// day counts from midnight to midnight.
type day struct {
	limit int64
	zone  *time.Location
	ends  time.Time
	used  int64
}

// turn begins a new day if the old one has ended.
func (d *day) turn(now time.Time) {
	if now.Before(d.ends) {
		return
	}
	year, month, date := now.In(d.zone).Date()
	d.ends, d.used = time.Date(year, month, date+1, 0, 0, 0, 0, d.zone), 0
}

func (d *day) ask(n int64, now time.Time) allowance {
	d.turn(now)
	a := allowance{limit: d.limit, requested: n, reset: d.ends.Sub(now)}
	used := d.used
	if n > d.limit-used || n == 0 && used >= d.limit {
		a.exceeded, a.tooLarge, a.wait = true, n > d.limit, a.reset
	} else {
		used += n
	}
	a.remaining = max(0, d.limit-used)
	return a
}

func (d *day) add(n int64, now time.Time) {
	d.turn(now)
	d.used = max(0, d.used+n)
}

// pacific is where the day of Google's quotas ends.
var pacific = func() *time.Location {
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		return time.FixedZone("PST", -8*60*60) // the machine has no time zones
	}
	return zone
}()

// setRateHeader sets the six x-ratelimit headers.
func setRateHeader(h http.Header, requests, tokens allowance) {
	for _, l := range [...]struct {
		name string
		allowance
	}{{"Requests", requests}, {"Tokens", tokens}} {
		h.Set("X-Ratelimit-Limit-"+l.name, strconv.FormatInt(l.limit, 10))
		h.Set("X-Ratelimit-Remaining-"+l.name, strconv.FormatInt(l.remaining, 10))
		h.Set("X-Ratelimit-Reset-"+l.name, roundUp(l.reset).String())
	}
}

// abbreviation returns OpenAI's and Groq's name of a limit: "tokens per min (TPM)", where minute is "min".
func (l Limit) abbreviation(minute string) string {
	switch l {
	case LimitTokens:
		return fmt.Sprintf("tokens per %s (TPM)", minute)
	case LimitInputTokens:
		return fmt.Sprintf("input tokens per %s (ITPM)", minute)
	case LimitOutputTokens:
		return fmt.Sprintf("output tokens per %s (OTPM)", minute)
	case LimitRequestsPerDay:
		return "requests per day (RPD)"
	case LimitTokensPerDay:
		return "tokens per day (TPD)"
	}
	return fmt.Sprintf("requests per %s (RPM)", minute)
}

// kind returns OpenAI's and Groq's type of the error of a limit.
func (l Limit) kind() string {
	if l.ofTokens() {
		return "tokens"
	}
	return "requests"
}

// tooMany is the message of a limit on requests at once. It is Anthropic's; of the others no such message is known.
const tooMany = "Number of concurrent connections has exceeded your rate limit. Please try again later or contact sales " +
	"at https://www.anthropic.com/contact-sales to discuss your options for a rate limit increase."

// ceilDiv returns d in units, rounded up.
func ceilDiv(d, unit time.Duration) int64 {
	return int64((d + unit - 1) / unit)
}

// roundUp rounds up to whole milliseconds.
func roundUp(d time.Duration) time.Duration {
	return time.Duration(ceilDiv(d, time.Millisecond)) * time.Millisecond
}
