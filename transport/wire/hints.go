package wire

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxHint is the longest wait that a hint can ask for. Anything longer is that long.
const maxHint = 30 * 24 * time.Hour

// RetryAfter returns how long a failed answer asks to wait, by its headers retry-after-ms and Retry-After, in whole or
// broken seconds or as a date (counted from the answer's own Date, where it has one, so that clocks need not agree).
// Where there are several, the longest counts. It returns 0 if there is none, or none that makes sense, and 30 days at
// most.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	var longest time.Duration
	for _, v := range h.Values("Retry-After-Ms") {
		longest = max(longest, seconds(v, time.Millisecond))
	}
	for _, v := range h.Values("Retry-After") {
		v = strings.TrimSpace(v)
		if t, err := http.ParseTime(v); err == nil {
			if date, err := http.ParseTime(h.Get("Date")); err == nil {
				now = date
			}
			longest = max(longest, min(t.Sub(now), maxHint))
			continue
		}
		longest = max(longest, seconds(v, time.Second))
	}
	return longest
}

// seconds reads a number of units, which may be broken.
func seconds(v string, unit time.Duration) time.Duration {
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || math.IsNaN(f) || f <= 0 {
		return 0
	}
	if f >= float64(maxHint/unit) {
		return maxHint
	}
	return time.Duration(math.Ceil(f * float64(unit)))
}

// rateReset returns when OpenAI's rate limit headers say that what is used up comes back.
func rateReset(h http.Header) (longest time.Duration) {
	for _, what := range []string{"Requests", "Tokens"} {
		if h.Get("X-Ratelimit-Remaining-"+what) != "0" {
			continue
		}
		longest = max(longest, duration(h.Get("X-Ratelimit-Reset-"+what)))
	}
	return longest
}

// tryAgainIn reads the "Please try again in 1.772s" of an error message; also 232ms, 6m0s, 7h12m.
func tryAgainIn(message string) time.Duration {
	const lead = "try again in "
	_, after, ok := strings.Cut(message, lead)
	if !ok {
		return 0
	}
	text, _, _ := strings.Cut(after, " ")
	return duration(strings.TrimRight(text, ".,"))
}

func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0
	}
	return min(d, maxHint)
}
