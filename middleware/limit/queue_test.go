package limit_test

import (
	"context"
	"errors"
	"flag"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// classed returns a request of a class, that the limits of these names match.
func classed(class policy.Class, names ...string) limit.Request {
	r := request(names...)
	r.Class = class
	return r
}

// After 50 cancelled waiters at ten a second, the next one waits for the time of one, and not of 51.
func TestLimit32CancelledWaiters(t *testing.T) {
	for name, l := range map[string]policy.Limit{
		"requests": {RequestsPerMinute: 600, Burst: 1},
		"tokens":   {TokensPerMinute: 600, TokenBurst: 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limit.NewLocal([]policy.Limit{l}, nil)
				wait(t.Context(), l, tokens(1))
				ctx, cancel := context.WithCancel(t.Context())
				for range 50 {
					wait(ctx, l, tokens(1))
				}
				time.Sleep(10 * time.Millisecond)
				cancel()
				synctest.Wait()
				next := wait(t.Context(), l, tokens(1))
				time.Sleep(time.Minute)
				synctest.Wait()
				if !next.admitted() || next.took != 90*time.Millisecond {
					t.Errorf("%+v, want 90ms", next)
				}
			})
		})
	}
}

const defaultRounds = 100_000

var rounds = flag.Int("rounds", defaultRounds, "how often a waiter is cancelled while a permit is given back")

// A waiter that is cancelled at the moment at which a permit is given back either has the permit or has taken nothing: however
// often, none is lost. More rounds than the default are run with -rounds 1000000.
func TestLimit33CancelAgainstRelease(t *testing.T) {
	const pairs = 2
	n := *rounds
	if n == defaultRounds && (raceEnabled || testing.Short()) {
		n = 20_000
	}
	var all sync.WaitGroup
	for range pairs {
		all.Go(func() { cancelAgainstRelease(t, n/pairs) })
	}
	all.Wait()
}

func cancelAgainstRelease(t *testing.T, rounds int) {
	l := limit.NewLocal([]policy.Limit{{Concurrency: 1}}, nil)
	waiters, ends, results := make(chan *quitter), make(chan *quitter), make(chan error)
	defer close(waiters)
	defer close(ends)
	go func() {
		for ctx := range waiters {
			p, err := l.Wait(ctx, &limit.Request{})
			if err == nil {
				p.Release(limit.Count{Requests: 1})
			}
			results <- err
		}
	}()
	go func() {
		for ctx := range ends {
			close(ctx.done)
		}
	}()
	admitted := 0
	for i := range rounds {
		p, err := l.Wait(t.Context(), &limit.Request{Deadline: time.Now().Add(time.Minute)})
		if err != nil {
			t.Errorf("round %d: a permit is lost: %v", i, err)
			return
		}
		ctx := &quitter{Context: context.Background(), done: make(chan struct{}), waits: make(chan struct{}, 1)}
		waiters <- ctx
		<-ctx.waits
		ends <- ctx
		p.Release(limit.Count{Requests: 1})
		switch err := <-results; {
		case err == nil:
			admitted++
		case !errors.Is(err, context.Canceled):
			t.Errorf("round %d: %v", i, err)
			return
		}
	}
	t.Logf("%d of %d were admitted", admitted, rounds)
	if s := l.States()[0]; s.Busy != 0 || s.Waiting != 0 {
		t.Errorf("in the end: %+v", s)
	}
	if admitted == 0 || admitted == rounds {
		t.Errorf("%d of %d were admitted: there was no race", admitted, rounds)
	}
}

// A quitter is a context that is cancelled when done is closed. It says on waits that a waiter looks at it.
type quitter struct {
	context.Context
	done  chan struct{}
	waits chan struct{}
}

func (c *quitter) Done() <-chan struct{} {
	select {
	case c.waits <- struct{}{}:
	default:
	}
	return c.done
}

func (c *quitter) Err() error {
	select {
	case <-c.done:
		return context.Canceled
	default:
		return nil
	}
}

// Interactive waiters go before those of batch, which came first, and each class in its order.
func TestInteractiveFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{Concurrency: 1}}, nil)
		permit := admit(t, l)
		var all []*waiting
		for i := range 8 {
			all = append(all, wait(t.Context(), l, classed([]policy.Class{policy.ClassBatch, policy.ClassInteractive}[i%2])))
		}
		for n, i := range []int{1, 3, 5, 7, 0, 2, 4, 6} {
			release(permit)
			if !all[i].admitted() {
				t.Fatalf("waiter %d is not the %d. to be admitted", i, n+1)
			}
			permit = all[i].permit
		}
		release(permit)
	})
}

