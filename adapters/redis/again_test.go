package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// An attempt that gave its permit back before it was sent, and asks again under the same name, takes anew: a Stack does that if the
// cost has changed during the wait. Release does not wait for Redis, so the end of the first may still be on its way.
func TestAsksAgainAfterRelease(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	store := newStore(t, client, redis.Config{})
	l := limiterOf(t, store, two, daily)
	r := newRequest(4 * dollar)
	mustWait(t, l, r).Release(limit.Count{})
	again := *r
	again.Cost.Pico = 8 * dollar
	p := mustWait(t, l, &again)
	if s, h := spent(t, l, 10*dollar); s != 0 || h != 8*dollar {
		t.Errorf("%v spent, %v held, want $8 held", s, h)
	}
	p.Release(limit.Count{})
	third := *r
	third.Cost.Pico = 10 * dollar
	q := mustWait(t, l, &third)
	other := newRequest(dollar)
	var e *budget.Error
	if _, err := l.Wait(t.Context(), other); !errors.As(err, &e) || e.Held != 10*dollar {
		t.Errorf("%v, want a refusal because $10 are held", err)
	}
	q.Release(limit.Count{Requests: 1, Row: rowOf(r, dollar)})
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s, h := spent(t, l, 10*dollar); s != dollar || h != 0 {
		t.Errorf("%v spent, %v held at the end", s, h)
	}
}

// A script that reaches Redis after its attempt was admitted and has ended takes nothing: its lost answer was asked for again.
func TestLateScriptAfterEnd(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	hook := new(late)
	client.AddHook(hook)
	store := newStore(t, client, redis.Config{})
	l := limiterOf(t, store, nil, daily)
	hook.mu.Lock()
	hook.on = true
	hook.mu.Unlock()
	admitted := make(chan limit.Permit)
	go func() {
		p, _ := l.Wait(context.Background(), newRequest(4*dollar))
		admitted <- p
	}()
	eventually(t, "a script is on its way", func() bool {
		hook.mu.Lock()
		defer hook.mu.Unlock()
		if len(hook.sent) > 0 {
			hook.on = false
			return true
		}
		return false
	})
	p := <-admitted
	if p == nil {
		t.Fatal("not admitted")
	}
	p.Release(limit.Count{})
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	hook.mu.Lock()
	scripts := hook.sent
	hook.mu.Unlock()
	for _, send := range scripts {
		send()
	}
	mustWait(t, l, newRequest(10*dollar)).Release(limit.Count{}) // nothing is held
}

// Two limiters of one Store in a call, as by two links of middleware.LimitBy: the attempt takes from both.
func TestLimitersOfOneStore(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	store := newStore(t, client, redis.Config{})
	rates := limiterOf(t, store, []policy.Limit{{Name: "rate", RequestsPerMinute: 60000, Burst: 100}}, nil)
	permits := limiterOf(t, store, []policy.Limit{{Name: "one", Concurrency: 1}}, nil)
	money := limiterOf(t, store, nil, daily)
	more := limiterOf(t, store, nil, []policy.Budget{{Name: "hourly", Window: time.Hour, Cap: 5 * dollar}})
	r := newRequest(4 * dollar)
	for _, l := range []limit.Limiter{rates, permits, money, more} {
		p := mustWait(t, l, r)
		defer p.Release(limit.Count{})
	}
	late := newRequest(0)
	late.Deadline = time.Now().Add(50 * time.Millisecond)
	var busy *limit.Error
	if _, err := permits.Wait(t.Context(), late); !errors.As(err, &busy) {
		t.Errorf("%v, want the limit on concurrency", err)
	}
	if s, h := spent(t, money, 10*dollar); s != 0 || h != 4*dollar {
		t.Errorf("daily: %v spent, %v held", s, h)
	}
	if s, h := spent(t, more, 5*dollar); s != 0 || h != 4*dollar {
		t.Errorf("hourly: %v spent, %v held", s, h)
	}
}

// A limiter of the same budget in a second link cannot take for an attempt that the first has admitted, if it asks for something
// else: that is an error, and not an attempt that takes nothing.
func TestSameBudgetTwice(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	store := newStore(t, client, redis.Config{})
	one := limiterOf(t, store, nil, daily)
	both := limiterOf(t, store, nil, append([]policy.Budget{{Name: "hourly", Window: time.Hour, Cap: 5 * dollar}}, daily...))
	r := newRequest(4 * dollar)
	p := mustWait(t, one, r)
	defer p.Release(limit.Count{})
	var unknown *redis.UnavailableError
	if _, err := both.Wait(t.Context(), r); !errors.As(err, &unknown) {
		t.Errorf("%v, want an error", err)
	}
}

// MaxWait bounds the whole wait for money, and not only the time at the head of the line.
func TestMaxWaitInLine(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	l := limiterOf(t, newStore(t, client, redis.Config{}), nil, daily)
	p := mustWait(t, l, newRequest(10*dollar))
	defer p.Release(limit.Count{})
	took := make(chan time.Duration, 6)
	for range cap(took) {
		r := newRequest(dollar)
		r.MaxWait = 200 * time.Millisecond
		go func() {
			start := time.Now()
			_, err := l.Wait(context.Background(), r)
			var e *budget.Error
			if !errors.As(err, &e) || e.Held != 10*dollar {
				t.Errorf("%v, want the refusal of the budget with its figures", err)
			}
			took <- time.Since(start)
		}()
		time.Sleep(20 * time.Millisecond)
	}
	for range cap(took) {
		if d := <-took; d < 190*time.Millisecond || d > 800*time.Millisecond {
			t.Errorf("with a MaxWait of 200ms it waited %v", d)
		}
	}
}
