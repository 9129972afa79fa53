package wire

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that a provider can ask for. A longer one counts as this long.
const maxRetryAfter = 30 * 24 * time.Hour

// RetryAfter returns how long a failed answer asks to wait, by its headers Retry-After-Ms (milliseconds) and Retry-After
// (seconds, or a date). Both numbers may have a fraction. A date is counted from the answer's own Date header, or from now
// if it has none, so clocks need not agree. Of several values the longest counts. RetryAfter returns 0 if there is none, or
// none that is valid, and 30 days at most.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	var longest time.Duration
	for _, v := range h.Values("Retry-After-Ms") {
		longest = max(longest, units(v, time.Millisecond))
	}
	for _, v := range h.Values("Retry-After") {
		v = strings.TrimSpace(v)
		if t, err := http.ParseTime(v); err == nil {
			if date, err := http.ParseTime(h.Get("Date")); err == nil {
				now = date
			}
			longest = max(longest, min(t.Sub(now), maxRetryAfter))
			continue
		}
		longest = max(longest, units(v, time.Second))
	}
	return longest
}

// units reads a number of units, which may have a fraction.
func units(v string, unit time.Duration) time.Duration {
	f, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
	if err != nil || math.IsNaN(f) || f <= 0 {
		return 0
	}
	if f >= float64(maxRetryAfter/unit) {
		return maxRetryAfter
	}
	return time.Duration(math.Ceil(f * float64(unit)))
}

// rateReset returns how long it takes until all that is used up comes back, by the headers that [ReadQuotas] reads, and by
// those of units that it does not know.
func rateReset(h http.Header, now time.Time) (longest time.Duration) {
	for _, s := range statedIn(h, now) {
		if s.usedUp {
			longest = max(longest, s.Reset)
		}
	}
	return longest
}

// usedUp reports whether a number of what remains is zero, or less.
func usedUp(v string) bool {
	v = strings.TrimSpace(v)
	return v != "" && (v[0] == '-' || strings.Trim(v, "0.") == "")
}

// resetIn reads when a limit is reset: a duration as Go writes it, a number of seconds, or a moment: in seconds or milliseconds
// since 1970, or as RFC 3339 has it. It is 30 days at most. ok is false if it is none of them, or negative.
func resetIn(v string, now time.Time) (d time.Duration, ok bool) {
	v = strings.TrimSpace(v)
	if d, err := time.ParseDuration(v); err == nil {
		return min(d, maxRetryAfter), d >= 0
	}
	at, err := time.Parse(time.RFC3339, v)
	if n, notWhole := strconv.ParseInt(v, 10, 64); notWhole == nil && n >= 1e9 {
		if at, err = time.Unix(n, 0), nil; n >= 1e12 {
			at = time.UnixMilli(n)
		}
	}
	if err == nil {
		return max(0, min(at.Sub(now), maxRetryAfter)), true
	}
	f, err := strconv.ParseFloat(v, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || f < 0 {
		return 0, false
	}
	return units(v, time.Second), true
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

// duration reads a duration as Go writes it; 0 if it is none, and at most maxRetryAfter.
func duration(text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return 0
	}
	return min(d, maxRetryAfter)
}