// Batch is never starved: after 32 interactive ones that came later, the head of batch goes before others that come later.
func TestBatchIsNotStarved(t *testing.T) {
	for name, limits := range map[string][]policy.Limit{
		"a permit":   {{Concurrency: 1}},
		"a rate":     {{RequestsPerMinute: 60, Burst: 1}},
		"two limits": {{RequestsPerMinute: 60, Burst: 1}, {Concurrency: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := limit.NewLocal(limits, nil)
				first := admit(t, l)
				var mu sync.Mutex
				interactive := 0
				var overtakers []int // of each of batch
				come := func(class policy.Class) {
					go func() {
						p, err := l.Wait(t.Context(), &limit.Request{Class: class})
						if err != nil {
							return
						}
						mu.Lock()
						if class == policy.ClassBatch {
							overtakers = append(overtakers, interactive)
						} else {
							interactive++
						}
						mu.Unlock()
						time.Sleep(time.Millisecond)
						p.Release(limit.Count{Requests: 1})
					}()
					synctest.Wait()
				}
				come(policy.ClassBatch)
				come(policy.ClassBatch)
				for range 100 {
					come(policy.ClassInteractive)
				}
				first.Release(limit.Count{Requests: 1})
				time.Sleep(time.Hour)
				synctest.Wait()
				mu.Lock()
				defer mu.Unlock()
				if !slices.Equal(overtakers, []int{32, 64}) || interactive != 100 {
					t.Errorf("batch was overtaken by %v of %d", overtakers, interactive)
				}
			})
		})
	}
}

// A batch that waits for one limit does not keep a place from interactive ones at another limit, before it was overtaken.
func TestBatchDoesNotHoldUpOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{Concurrency: 1}), named("b", policy.Limit{Concurrency: 1})}, nil)
		a := admit(t, l, "a")
		both := wait(t.Context(), l, classed(policy.ClassBatch, "a", "b"))
		for range 32 {
			release(admit(t, l, "b"))
		}
		later := wait(t.Context(), l, request("b"))
		if later.ended {
			t.Errorf("%+v", later)
		}
		release(a)
		if !both.admitted() || later.ended {
			t.Errorf("%+v, %+v", both, later)
		}
		release(both.permit)
	})
}

// A place is not kept for an attempt that waits for hours.
func TestNoPlaceIsKeptForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{RequestsPerDay: 1}), named("b", policy.Limit{Concurrency: 1})}, nil)
		admit(t, l, "a")
		both := wait(t.Context(), l, request("a", "b"))
		for range 100 {
			release(admit(t, l, "b"))
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if !both.admitted() {
			t.Errorf("%+v", both)
		}
	})
}

// The work for each waiter does not depend on how many keys there are, with a limit for each and one for all.
func TestWorkDoesNotGrowWithKeys(t *testing.T) {
	for _, n := range []int{10, 1000, 10_000} {
		synctest.Test(t, func(t *testing.T) {
			l := limit.NewLocal([]policy.Limit{{RequestsPerMinute: 6000, Burst: 1}, {Per: []string{"tag:tenant"}, Concurrency: 1, RequestsPerMinute: 60, Burst: 1}}, nil)
			var all sync.WaitGroup
			for i := range n {
				for range 2 {
					all.Go(func() {
						p, err := l.Wait(t.Context(), &limit.Request{Tags: map[string]string{"tenant": string(rune('a' + i))}})
						if err != nil {
							t.Error(err)
							return
						}
						time.Sleep(10 * time.Millisecond)
						p.Release(limit.Count{Requests: 1})
					})
				}
			}
			all.Wait()
			if most := uint64(2*n) * 6; l.Examined() > most {
				t.Errorf("%d keys with 2 waiters each: %d heads were examined, want at most %d", n, l.Examined(), most)
			}
		})
	}
}

// When a large attempt leaves the front of a line, a smaller one behind it that fits goes at once.
func TestLeavingHeadLetsOthersGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{{TokensPerMinute: 60, TokenBurst: 60}}, nil)
		wait(t.Context(), l, tokens(40))
		ctx, cancel := context.WithCancel(t.Context())
		large, small := wait(ctx, l, tokens(50)), wait(t.Context(), l, tokens(10))
		time.Sleep(time.Second)
		cancel()
		synctest.Wait()
		if large.err == nil || !small.admitted() || small.took != time.Second {
			t.Errorf("%+v, %+v", large, small)
		}
	})
}

// A place that is kept is given to others when it turns out that the attempt for which it is kept must wait for long.
func TestKeptPlaceIsGivenToOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit.NewLocal([]policy.Limit{named("a", policy.Limit{TokensPerMinute: 60, TokenBurst: 60}), named("b", policy.Limit{Concurrency: 1})}, nil)
		holder := wait(t.Context(), l, tokens(60, "a"))
		head := wait(t.Context(), l, tokens(30, "a", "b"))
		for range 32 {
			release(admit(t, l, "b"))
		}
		later := wait(t.Context(), l, request("b"))
		if head.ended || later.ended {
			t.Fatalf("%+v, %+v", head, later)
		}
		holder.permit.Release(limit.Count{Requests: 1, Tokens: limit.Tokens{Output: 600}})
		time.Sleep(time.Second)
		synctest.Wait()
		if head.ended || !later.admitted() {
			t.Errorf("%+v, %+v", head, later)
		}
		release(later.permit)
		time.Sleep(time.Hour)
		synctest.Wait()
		if !head.admitted() {
			t.Errorf("%+v", head)
		}
	})
}
