package limit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/time/rate"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// What buckets rely on in x/time/rate, some of which its documentation does not say.
func TestRateQuirks(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	full := func() *rate.Limiter {
		l := new(rate.Limiter) // as a bucket makes it
		l.SetLimitAt(time.Time{}, 10)
		l.SetBurstAt(time.Time{}, 1000)
		return l
	}
	left := func(t *testing.T, l *rate.Limiter, want float64) {
		t.Helper()
		if got := l.TokensAt(now); got != want {
			t.Errorf("%v left, want %v", got, want)
		}
	}
	t.Run("one that was set long ago is full", func(t *testing.T) { left(t, full(), 1000) })
	t.Run("a negative reservation is a refund", func(t *testing.T) {
		l := full()
		l.ReserveN(now, 600)
		l.ReserveN(now, -100)
		left(t, l, 500)
	})
	t.Run("a refund has no more room than the burst when it is read", func(t *testing.T) {
		l := full()
		l.ReserveN(now, -100)
		left(t, l, 1000)
		l.ReserveN(now, 1)
		left(t, l, 999)
	})
	t.Run("AllowN gives nothing back while there is a debt", func(t *testing.T) {
		l := full()
		l.ReserveN(now, 1000)
		l.ReserveN(now, 1000)
		if l.AllowN(now, -100) {
			t.Error("it does: take can use it")
		}
		left(t, l, -1000)
		l.ReserveN(now, -100)
		left(t, l, -900)
	})
	t.Run("a burst that is raised and lowered gives nothing away", func(t *testing.T) {
		l := full()
		if l.ReserveN(now, 5000).OK() {
			t.Error("more than the burst is reserved")
		}
		l.SetBurstAt(now, 5000)
		l.ReserveN(now, 5000)
		l.SetBurstAt(now, 1000)
		left(t, l, -4000)
	})
	t.Run("cancelling beside refunds gives back too much", func(t *testing.T) {
		l := full()
		l.ReserveN(now, 900)
		l.ReserveN(now, 600)
		r := l.ReserveN(now, 100)
		l.ReserveN(now, -90)
		r.CancelAt(now)
		if l.TokensAt(now) <= -410 {
			t.Error("it does not any more")
		}
	})
}

// tokens returns a request for so many tokens of input, that the limits of these names match.
func tokens(n int64, names ...string) limit.Request {
	r := request(names...)
	r.Tokens.Input = n
	return r
}

// An attempt that takes more than the burst waits for a full bucket. Those behind it wait until the rest is paid.
func TestMoreThanTheBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{TokensPerMinute: 6000, TokenBurst: 100}}, nil) // 100 a second
		all := []*waiting{wait(t.Context(), l, tokens(50)), wait(t.Context(), l, tokens(1000)), wait(t.Context(), l, tokens(10)), wait(t.Context(), l, tokens(6000)), wait(t.Context(), l, tokens(1))}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		// The second waits for 100, after which 900 are missing; the third for 910. The bucket is full at 10.5+0.1+0.9 s.
		for i, want := range []time.Duration{0, 500 * time.Millisecond, 9600 * time.Millisecond, 10600 * time.Millisecond, 69610 * time.Millisecond} {
			if w := all[i]; !w.admitted() || w.took != want {
				t.Errorf("waiter %d: %+v, want %v", i, w, want)
			}
		}
	})
}

// Small attempts do not starve a large one: they wait behind it.
func TestLimit33LargeIsNotStarved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{TokensPerMinute: 6000, TokenBurst: 1000}}, nil)
		wait(t.Context(), l, tokens(1000))
		large := wait(t.Context(), l, tokens(900))
		var small []*waiting
		for range 50 {
			small = append(small, wait(t.Context(), l, tokens(10)))
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if large.took != 9*time.Second {
			t.Errorf("%+v", large)
		}
		for _, w := range small {
			if !w.admitted() || w.took < 6*time.Second {
				t.Errorf("%+v", w)
			}
		}
	})
}

