package middleware_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// What is written for nothing is charged to the loss budget: something beneath the chain spreads the calls over keys with caches
// of their own, or the calls come just when a write has ended.
func TestPricedWritesThatAreNotRead(t *testing.T) {
	if raceEnabled {
		t.Skip("it compares money over many calls, which takes minutes under the race detector")
	}
	f := writeFaces["messages"]
	run := func(p policy.Policy, keys int, gap time.Duration) (cost price.Pico) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)))
			provider := llmtest.NewPipe(llmtest.Config{Keyed: true, PromptCaches: true})
			defer provider.Close()
			n := 0
			base := transport.RoundTripperFunc(func(req *http.Request) (*http.Response, error) {
				req = req.Clone(req.Context())
				n++
				req.Header.Set("X-Api-Key", fmt.Sprint("key-", n%keys))
				return provider.Transport().RoundTrip(req)
			})
			stack, err := middleware.New(middleware.WithPolicy(p), middleware.WithBase(base))
			if err != nil {
				t.Fatal(err)
			}
			w := &world{t, provider, stack, stack.Client()}
			for i := range 500 {
				if status := w.send(w.Context(), f.url, fmt.Sprintf(f.body, book, fmt.Sprintf("Question %d?", i))); status != 200 {
					t.Fatal(status)
				}
				time.Sleep(gap)
			}
			cost, _ = stack.Totals().Cost.Pico()
			if err := stack.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
		return cost
	}
	for _, c := range []struct {
		keys int
		gap  time.Duration
		most float64
	}{{1, 20 * time.Second, 0.3}, {2, 20 * time.Second, 0.6}, {50, 20 * time.Second, 1.015}, {1, 5 * time.Minute, 1.015}} {
		without := run(policy.Policy{}, c.keys, c.gap)
		with := run(policy.Policy{Cache: policy.Cache{Writes: policy.WritesAuto}}, c.keys, c.gap)
		if ratio := float64(with) / float64(without); ratio > c.most {
			t.Errorf("%d keys, each %v: writes cost %.3f times what the calls cost without, want %.3f", c.keys, c.gap, ratio, c.most)
		}
	}
}
