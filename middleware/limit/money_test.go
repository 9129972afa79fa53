package limit_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

const dollar = price.Pico(1_000_000_000_000)

// costing returns a request that costs up to so many dollars and waits a minute for them, and that the limits and budgets of
// these names match.
func costing(dollars price.Pico, names ...string) limit.Request {
	r := request(names...)
	r.Cost, r.MaxWait, r.Cheapest = ledger.Known(dollars*dollar), time.Minute, true
	return r
}

// purse returns a budget of ten dollars a day for requests that have a tag of that name.
func purse(name string) policy.Budget {
	return policy.Budget{Name: name, Match: policy.Match{Tags: map[string]string{name: "yes"}}, Window: 24 * time.Hour, Cap: 10 * dollar}
}

// paid is what an attempt counts for that cost so many dollars.
func paid(dollars price.Pico) limit.Count {
	return limit.Count{Requests: 1, Row: &ledger.Row{At: time.Now(), Outcome: policy.Billed, Cost: ledger.Known(dollars * dollar)}}
}

// A waiter for money that others hold goes as soon as it is given back, in the order of the queue: a small one that would fit
// does not overtake a large one.
func TestMoneyInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal(nil, []policy.Budget{purse("a")})
		first, second := wait(t.Context(), l, costing(6, "a")), wait(t.Context(), l, costing(3, "a"))
		large, small := wait(t.Context(), l, costing(7, "a")), wait(t.Context(), l, costing(1, "a"))
		if !first.admitted() || !second.admitted() || large.ended || small.ended {
			t.Fatalf("%+v, %+v, %+v, %+v", first, second, large, small)
		}
		time.Sleep(time.Second)
		second.permit.Release(limit.Count{})
		synctest.Wait()
		if large.ended || small.ended {
			t.Fatalf("%+v, %+v", large, small)
		}
		first.permit.Release(paid(2))
		synctest.Wait()
		if !large.admitted() || !small.admitted() {
			t.Fatalf("%+v, %+v", large, small)
		}
		if s := l.Budgets()[0]; s.Spent != 2*dollar || s.Held != 8*dollar {
			t.Errorf("%+v", s)
		}
	})
}

// A waiter for money does not hold up attempts that need no money, or that of another budget, however long it waits.
func TestMoneyDoesNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{Concurrency: 2}}, []policy.Budget{purse("a"), purse("b")})
		wait(t.Context(), l, costing(10, "a"))
		poor := wait(t.Context(), l, costing(1, "a"))
		for range 100 {
			release(admit(t, l))
			w := wait(t.Context(), l, costing(10, "b"))
			if !w.admitted() || poor.ended {
				t.Fatalf("%+v, %+v", w, poor)
			}
			w.permit.Release(limit.Count{})
		}
	})
}

// poor returns the error of a waiter that a budget has refused after so long.
func poor(t *testing.T, w *waiting, took time.Duration) *budget.Error {
	t.Helper()
	var e *budget.Error
	if !errors.As(w.err, &e) || w.took != took || w.permit != nil {
		t.Fatalf("%+v: %v, want it to be refused after %v", w, w.err, took)
	}
	return e
}

// A wait for money ends after MaxWait, and at the deadline, with the budget named. One that may not wait is refused at once, and
// so is one that others are in front of.
func TestMoneyWaitsForSoLong(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*limit.Request)
		took   time.Duration
		is     error
	}{
		"MaxWait":      {func(*limit.Request) {}, time.Minute, nil},
		"the deadline": {func(r *limit.Request) { r.Deadline = time.Now().Add(time.Second) }, time.Second, context.DeadlineExceeded},
		"not at all":   {func(r *limit.Request) { r.MaxWait = 0 }, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limit.NewLocal(nil, []policy.Budget{purse("a")})
				wait(t.Context(), l, costing(8, "a"))
				r := costing(3, "a")
				test.change(&r)
				first := wait(t.Context(), l, r)
				r = costing(1, "a")
				r.MaxWait = 10 * time.Minute
				if test.took == 0 {
					wait(t.Context(), l, costing(3, "a")) // stands in front of the second
					r.MaxWait = 0
				}
				second := wait(t.Context(), l, r)
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				e := poor(t, first, test.took)
				want := budget.Error{Budget: "a", Window: e.Window, Cap: 10 * dollar, Held: 8 * dollar, Most: 3 * dollar, Err: e.Err}
				if *e != want || test.is != nil && !errors.Is(e, test.is) {
					t.Errorf("%+v, want %+v", e, want)
				}
				if test.took == 0 {
					poor(t, second, 0)
					return
				}
				if !second.admitted() || second.took != test.took {
					t.Errorf("the one behind it: %+v", second)
				}
			})
		})
	}
}

