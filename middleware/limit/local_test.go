package limit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// named returns the limit l for requests that have a tag of that name.
func named(name string, l policy.Limit) policy.Limit {
	l.Match = policy.Match{Tags: map[string]string{name: "yes"}}
	return l
}

// request returns a request that the limits of these names match.
func request(names ...string) limit.Request {
	r := limit.Request{Tags: map[string]string{}}
	for _, name := range names {
		r.Tags[name] = "yes"
	}
	return r
}

// A waiting is a call of Wait, and its result once ended is set.
type waiting struct {
	permit limit.Permit
	err    error
	took   time.Duration
	ended  bool
}

// wait calls Wait in a goroutine of its own. It returns when that call has ended or stands in a line.
func wait(ctx context.Context, l limit.Limiter, r limit.Request) *waiting {
	w, start := new(waiting), time.Now()
	go func() {
		w.permit, w.err = l.Wait(ctx, &r)
		w.took, w.ended = time.Since(start), true
	}()
	synctest.Wait()
	return w
}

// admitted reports whether the waiter has its permit.
func (w *waiting) admitted() bool { return w.ended && w.err == nil }

// admit waits for a request that must be admitted at once.
func admit(t *testing.T, l limit.Limiter, names ...string) limit.Permit {
	t.Helper()
	w := wait(t.Context(), l, request(names...))
	if !w.admitted() {
		t.Fatalf("not admitted: %+v", w)
	}
	return w.permit
}

// release gives a permit back and returns when the limiter has served its lines.
func release(p limit.Permit) {
	p.Release(limit.Count{Requests: 1})
	synctest.Wait()
}

// Waiters of one line are admitted in the order in which they came, as the rate allows it.
func TestOrderWithinALine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 60, Burst: 2}}, nil)
		var all []*waiting
		for range 6 {
			all = append(all, wait(t.Context(), l, request()))
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		for i, seconds := range []int{0, 0, 1, 2, 3, 4} {
			if w := all[i]; !w.admitted() || w.took != time.Duration(seconds)*time.Second {
				t.Errorf("waiter %d: %+v, want %d s", i, w, seconds)
			}
		}
	})
}

// If lines share a limit, the waiter that came first is served first, in whichever line it is.
func TestOrderAmongLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 1}), named("b", policy.Limit{Concurrency: 5})}, nil)
		permit := admit(t, l, "a")
		var all []*waiting
		for i := range 8 {
			names := []string{"a", "b"}
			all = append(all, wait(t.Context(), l, request(names[:1+i%2]...)))
		}
		for i, w := range all {
			release(permit)
			for j, other := range all {
				if other.admitted() != (j <= i) {
					t.Fatalf("after %d releases waiter %d is admitted: %v", i+1, j, other.admitted())
				}
			}
			permit = w.permit
		}
	})
}

// A line that waits for one limit does not keep another line from a limit that is open.
func TestOtherLimitIsNotHeldUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 1}), named("b", policy.Limit{RequestsPerMinute: 60, Burst: 2})}, nil)
		a := admit(t, l, "a")
		alone, both := wait(t.Context(), l, request("a")), wait(t.Context(), l, request("a", "b"))
		admit(t, l, "b")
		admit(t, l, "b")
		if alone.ended || both.ended {
			t.Errorf("admitted while the limit is busy: %+v, %+v", alone, both)
		}
		release(a)
		if !alone.admitted() {
			t.Errorf("%+v", alone)
		}
	})
}

// The limits that match are taken at once or not at all: a waiter that waits for one of them holds nothing of the other.
func TestLimitsAreTakenTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 1}), named("b", policy.Limit{Concurrency: 1})}, nil)
		a := admit(t, l, "a")
		both := wait(t.Context(), l, request("a", "b"))
		release(admit(t, l, "b"))
		if both.ended {
			t.Fatalf("admitted while a is busy: %+v", both)
		}
		release(a)
		if !both.admitted() {
			t.Fatalf("%+v", both)
		}
		for _, name := range []string{"a", "b"} {
			if w := wait(t.Context(), l, request(name)); w.ended {
				t.Errorf("%s was not taken: %+v", name, w)
			}
		}
		release(both.permit) // admits the two waiters
	})
}

