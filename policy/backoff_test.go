package policy

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	for range 10_000 {
		hint := time.Duration(rand.Int64N(int64(time.Hour)))
		backoff := time.Duration(rand.Int64N(int64(time.Minute)))
		got := Wait(hint, backoff, rand.Uint64())
		if got < hint || got > max(hint, backoff)+hint/10 {
			t.Fatalf("Wait(%v, %v) = %v", hint, backoff, got)
		}
	}
	const forever = time.Duration(1<<63 - 1)
	for _, test := range []struct{ hint, backoff, least, most time.Duration }{
		{0, 0, 0, 0}, {-time.Second, -time.Second, 0, 0}, {forever, 0, forever, forever}, {forever, forever, forever, forever},
		{0, forever, forever - forever>>31, forever},
	} {
		if got := Wait(test.hint, test.backoff, 1<<64-1); got < test.least || got > test.most {
			t.Errorf("Wait(%v, %v) = %v", test.hint, test.backoff, got)
		}
	}
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		n    int
		want time.Duration
	}{{-1, 0}, {0, time.Second}, {1, 2 * time.Second}, {4, 16 * time.Second}, {5, 30 * time.Second}, {61, 30 * time.Second}, {1000, 30 * time.Second}} {
		if got := backoff(test.n, time.Second, 30*time.Second); got != test.want {
			t.Errorf("Backoff(%d) = %v, want %v", test.n, got, test.want)
		}
	}
	if backoff(3, 0, time.Second) != 0 || backoff(3, time.Second, 0) != 0 {
		t.Error("without a base or a bound there is no backoff")
	}
}
