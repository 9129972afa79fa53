package limit_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// The work for each waiter does not depend on how many wait: of those that need the same limits, of which one is saturated
// and the other open, and of those that need different ones.
func TestWorkDoesNotGrowWithTheQueue(t *testing.T) {
	open := policy.Limit{RequestsPerMinute: 1e8, Burst: 1e8}
	for name, test := range map[string]struct {
		limits  []policy.Limit
		request func(i int) *limit.Request
		lines   uint64
	}{
		"one line":    {[]policy.Limit{{Concurrency: 1}, open}, func(int) *limit.Request { return new(limit.Request) }, 1},
		"three lines": {[]policy.Limit{{Concurrency: 1}, named("a", open), named("b", open)}, func(i int) *limit.Request { r := request([]string{"", "a", "b"}[i%3]); return &r }, 3},
		"with a deadline": {[]policy.Limit{{Concurrency: 1}, open}, func(int) *limit.Request {
			return &limit.Request{Deadline: time.Now().Add(time.Hour)}
		}, 1},
	} {
		for _, n := range []int{10, 1000, 20_000} {
			t.Run(fmt.Sprint(name, " of ", n), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := limit.NewLocal(test.limits, nil)
					first, err := l.Wait(t.Context(), test.request(0))
					if err != nil {
						t.Fatal(err)
					}
					ctx, cancel := context.WithCancel(t.Context())
					var all sync.WaitGroup
					for i := range n {
						all.Go(func() {
							ctx := ctx
							if i%5 != 0 {
								ctx = context.WithoutCancel(ctx)
							}
							if p, err := l.Wait(ctx, test.request(i)); err == nil {
								p.Release(limit.Count{Requests: 1})
							}
						})
					}
					synctest.Wait()
					waiting := l.Examined()
					cancel() // a fifth of them gives up
					synctest.Wait()
					givenUp := l.Examined()
					first.Release(limit.Count{Requests: 1})
					all.Wait()
					served := l.Examined()
					if most := uint64(n+1) * test.lines; waiting > most {
						t.Errorf("%d waiters came, and %d heads were examined", n, waiting)
					}
					if most := uint64(n/5+1) * test.lines; givenUp-waiting > most {
						t.Errorf("%d waiters gave up, and %d heads were examined", n/5, givenUp-waiting)
					}
					if most := uint64(n+1) * (test.lines + 1); served-givenUp > most {
						t.Errorf("%d waiters were served, and %d heads were examined", n-n/5, served-givenUp)
					}
				})
			})
		}
	}
}

// from returns a request of a call.
func from(call string, stalled func(limit.State)) *limit.Request {
	return &limit.Request{Subject: policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}, Call: call, Stalled: stalled}
}

// A waiter learns after 5 seconds who holds the permits, and then one waiter of a limit once a minute.
func TestStalledWaitersAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{policy.Limit{Concurrency: 2}, policy.Limit{RequestsPerMinute: 1e6, Burst: 100}}, nil)
		start := time.Now()
		var said []string
		stalled := func(s limit.State) {
			var line strings.Builder
			line.WriteString(fmt.Sprintf("%v: %s, %d held, %d wait", time.Since(start), limit.Describe(s.Limit), s.Busy, s.Waiting))
			for _, h := range s.Holders {
				line.WriteString("; " + h.String())
			}
			said = append(said, line.String())
		}
		first, _ := l.Wait(t.Context(), from("a", stalled))
		time.Sleep(3 * time.Second)
		second, _ := l.Wait(t.Context(), from("", stalled))
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				p, err := l.Wait(t.Context(), from("w", stalled))
				if err != nil {
					t.Error(err)
					return
				}
				time.Sleep(time.Second)
				p.Release(limit.Count{Requests: 1})
			})
		}
		time.Sleep(2*time.Minute + time.Second)
		second.Release(limit.Count{Requests: 1})
		all.Wait()
		want := []string{
			"8s: 2 at once, 2 held, 3 wait; openai chat of gpt-5 for 8s, call a; openai chat of gpt-5 for 5s",
			"1m8s: 2 at once, 2 held, 3 wait; openai chat of gpt-5 for 1m8s, call a; openai chat of gpt-5 for 1m5s",
		}
		if !slices.Equal(said, want) {
			t.Errorf("reported %q", said)
		}
		first.Release(limit.Count{Requests: 1})
		for _, s := range l.States() {
			if s.Busy != 0 || s.Waiting != 0 || s.Holders != nil {
				t.Errorf("in the end: %+v", s)
			}
		}
	})
}

// Nothing is reported for a short wait, for a wait for a rate, and to a waiter without Stalled.
func TestNoStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stalled := func(s limit.State) { t.Errorf("reported %+v", s) }
		slow := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 1, Burst: 1, Concurrency: 5}}, nil)
		for range 3 {
			if p, err := slow.Wait(t.Context(), from("", stalled)); err == nil {
				p.Release(limit.Count{Requests: 1})
			}
		}
		busy := limit.NewLocal([]policy.Limit{{Concurrency: 1}}, nil)
		first, _ := busy.Wait(t.Context(), from("", stalled))
		time.AfterFunc(4900*time.Millisecond, func() { first.Release(limit.Count{Requests: 1}) })
		second, _ := busy.Wait(t.Context(), from("", stalled))
		if second == nil {
			t.Fatal("not admitted")
		}
		time.AfterFunc(time.Minute, func() { second.Release(limit.Count{Requests: 1}) })
		busy.Wait(t.Context(), &limit.Request{})
	})
}

// States name those that hold a permit of each limit for longest.
func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 9}), named("b", policy.Limit{Concurrency: 1, RequestsPerMinute: 60})}, nil)
		for i := range 7 {
			r := request("a")
			r.Call = fmt.Sprint(i)
			l.Wait(t.Context(), &r)
			time.Sleep(time.Second)
		}
		b := admit(t, l, "b")
		waiting := wait(t.Context(), l, request("a", "b"))
		got := l.States()
		if len(got) != 2 || got[0].Limit.Concurrency != 9 {
			t.Fatalf("%+v", got)
		}
		if counts := [6]int{got[0].Busy, got[1].Busy, got[0].Waiting, got[0].Elsewhere, got[1].Waiting, got[1].Elsewhere}; counts != [6]int{7, 1, 0, 1, 1, 0} {
			t.Errorf("%+v", got)
		}
		if h := got[0].Holders; len(h) != 5 || h[0].Call != "0" || h[4].Call != "4" || h[0].For != 7*time.Second || h[4].For != 3*time.Second {
			t.Errorf("%+v", h)
		}
		if h := got[1].Holders; len(h) != 1 || h[0].For != 0 {
			t.Errorf("%+v", h)
		}
		b.Release(limit.Count{Requests: 1})
		time.Sleep(time.Second) // until there is a token
		synctest.Wait()
		if !waiting.admitted() || l.States()[0].Busy != 8 {
			t.Errorf("%+v", l.States())
		}
	})
}