// MaxWait is about money only: a waiter for a rate goes on to wait. But then it does not wait for money any more.
func TestMoneyWaitEndsBehindARate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 1, Burst: 1}}, []policy.Budget{purse("a")})
		admit(t, l)
		rate := wait(t.Context(), l, request())
		r := costing(10, "a")
		r.MaxWait = time.Second
		fine, late := wait(t.Context(), l, r), wait(t.Context(), l, r)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if !rate.admitted() || !fine.admitted() || fine.took != 2*time.Minute {
			t.Errorf("%+v, %+v", rate, fine)
		}
		var e *budget.Error
		if !errors.As(late.err, &e) || late.took != 3*time.Minute || e.Err == nil {
			t.Errorf("%+v: %v", late, late.err)
		}
	})
}

// A waiter that can no longer be paid for is refused as soon as that is known, and takes nothing.
func TestMoneyIsSpentMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{Concurrency: 1}}, []policy.Budget{purse("a")})
		first := wait(t.Context(), l, costing(8, "a"))
		second := wait(t.Context(), l, costing(3, "a"))
		time.Sleep(time.Second)
		first.permit.Release(paid(8))
		synctest.Wait()
		var e *budget.Error
		if !errors.As(second.err, &e) || second.took != time.Second || e.Spent != 8*dollar || e.Frees.IsZero() {
			t.Errorf("%+v: %v", second, second.err)
		}
		if s := l.Budgets()[0]; s.Held != 0 {
			t.Errorf("%+v", s)
		}
		if w := wait(t.Context(), l, costing(2, "a")); !w.admitted() {
			t.Errorf("%+v", w)
		}
	})
}

// What leaves the window of a budget is given to those that wait, although none gives anything back.
func TestMoneyLeavesTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := purse("a")
		a.Window = time.Minute
		l := limit.NewLocal(nil, []policy.Budget{a})
		spent := wait(t.Context(), l, costing(5, "a"))
		spent.permit.Release(paid(5))
		wait(t.Context(), l, costing(5, "a"))
		time.Sleep(10 * time.Second)
		r := costing(5, "a")
		r.MaxWait = 10 * time.Minute
		w := wait(t.Context(), l, r)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if !w.admitted() || w.took < 50*time.Second || w.took > 53*time.Second {
			t.Errorf("%+v: %v", w, w.err)
		}
	})
}

// A head that waits for money and for a limit in turn is overtaken 32 times. Then the money is kept for it.
func TestMoneyIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("x", policy.Limit{Concurrency: 1})}, []policy.Budget{purse("a")})
		x := admit(t, l, "x")
		head := wait(t.Context(), l, costing(10, "a", "x"))
		for range 32 {
			w := wait(t.Context(), l, costing(10, "a"))
			if !w.admitted() {
				t.Fatalf("%+v", w)
			}
			w.permit.Release(limit.Count{})
		}
		later := wait(t.Context(), l, costing(1, "a"))
		if later.ended || head.ended {
			t.Fatalf("the head %+v, the 33rd %+v", head, later)
		}
		release(x)
		if !head.admitted() || later.ended {
			t.Fatalf("the head %+v, the 33rd %+v", head, later)
		}
		release(head.permit)
		if !later.admitted() {
			t.Errorf("%+v", later)
		}
	})
}

// Spend counts money for which no permit stands.
func TestSpend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal(nil, []policy.Budget{purse("a")})
		row := paid(7).Row
		row.Tags = map[string]string{"a": "yes"}
		l.Spend(row)
		var e *budget.Error
		if w := wait(t.Context(), l, costing(4, "a")); !errors.As(w.err, &e) || e.Spent != 7*dollar {
			t.Errorf("%+v: %v", w, w.err)
		}
		if w := wait(t.Context(), l, costing(3, "a")); !w.admitted() {
			t.Errorf("%+v", w)
		}
	})
}
