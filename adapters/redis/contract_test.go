package redis_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/middleware/limit/limittest"
	"github.com/skinflint-go/skinflint/policy"
)

var discard = slog.New(slog.DiscardHandler)

// groups numbers the groups of all tests, which can share a server.
var groups atomic.Int64

func newGroup() string { return fmt.Sprint("test-", groups.Add(1)) }

// newClient returns a client for a server.
func newClient(t testing.TB, addrs ...string) goredis.UniversalClient {
	client := goredis.NewUniversalClient(redis.Options(addrs...))
	t.Cleanup(func() { client.Close() })
	return client
}

// newStore returns a Store that knows that nothing is spent.
func newStore(t testing.TB, client goredis.UniversalClient, c redis.Config) *redis.Store {
	t.Helper()
	if c.Group == "" {
		c.Group = newGroup()
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.Logger == nil {
		c.Logger = discard
	}
	store, err := redis.New(client, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		_ = store.Close(ctx)
	})
	return store
}

// limiterOf returns a limiter of a Store, whose budgets are open.
func limiterOf(t testing.TB, store *redis.Store, limits []policy.Limit, budgets []policy.Budget) limit.Limiter {
	t.Helper()
	l, err := store.Limiter(limits, budgets)
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Rebuild(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	return l
}

// A prompt limiter waits at Release until Redis has it, so that what comes next sees it.
type prompt struct {
	limit.Limiter
	store *redis.Store
}

type promptPermit struct {
	limit.Permit
	store *redis.Store
}

func (p prompt) Wait(ctx context.Context, r *limit.Request) (limit.Permit, error) {
	permit, err := p.Limiter.Wait(ctx, r)
	if permit == nil {
		return nil, err
	}
	return promptPermit{permit, p.store}, err
}

func (p prompt) Spend(row *ledger.Row) {
	p.Limiter.(limit.Spender).Spend(row)
	_ = p.store.Flush(context.Background())
}

func (p promptPermit) Release(c limit.Count) {
	p.Permit.Release(c)
	_ = p.store.Flush(context.Background())
}

func TestContract(t *testing.T) {
	client := newClient(t, redistest.Start(t).Addr())
	limittest.Run(t, func(t *testing.T, limits []policy.Limit, budgets []policy.Budget) limit.Limiter {
		store := newStore(t, client, redis.Config{})
		return prompt{limiterOf(t, store, limits, budgets), store}
	})
}
