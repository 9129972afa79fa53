package limit_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// A limit that stays, and one of which only figures change, keep what was taken. One that matches other attempts begins anew.
func TestUpdateKeepsWhatIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := named("a", policy.Limit{TokensPerMinute: 100, TokenBurst: 100, TokensPerDay: 1000, Concurrency: 2}), named("b", policy.Limit{Concurrency: 1})
		l := limit.NewLocal([]policy.Limit{a, b}, []policy.Budget{purse("m")})
		first := wait(t.Context(), l, tokens(60, "a"))
		admit(t, l, "b")
		money := wait(t.Context(), l, costing(6, "m"))
		a.TokensPerMinute, a.TokenBurst, a.TokensPerDay, a.Concurrency = 200, 200, 500, 1
		m := purse("m")
		m.Cap = 8 * dollar
		if err := l.Update([]policy.Limit{b, a}, []policy.Budget{m}, false); err != nil {
			t.Fatal(err)
		}
		states := l.States()
		if len(states) != 2 || states[0].Busy != 1 || states[1].Busy != 1 || states[1].Levels[0].Left != 140 || states[1].Levels[1].Left != 440 {
			t.Errorf("%+v", states)
		}
		if s := l.Budgets()[0]; s.Held != 6*dollar || s.Budget.Cap != 8*dollar {
			t.Errorf("%+v", s)
		}
		if w := wait(t.Context(), l, tokens(1, "a")); w.ended {
			t.Errorf("%+v", w)
		} else {
			release(first.permit)
			if !w.admitted() {
				t.Errorf("%+v", w)
			}
		}
		money.permit.Release(paid(6))
		if w := wait(t.Context(), l, costing(3, "m")); w.err == nil {
			t.Errorf("%+v", w)
		}
		if err := l.Update([]policy.Limit{named("c", policy.Limit{Concurrency: 1})}, nil, false); err != nil {
			t.Fatal(err)
		}
		if p, err := l.Wait(t.Context(), &limit.Request{Tags: map[string]string{"b": "yes"}}); p != nil || err != nil {
			t.Errorf("%v, %v", p, err)
		}
	})
}

// Those that wait are matched again: in their order, and those that no limit matches any more, or that need more than a limit
// admits now, end their wait.
func TestUpdateMatchesWaitersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := named("a", policy.Limit{Concurrency: 1}), named("b", policy.Limit{Concurrency: 1})
		l := limit.NewLocal([]policy.Limit{a, b}, nil)
		holdA, holdB := admit(t, l, "a"), admit(t, l, "b")
		batch := wait(t.Context(), l, classed(policy.ClassBatch, "a"))
		first, second := wait(t.Context(), l, request("a")), wait(t.Context(), l, request("a"))
		gone, large := wait(t.Context(), l, request("b")), wait(t.Context(), l, tokens(100, "a"))
		time.Sleep(time.Second)
		a.Concurrency, a.TokensPerMinute = 2, 50
		if err := l.Update([]policy.Limit{a}, nil, false); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		var e *limit.Error
		if !first.admitted() || second.ended || batch.ended || !gone.admitted() || !errors.As(large.err, &e) || e.Asked != 100 || large.took != time.Second {
			t.Errorf("%+v, %+v, %+v, %+v, %+v", first, second, batch, gone, large)
		}
		release(holdB) // of a limit that is gone
		release(gone.permit)
		release(first.permit)
		if !second.admitted() || batch.ended {
			t.Errorf("%+v, %+v", second, batch)
		}
		release(holdA)
		if !batch.admitted() {
			t.Errorf("%+v", batch)
		}
		release(second.permit)
		release(batch.permit)
		if s := l.States(); s[0].Busy != 0 || s[0].Waiting != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// A budget whose window changes while its name does not is an error, and nothing changes.
func TestUpdateFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{Concurrency: 1}}, []policy.Budget{purse("a")})
		admit(t, l)
		other := purse("a")
		other.Window = time.Hour
		if err := l.Update(nil, []policy.Budget{other}, false); err == nil {
			t.Fatal("no error")
		}
		if w := wait(t.Context(), l, request()); w.ended {
			t.Errorf("%+v", w)
		}
		if s := l.Budgets(); len(s) != 1 || s[0].Budget.Window != 24*time.Hour {
			t.Errorf("%+v", s)
		}
		if err := l.Update(nil, nil, false); err != nil { // ends the wait
			t.Error(err)
		}
	})
}

// An attempt that waits while its limit gets a concurrency is named as a holder once it is admitted.
func TestUpdateNamesHolders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 60, Burst: 1}}, nil)
		wait(t.Context(), l, limit.Request{Call: "first"})
		second := wait(t.Context(), l, limit.Request{Call: "second"})
		if s := l.States()[0]; s.Busy != 1 || s.Waiting != 1 || s.Holders != nil {
			t.Errorf("before: %+v", s)
		}
		if err := l.Update([]policy.Limit{{RequestsPerMinute: 60, Burst: 1, Concurrency: 5}}, nil, false); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		s := l.States()[0]
		if !second.admitted() || s.Busy != 2 || len(s.Holders) != 1 || s.Holders[0].Call != "second" {
			t.Errorf("after: %+v", s)
		}
	})
}

// Attempts that were admitted before a limit counted tokens give none back to it when they end. What they count for is taken.
func TestUpdateGivesBackNothingThatWasNotTaken(t *testing.T) {
	for name, change := range map[string]func(*policy.Limit){
		"by the minute": func(l *policy.Limit) { l.TokensPerMinute, l.TokenBurst = 1000, 1000 },
		"by the day":    func(l *policy.Limit) { l.TokensPerDay = 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := named("a", policy.Limit{Concurrency: 100})
				l := limit.NewLocal([]policy.Limit{a}, nil)
				before := wait(t.Context(), l, tokens(600, "a"))
				change(&a)
				if err := l.Update([]policy.Limit{a}, nil, false); err != nil {
					t.Fatal(err)
				}
				after := wait(t.Context(), l, tokens(600, "a"))
				left := func(want int64) {
					t.Helper()
					if got := l.States()[0].Levels[0].Left; got != want {
						t.Errorf("%d left, want %d", got, want)
					}
				}
				left(400)
				before.permit.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Output: 10}})
				if name == "by the day" { // it belongs to a day of which nothing was counted
					left(400)
				} else {
					left(390)
				}
				after.permit.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Output: 10}})
				if name == "by the day" {
					left(990)
				} else {
					left(980)
				}
			})
		})
	}
}

// A day that an Update adds ends where the provider's day ends.
func TestUpdateAddsADayOfTheProvider(t *testing.T) {
	pacific, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		a := named("a", policy.Limit{RequestsPerMinute: 6000, Burst: 100})
		l := limit.NewLocal([]policy.Limit{a}, nil)
		r := request("a")
		r.Zone = pacific
		wait(t.Context(), l, r)
		a.RequestsPerDay = 5
		if err := l.Update([]policy.Limit{a}, nil, false); err != nil {
			t.Fatal(err)
		}
		wait(t.Context(), l, r)
		if v := l.States()[0].Levels[1]; v.Left != 4 || v.Full != 8*time.Hour { // a bubble begins at midnight UTC
			t.Errorf("%+v", v)
		}
	})
}