// The head of a line is overtaken 32 times by later waiters that take from its limits; then a place is kept for it.
func TestOvertakenAtMost32Times(t *testing.T) {
	for name, closed := range map[string]policy.Limit{
		"waiting for a permit": {Concurrency: 1},
		"waiting for a rate":   {RequestsPerMinute: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limit.NewLocal([]policy.Limit{named("a", closed), named("b", policy.Limit{Concurrency: 1})}, nil)
				a := admit(t, l, "a")
				head := wait(t.Context(), l, request("a", "b"))
				for range 32 {
					release(admit(t, l, "b"))
				}
				later := wait(t.Context(), l, request("b"))
				if later.ended || head.ended {
					t.Fatalf("the head %+v, the 33rd %+v", head, later)
				}
				release(a)
				time.Sleep(time.Minute)
				synctest.Wait()
				if !head.admitted() || later.ended {
					t.Fatalf("the head %+v, the 33rd %+v", head, later)
				}
				release(head.permit)
				if !later.admitted() {
					t.Errorf("the 33rd %+v", later)
				}
			})
		})
	}
}

// Each head of a line can be overtaken 32 times: that others overtook the one before it does not count.
func TestOvertakenCountsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 1}), named("b", policy.Limit{Concurrency: 1})}, nil)
		a := admit(t, l, "a")
		ctx, cancel := context.WithCancel(t.Context())
		first := wait(ctx, l, request("a", "b"))
		second := wait(t.Context(), l, request("a", "b"))
		for range 32 {
			release(admit(t, l, "b"))
		}
		cancel()
		synctest.Wait()
		for range 32 {
			release(admit(t, l, "b"))
		}
		third := wait(t.Context(), l, request("b"))
		if first.admitted() || second.ended || third.ended {
			t.Errorf("%+v, %+v, %+v", first, second, third)
		}
		release(a)
		if !second.admitted() {
			t.Errorf("%+v", second)
		}
		release(second.permit)
	})
}

// The tokens of two rates may come alternately, and later waiters take each of them. After 32 of those a token is kept for
// the head that needs both.
func TestOvertakenByTwoRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		second := policy.Limit{RequestsPerMinute: 60, Burst: 1}
		l := limit.NewLocal([]policy.Limit{named("a", second), named("b", second)}, nil)
		admit(t, l, "a")
		time.Sleep(500 * time.Millisecond)
		admit(t, l, "b")
		head := wait(t.Context(), l, request("a", "b"))
		var later []*waiting
		for range 50 {
			later = append(later, wait(t.Context(), l, request("a")), wait(t.Context(), l, request("b")))
		}
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		overtakers := 0
		for _, w := range later {
			if !w.admitted() {
				t.Errorf("%+v", w)
			}
			if w.took < head.took {
				overtakers++
			}
		}
		if !head.admitted() || overtakers != 32 {
			t.Errorf("the head %+v was overtaken %d times", head, overtakers)
		}
	})
}

// When a head for which a place is kept leaves, the waiters that the place was kept from go on.
func TestKeptPlaceIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 1}), named("b", policy.Limit{Concurrency: 1})}, nil)
		admit(t, l, "a")
		ctx, cancel := context.WithCancel(t.Context())
		head := wait(ctx, l, request("a", "b"))
		for range 32 {
			release(admit(t, l, "b"))
		}
		later := wait(t.Context(), l, request("b"))
		if later.ended {
			t.Fatalf("%+v", later)
		}
		cancel()
		synctest.Wait()
		if head.err == nil || !later.admitted() {
			t.Errorf("the head %+v, the waiter %+v", head, later)
		}
	})
}

// A place is kept for the head of a line only: where there are further places, later waiters still go.
func TestKeptPlaceIsOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 1}), named("b", policy.Limit{Concurrency: 2})}, nil)
		a := admit(t, l, "a")
		head := wait(t.Context(), l, request("a", "b"))
		for range 100 {
			release(admit(t, l, "b"))
		}
		b := admit(t, l, "b")
		if w := wait(t.Context(), l, request("b")); w.ended {
			t.Errorf("the place that is kept was taken: %+v", w)
		}
		release(a)
		if !head.admitted() {
			t.Errorf("%+v", head)
		}
		release(b)
		release(head.permit)
	})
}

