package redis_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// Processes find out one after the other that Redis is back. What those that are late have taken by their shares meanwhile, Redis
// does not give to those that are early as well.
func TestRecoveryWithoutBurst(t *testing.T) {
	const replicas, rpm, burst = 5, 12_000, 5
	server := redistest.Start(t)
	group := newGroup()
	limits := []policy.Limit{{Name: "rate", RequestsPerMinute: rpm, Burst: burst}}
	var admitted atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var callers sync.WaitGroup
	var stores []*redis.Store
	for range replicas {
		store := newStore(t, newClient(t, server.Addr()), redis.Config{Group: group, Replicas: replicas})
		stores = append(stores, store)
		l := limiterOf(t, store, limits, nil)
		for range 4 {
			callers.Go(func() {
				for ctx.Err() == nil {
					r := newRequest(0)
					if p, err := l.Wait(ctx, r); err == nil {
						admitted.Add(1)
						p.Release(limit.Count{Requests: 1})
					}
				}
			})
		}
	}
	time.Sleep(300 * time.Millisecond)
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, s := range stores {
		eventually(t, "it is found out that Redis hangs", func() bool { return s.Stats().Down })
	}
	time.Sleep(700 * time.Millisecond)
	before, began := admitted.Load(), time.Now()
	if err := server.Continue(); err != nil {
		t.Fatal(err)
	}
	for _, s := range stores {
		eventually(t, "it is found out that Redis is back", func() bool { return !s.Stats().Down })
	}
	time.Sleep(300 * time.Millisecond)
	n, allowed := admitted.Load()-before, burst+int64(time.Since(began)*rpm/time.Minute)
	stop()
	callers.Wait()
	if n > allowed || n < allowed/4 {
		t.Errorf("%d admitted, want at most %d and at least a quarter of that", n, allowed)
	}
}
