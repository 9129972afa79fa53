package llmtest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/transport/llmtest"
)

func TestRequestsPerMinute(t *testing.T) {
	inBubble(t, llmtest.Config{RequestsPerMinute: 3}, func(t *testing.T, srv *llmtest.Server) {
		checkHeaders(t, mustSend(t, srv, body("1"), 200).header, map[string]string{
			"x-ratelimit-limit-requests": "3", "x-ratelimit-remaining-requests": "2",
			"x-ratelimit-reset-requests": "20s", "retry-after": "",
		})
		mustSend(t, srv, body("2"), 200)
		mustSend(t, srv, `{`, 400) // counts too
		<-time.After(5*time.Second + 500*time.Microsecond)
		a := mustSend(t, srv, body("4"), 429)
		checkHeaders(t, a.header, map[string]string{
			"retry-after": "15", "retry-after-ms": "15000",
			"x-ratelimit-limit-requests": "3", "x-ratelimit-remaining-requests": "0",
			"x-ratelimit-reset-requests": "55s",
		})
		e := decode[failure](t, a.body).Error
		if e.Type != "requests" || deref(e.Code) != "rate_limit_exceeded" ||
			!strings.Contains(e.Message, "Limit 3, Used 3, Requested 1. Please try again in 15s. ") {
			t.Errorf("got %s", a.body)
		}
		<-time.After(15 * time.Second)
		mustSend(t, srv, body("5"), 200)
		mustSend(t, srv, body("6"), 429)
		<-time.After(time.Hour)
		for range 3 {
			mustSend(t, srv, body("7"), 200)
		}
		mustSend(t, srv, body("8"), 429)
		if n := len(srv.Meter()); n != 6 {
			t.Errorf("billed %d, want 6", n)
		}
	})
}

// A client that waits for retry-after-ms is served.
func TestRetryAfterMillisIsEnough(t *testing.T) {
	inBubble(t, llmtest.Config{RequestsPerMinute: 700}, func(t *testing.T, srv *llmtest.Server) {
		for range 700 {
			mustSend(t, srv, body("hi"), 200)
		}
		for range 20 {
			ms := mustSend(t, srv, body("hi"), 429).header.Get("retry-after-ms")
			wait, err := time.ParseDuration(ms + "ms")
			if err != nil || wait <= 0 || wait > 86*time.Millisecond {
				t.Fatalf("retry-after-ms %q: %v", ms, err)
			}
			<-time.After(wait)
			mustSend(t, srv, body("hi"), 200)
		}
	})
}

func TestTokenHeaders(t *testing.T) {
	inBubble(t, llmtest.Config{}, func(t *testing.T, srv *llmtest.Server) {
		a := mustSend(t, srv, `{"model":"m","messages":[],"max_tokens":999}`, 200)
		checkHeaders(t, a.header, map[string]string{
			"x-ratelimit-remaining-tokens": "1999000", "x-ratelimit-reset-tokens": "30ms",
		})
		a = mustSend(t, srv, `{"model":"m","messages":[],"max_tokens":9223372036854775807}`, 200)
		checkHeaders(t, a.header, map[string]string{
			"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m0s",
		})
	})
}