// Waiters that give up have taken nothing, and those behind them move up.
func TestCancelledWaitersCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 60, Burst: 1, Concurrency: 9}}, nil)
		admit(t, l)
		ctx, cancel := context.WithCancelCause(t.Context())
		var quitters []*waiting
		for range 50 {
			quitters = append(quitters, wait(ctx, l, request()))
		}
		next := wait(t.Context(), l, request())
		time.Sleep(500 * time.Millisecond)
		stop := errors.New("stop")
		cancel(stop)
		time.Sleep(time.Minute)
		synctest.Wait()
		for _, w := range quitters {
			var e *limit.Error
			if w.permit != nil || !errors.As(w.err, &e) || !errors.Is(w.err, stop) || e.Limit != "60 requests per minute, 9 at once" || w.took != 500*time.Millisecond {
				t.Errorf("%+v", w)
			}
		}
		if !next.admitted() || next.took != time.Second {
			t.Errorf("the next waiter: %+v", next)
		}
	})
}

// A waiter that leaves from the middle or from the end of a line leaves the others in their order.
func TestCancelledWaiterAnywhere(t *testing.T) {
	for _, leaves := range [][]int{{0}, {1}, {2}, {3}, {0, 1}, {1, 2}, {2, 3}, {0, 3}, {3, 0, 1}, {0, 1, 2, 3}} {
		synctest.Test(t, func(t *testing.T) {
			l := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 60, Burst: 1}}, nil)
			admit(t, l)
			var all []*waiting
			var cancels []context.CancelFunc
			for range 4 {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				all, cancels = append(all, wait(ctx, l, request())), append(cancels, cancel)
			}
			for _, i := range leaves {
				cancels[i]()
				synctest.Wait()
			}
			all = append(all, wait(t.Context(), l, request()))
			time.Sleep(time.Minute)
			synctest.Wait()
			want := time.Second
			for i, w := range all {
				if slices.Contains(leaves, i) {
					if w.admitted() {
						t.Errorf("%v: waiter %d is admitted", leaves, i)
					}
					continue
				}
				if !w.admitted() || w.took != want {
					t.Errorf("%v: waiter %d: %+v, want %v", leaves, i, w, want)
				}
				want += time.Second
			}
		})
	}
}

// A waiter that is admitted just as it gives up has its permit: none is lost.
func TestAdmittedWhenCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{Concurrency: 1}}, nil)
		permit := admit(t, l)
		ctx, cancel := context.WithCancel(t.Context())
		w := wait(lateContext{ctx, func() { permit.Release(limit.Count{Requests: 1}) }}, l, request())
		cancel()
		synctest.Wait()
		if !w.admitted() {
			t.Fatalf("%+v", w)
		}
		release(w.permit)
		admit(t, l)
	})
}

// A lateContext calls a func when it is asked for its cause, which is when a waiter has seen that it is done.
type lateContext struct {
	context.Context
	asked func()
}

func (c lateContext) Value(key any) any {
	c.asked()
	return c.Context.Value(key)
}

// A rate that would make a request wait beyond its deadline refuses it at once, and says for how long it would have.
func TestRateBeyondTheDeadline(t *testing.T) {
	for _, test := range []struct {
		limit policy.Limit
		ahead int // waiters
		left  time.Duration
		wait  time.Duration // 0: it waits, and is admitted
	}{
		{policy.Limit{RequestsPerMinute: 6}, 0, 5 * time.Second, 10 * time.Second},
		{policy.Limit{RequestsPerMinute: 6}, 0, 10001 * time.Millisecond, 0},
		{policy.Limit{RequestsPerMinute: 6}, 2, 29 * time.Second, 30 * time.Second},
		{policy.Limit{RequestsPerMinute: 6}, 2, 30001 * time.Millisecond, 0},
		{policy.Limit{RequestsPerMinute: 600, Burst: 1}, 100, 10 * time.Second, 10100 * time.Millisecond},
		{policy.Limit{RequestsPerMinute: 6, Concurrency: 100}, 1, time.Second, 20 * time.Second},
	} {
		t.Run(fmt.Sprint(limit.Describe(test.limit), " behind ", test.ahead, " in ", test.left), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limit.NewLocal([]policy.Limit{test.limit}, nil)
				admit(t, l)
				for range test.ahead {
					wait(t.Context(), l, request())
				}
				w := wait(t.Context(), l, limit.Request{Deadline: time.Now().Add(test.left)})
				behind := wait(t.Context(), l, request())
				time.Sleep(time.Hour)
				synctest.Wait()
				each := time.Minute / time.Duration(test.limit.RequestsPerMinute)
				own := time.Duration(test.ahead+1) * each
				if test.wait == 0 {
					if !w.admitted() || w.took != own || behind.took != own+each {
						t.Errorf("%+v, behind it %+v, want %v", w, behind, own)
					}
					return
				}
				var e *limit.Error
				if !errors.As(w.err, &e) || w.took != 0 || e.Err != nil || e.Wait != test.wait || e.Left != test.left || e.Limit != limit.Describe(test.limit) {
					t.Errorf("%+v: %v", w, w.err)
				}
				if behind.took != own {
					t.Errorf("the waiter behind it waited %v, want %v", behind.took, own)
				}
			})
		})
	}
}