// What is taken and what is given back add up: after attempts that took estimates and counted for something else, exactly what
// they counted for is missing.
func TestLimit36Settle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perMinute = 1_000_000
		l := limit.NewLocal([]policy.Limit{{TokensPerMinute: perMinute, TokenBurst: perMinute, RequestsPerMinute: 1000, Burst: 1000,
			InputTokensPerMinute: perMinute, OutputTokensPerMinute: perMinute, TokensPerDay: perMinute, RequestsPerDay: 1000}}, nil)
		var requests, in, out int64
		for i := range int64(100) {
			r := limit.Request{Tokens: limit.Tokens{Input: i * 7 % 50, Output: i * 11 % 60}}
			w := wait(t.Context(), l, r)
			if !w.admitted() {
				t.Fatalf("%+v", w)
			}
			c := limit.Count{Requests: int(i % 2), Tokens: limit.Tokens{Input: i * 13 % 40, Output: i * 3 % 90}}
			w.permit.Release(c)
			requests, in, out = requests+i%2, in+c.Tokens.Input, out+c.Tokens.Output
		}
		missing := map[string]int64{"requests per minute": requests, "tokens per minute": in + out, "input tokens per minute": in,
			"output tokens per minute": out, "requests per day": requests, "tokens per day": in + out}
		for _, level := range l.States()[0].Levels {
			if got := level.Most - level.Left; got != missing[level.Unit] {
				t.Errorf("%s: %d are missing, want %d", level.Unit, got, missing[level.Unit])
			}
			delete(missing, level.Unit)
		}
		if len(missing) > 0 {
			t.Errorf("no level of %v", missing)
		}
	})
}

// A refund admits those that wait at once, and not when the rate would.
func TestRefundWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{TokensPerMinute: 60, TokenBurst: 60, RequestsPerMinute: 2, Burst: 2}}, nil)
		first := wait(t.Context(), l, tokens(60))
		second := wait(t.Context(), l, tokens(30))
		third := wait(t.Context(), l, tokens(30))
		time.Sleep(time.Second)
		first.permit.Release(limit.Count{Requests: 0}) // it was never sent
		synctest.Wait()
		if !second.admitted() || second.took != time.Second || !third.admitted() {
			t.Errorf("%+v, %+v", second, third)
		}
	})
}

// An attempt that needs more than a limit ever admits is refused at once. The error names the limit and the figures, and says
// that it is ours.
func TestLimit37Refusals(t *testing.T) {
	for _, test := range []struct {
		limit policy.Limit
		want  string
	}{
		{policy.Limit{TokensPerMinute: 100, Name: "small"}, "limit: it needs 150 tokens, and our limit \"small\" allows 100 per minute"},
		{policy.Limit{TokensPerDay: 100, Per: []string{"tag:tenant"}}, "limit: it needs 150 tokens, and our limit for tenant acme allows 100 per day"},
		{policy.Limit{InputTokensPerMinute: 99}, "limit: it needs 100 input tokens, and our limit allows 99 per minute"},
		{policy.Limit{OutputTokensPerMinute: 49}, "limit: it needs 50 output tokens, and our limit allows 49 per minute"},
		{policy.Limit{TokensPerMinute: 100, TokenBurst: 150}, ""},
		{policy.Limit{TokensPerMinute: 150, TokensPerDay: 150}, ""},
	} {
		t.Run(limit.Describe(test.limit), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limit.NewLocal([]policy.Limit{test.limit, {Concurrency: 1}}, nil)
				r := limit.Request{Tokens: limit.Tokens{Input: 100, Output: 50}, Tags: map[string]string{"tenant": "acme"}}
				w := wait(t.Context(), l, r)
				if test.want == "" {
					if !w.admitted() {
						t.Errorf("%+v", w)
					}
					return
				}
				var e *limit.Error
				if !errors.As(w.err, &e) || e.Error() != test.want || w.took != 0 {
					t.Errorf("%v, want %s", w.err, test.want)
				}
				admit(t, l) // the refused one has taken nothing
			})
		})
	}
}

// A context that is done takes nothing.
func TestContextIsDone(t *testing.T) {
	l := limit.NewLocal([]policy.Limit{{RequestsPerDay: 1}}, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var e *limit.Error
	if _, err := l.Wait(ctx, &limit.Request{}); !errors.As(err, &e) || !errors.Is(err, context.Canceled) || e.Limit != "1 requests per day" {
		t.Error(err)
	}
	synctest.Test(t, func(t *testing.T) { admit(t, limit.NewLocal([]policy.Limit{{RequestsPerDay: 1}}, nil)) })
	if p, err := l.Wait(t.Context(), &limit.Request{}); p == nil || err != nil {
		t.Error(err)
	}
}

// A permit that is released twice is given back once.
func TestLimit35ReleasedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{Concurrency: 1, TokensPerMinute: 60, TokenBurst: 60}}, nil)
		first := wait(t.Context(), l, tokens(10))
		release(first.permit)
		second := wait(t.Context(), l, tokens(10))
		release(first.permit)
		if w := wait(t.Context(), l, tokens(10)); w.ended {
			t.Errorf("two at once: %+v", w)
		}
		if left := l.States()[0].Levels[0].Left; left != 50 { // the first gave its tokens back, once
			t.Errorf("%d left", left)
		}
		release(second.permit)
	})
}
