package transporttest

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestHang checks how items end if RoundTrippers hang, leak or panic.
func TestHang(t *testing.T) {
	defer func(before time.Duration) { watchdog = before }(watchdog)
	watchdog = time.Second
	it := &item{"A03_response_or_error", fakeOnly, responseOrError}
	for _, row := range []struct {
		name, want string
		wrap       wrapper
	}{
		{"waits for a mutex", "the bubble's time does not go on", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			var mu sync.Mutex
			mu.Lock()
			mu.Lock()
			return next.RoundTrip(req)
		})},
		{"waits for ever", "it has not returned after 24h", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			select {}
		})},
		{"leaves a goroutine", "goroutines are left", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			go func() { <-context.WithoutCancel(req.Context()).Done() }()
			return next.RoundTrip(req)
		})},
		{"panics", "panic: at the disco", link(func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
			panic("at the disco")
		})},
		{"is nil", "wrap returned nil", func(http.RoundTripper) http.RoundTripper { return nil }},
	} {
		got := strings.Join(it.run(t, overFake, row.wrap), "\n")
		if !strings.Contains(got, row.want) {
			t.Errorf("%s: %q, not %q", row.name, got, row.want)
		}
	}
}

// TestCloses checks that a RoundTripper with a Close method is closed.
func TestCloses(t *testing.T) {
	closed := 0
	it := &item{"A09_response_request", fakeOnly, responseRequest}
	failures := it.run(t, overFake, func(base http.RoundTripper) http.RoundTripper {
		return closable{base, func() error { closed++; return nil }}
	})
	if len(failures) > 0 || closed != 1 {
		t.Errorf("closed %d times, %v", closed, failures)
	}
}

type closable struct {
	http.RoundTripper
	closer
}