// With several limits, the error names the one that takes longest.
func TestSlowestRateIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{policy.Limit{RequestsPerMinute: 60}, policy.Limit{RequestsPerMinute: 2}, policy.Limit{RequestsPerMinute: 6}}, nil)
		admit(t, l)
		w := wait(t.Context(), l, limit.Request{Deadline: time.Now().Add(time.Second)})
		const want = "limit: our limit of 2 requests per minute would hold it back for 30s, and it has 1s left"
		if w.err == nil || w.err.Error() != want {
			t.Errorf("%v, want %s", w.err, want)
		}
	})
}

// How long a concurrency limit will be busy is not known, so a request waits for it until its deadline.
func TestBusyUntilTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{Concurrency: 1}}, nil)
		permit := admit(t, l)
		w := wait(t.Context(), l, limit.Request{Deadline: time.Now().Add(time.Minute)})
		time.Sleep(time.Minute)
		synctest.Wait()
		var e *limit.Error
		if !errors.As(w.err, &e) || !errors.Is(w.err, context.DeadlineExceeded) || w.took != time.Minute || w.permit != nil {
			t.Errorf("%+v", w)
		}
		release(permit)
		admit(t, l)
	})
}

// A permit comes back when it is released; the token of a rate does not.
func TestPermitsComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 60, Burst: 3, Concurrency: 2}}, nil)
		first, second := admit(t, l), admit(t, l)
		third := wait(t.Context(), l, request())
		if third.ended {
			t.Fatalf("three at once: %+v", third)
		}
		release(first)
		if !third.admitted() {
			t.Fatalf("%+v", third)
		}
		release(second)
		release(third.permit)
		fourth := wait(t.Context(), l, request())
		time.Sleep(time.Minute)
		synctest.Wait()
		if !fourth.admitted() || fourth.took != time.Second {
			t.Errorf("%+v", fourth)
		}
	})
}

// A request that no limit matches is not held back, and has nothing to give back.
func TestNoLimitMatches(t *testing.T) {
	l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 1}), policy.Limit{Match: policy.Match{Provider: "openai", Model: "gpt-*"}, Concurrency: 1}}, nil)
	for range 3 {
		permit, err := l.Wait(t.Context(), &limit.Request{Subject: policy.Subject{Provider: "openai", Model: "o3"}})
		if permit != nil || err != nil {
			t.Errorf("%v, %v", permit, err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		r := limit.Request{Subject: policy.Subject{Provider: "openai", Model: "gpt-5"}}
		if w := wait(t.Context(), l, r); !w.admitted() || w.permit == nil {
			t.Errorf("%+v", w)
		}
	})
}

// Waiters come, give up and release at random: there are never more at once than a limit's concurrency, never more
// admissions than its rate allows, lines keep their order, and every waiter that does not give up is admitted in the end.
func TestRandomWaiters(t *testing.T) {
	for range 20 {
		seed := rand.Uint64()
		synctest.Test(t, func(t *testing.T) {
			c := newCrowd(t, seed)
			c.run()
			c.check()
		})
	}
}

// A crowd is random waiters at random limits.
type crowd struct {
	*testing.T
	seed    uint64
	random  *rand.Rand
	limits  []policy.Limit
	limiter limit.Limiter

	mu       sync.Mutex
	busy     []int
	waiters  []*member
	admitted []*member // in the order of their admission; any order for the same moment
}

// A member is a waiter of a crowd.
type member struct {
	limits   []int // that match it
	quits    bool  // it gives up, or has a deadline
	waited   waiting
	admitted time.Time
}

var limitNames = []string{"a", "b", "c"}

func newCrowd(t *testing.T, seed uint64) *crowd {
	c := &crowd{T: t, seed: seed, random: rand.New(rand.NewPCG(seed, 1)), busy: make([]int, len(limitNames))}
	for _, name := range limitNames {
		var l policy.Limit
		if c.random.IntN(3) > 0 {
			l.RequestsPerMinute, l.Burst = 1+c.random.IntN(600), c.random.IntN(5)
		}
		if l.RequestsPerMinute == 0 || c.random.IntN(2) == 0 {
			l.Concurrency = 1 + c.random.IntN(4)
		}
		c.limits = append(c.limits, named(name, l))
	}
	c.limiter = limit.NewLocal(c.limits, nil)
	return c
}

// run has the waiters come, and returns when all have ended.
func (c *crowd) run() {
	var all sync.WaitGroup
	for range 300 {
		m := new(member)
		for m.limits == nil {
			for i := range c.limits {
				if c.random.IntN(2) == 0 {
					m.limits = append(m.limits, i)
				}
			}
		}
		c.waiters = append(c.waiters, m)
		ctx, cancel := context.WithCancel(c.Context())
		r := request()
		for _, i := range m.limits {
			r.Tags[limitNames[i]] = "yes"
		}
		switch pause := time.Duration(c.random.IntN(20_000)) * time.Millisecond; c.random.IntN(6) {
		case 0:
			m.quits = true
			time.AfterFunc(pause, cancel)
		case 1:
			m.quits = true
			r.Deadline = time.Now().Add(pause)
		}
		hold := time.Duration(c.random.IntN(3000)) * time.Millisecond
		all.Go(func() {
			defer cancel()
			c.take(ctx, m, r, hold)
		})
		synctest.Wait() // it stands in its line before the next one comes
		if c.random.IntN(4) == 0 {
			time.Sleep(time.Duration(c.random.IntN(500)) * time.Millisecond)
		}
	}
	all.Wait()
}

// take waits, holds the permit for a time, and gives it back.
func (c *crowd) take(ctx context.Context, m *member, r limit.Request, hold time.Duration) {
	m.waited.permit, m.waited.err = c.limiter.Wait(ctx, &r)
	if m.waited.err != nil {
		return
	}
	c.mu.Lock()
	m.admitted = time.Now()
	c.admitted = append(c.admitted, m)
	for _, i := range m.limits {
		if c.busy[i]++; c.limits[i].Concurrency > 0 && c.busy[i] > c.limits[i].Concurrency {
			c.Errorf("seed %d: %d at once, of %s", c.seed, c.busy[i], limit.Describe(c.limits[i]))
		}
	}
	c.mu.Unlock()
	time.Sleep(hold)
	c.mu.Lock()
	for _, i := range m.limits {
		c.busy[i]--
	}
	c.mu.Unlock()
	m.waited.permit.Release(limit.Count{Requests: 1})
}

// check looks at what has happened.
func (c *crowd) check() {
	last := map[string]time.Time{} // of each line
	for n, m := range c.waiters {
		var e *limit.Error
		switch err := m.waited.err; {
		case err != nil && !m.quits:
			c.Errorf("seed %d: waiter %d did not give up: %v", c.seed, n, err)
		case err != nil && !errors.As(err, &e):
			c.Errorf("seed %d: waiter %d: %v", c.seed, n, err)
		case err == nil:
			line := fmt.Sprint(m.limits)
			if m.admitted.Before(last[line]) {
				c.Errorf("seed %d: waiter %d was admitted before one that came earlier", c.seed, n)
			}
			last[line] = m.admitted
		}
	}
	for i, l := range c.limits {
		if l.RequestsPerMinute > 0 {
			c.checkRate(i, l)
		}
	}
	// Nothing is lost: each limit admits as much as it did at first.
	time.Sleep(time.Hour)
	for i, l := range c.limits {
		for range max(1, l.Concurrency) {
			if l.RequestsPerMinute > 0 {
				time.Sleep(time.Minute)
			}
			if w := wait(c.Context(), c.limiter, request(limitNames[i])); !w.admitted() {
				c.Errorf("seed %d: %s: a permit is lost: %+v", c.seed, limit.Describe(l), w)
			}
		}
	}
}

// checkRate holds the admissions of a limit against a bucket that is filled at its rate.
func (c *crowd) checkRate(i int, l policy.Limit) {
	burst := float64(l.Burst)
	if burst == 0 {
		burst = float64(max(1, l.RequestsPerMinute/60))
	}
	tokens, at := burst, c.waiters[0].admitted
	for _, m := range c.admitted {
		if !slices.Contains(m.limits, i) {
			continue
		}
		tokens = min(burst, tokens+m.admitted.Sub(at).Minutes()*float64(l.RequestsPerMinute)) - 1
		at = m.admitted
		if tokens < -1e-6 {
			c.Errorf("seed %d: %s, burst %v: more than the rate allows", c.seed, limit.Describe(l), burst)
			return
		}
	}
}

// BenchmarkWait measures one admission while so many waiters stand in the line. What grows with their number is what it
// costs to wake one of so many goroutines, as those that wait for a bare channel show.
func BenchmarkWait(b *testing.B) {
	for _, n := range []int{1000, 20_000} {
		b.Run(fmt.Sprint("limiter/", n), func(b *testing.B) {
			l := limit.NewLocal([]policy.Limit{{Concurrency: 1}}, nil)
			first, err := l.Wait(b.Context(), &limit.Request{})
			if err != nil {
				b.Fatal(err)
			}
			admitted := make(chan limit.Permit)
			stop := crowdOf(n, func(ctx context.Context) bool {
				p, err := l.Wait(ctx, &limit.Request{})
				if err != nil {
					return false
				}
				select {
				case admitted <- p:
					return true
				case <-ctx.Done():
					p.Release(limit.Count{Requests: 1})
					return false
				}
			})
			defer stop()
			first.Release(limit.Count{Requests: 1})
			b.ReportAllocs()
			for b.Loop() {
				(<-admitted).Release(limit.Count{Requests: 1})
			}
		})
		b.Run(fmt.Sprint("channel/", n), func(b *testing.B) {
			permits, admitted := make(chan bool, 1), make(chan bool)
			stop := crowdOf(n, func(ctx context.Context) bool {
				select {
				case <-permits:
				case <-ctx.Done():
					return false
				}
				select {
				case admitted <- true:
					return true
				case <-ctx.Done():
					return false
				}
			})
			defer stop()
			permits <- true
			for b.Loop() {
				<-admitted
				permits <- true
			}
		})
	}
}

// crowdOf has n goroutines call wait until it returns false, and returns a func that stops them.
func crowdOf(n int, wait func(context.Context) bool) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var come, all sync.WaitGroup
	come.Add(n)
	for range n {
		all.Go(func() {
			come.Done()
			for wait(ctx) {
			}
		})
	}
	come.Wait()
	return func() {
		cancel()
		all.Wait()
	}
}

// A waiter that another limit holds back takes no token during that time, and so does not count against a deadline.
func TestRateDoesNotCountWaitersForOtherLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 1}), policy.Limit{RequestsPerMinute: 60, Burst: 1}}, nil)
		ctx, cancel := context.WithCancel(t.Context())
		admit(t, l, "a")
		for range 100 {
			wait(ctx, l, request("a")) // for as long as a is busy
		}
		r := request()
		r.Deadline = time.Now().Add(5 * time.Second)
		w := wait(t.Context(), l, r)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !w.admitted() || w.took != time.Second {
			t.Errorf("%+v: %v, want it to be admitted after 1s", w, w.err)
		}
		cancel()
	})
}

// The error names the limit that held the attempt back.
func TestBusyLimitIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{policy.Limit{RequestsPerMinute: 600, Burst: 10}, policy.Limit{Concurrency: 1}}, nil)
		admit(t, l)
		r := request()
		r.Deadline = time.Now().Add(time.Minute)
		w := wait(t.Context(), l, r)
		time.Sleep(time.Minute)
		synctest.Wait()
		const want = "limit: gave up waiting for our limit of 1 at once: context deadline exceeded"
		if w.err == nil || w.err.Error() != want {
			t.Errorf("%v, want %s", w.err, want)
		}
	})
}
