package redis_test

import (
	"context"
	"errors"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// All keys of a group are in one slot, so that its scripts run on a cluster; and a failover closes budgets if it has lost what
// was spent.
func TestCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 0)
	client := newClient(t, cluster.Addrs()...)
	if _, ok := client.(*goredis.ClusterClient); !ok {
		t.Fatalf("%T", client)
	}
	for range 3 { // groups in other slots
		store := newStore(t, client, redis.Config{Group: newGroup() + "-cluster"})
		l := limiterOf(t, store, []policy.Limit{{Name: "a", RequestsPerMinute: 60, Concurrency: 2}, {Name: "b", TokensPerDay: 100, Per: []string{"model"}}}, daily)
		r := newRequest(4 * dollar)
		p := mustWait(t, l, r)
		if s, h := spent(t, l, 10*dollar); s != 0 || h != 4*dollar {
			t.Errorf("%v spent, %v held", s, h)
		}
		p.Release(limit.Count{Requests: 1, Row: rowOf(r, dollar)})
		if err := store.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, h := spent(t, l, 10*dollar); s != dollar || h != 0 {
			t.Errorf("%v spent, %v held", s, h)
		}
	}
}

// After a failover of Sentinel, the Store goes on. What the new primary did not have is found out, or was not lost.
func TestSentinel(t *testing.T) {
	sentinel := redistest.StartSentinel(t)
	options := redis.Options(sentinel.Addrs()...)
	options.MasterName = redistest.PrimaryName
	client := goredis.NewUniversalClient(options)
	t.Cleanup(func() { client.Close() })
	var rows ledger.Memory
	store := newStore(t, client, redis.Config{Ledger: &rows})
	l := limiterOf(t, store, two, daily)
	r := newRequest(4 * dollar)
	p := mustWait(t, l, r)
	row := rowOf(r, dollar)
	rows.Add(*row)
	p.Release(limit.Count{Requests: 1, Row: row})
	if err := store.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	primary, err := sentinel.Primary()
	if err != nil {
		t.Fatal(err)
	}
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := sentinel.Await(); err != nil {
		t.Fatal(err)
	}
	var p2 limit.Permit
	eventually(t, "an attempt is admitted after the failover", func() bool {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		again := newRequest(dollar)
		q, err := l.Wait(ctx, again)
		var unknown *redis.UnavailableError
		if err != nil && !errors.As(err, &unknown) {
			t.Log(err)
		}
		p2 = q
		return q != nil && err == nil
	})
	if s, h := spent(t, l, 10*dollar); s != dollar || h != dollar {
		t.Errorf("%v spent, %v held", s, h)
	}
	p2.Release(limit.Count{})
}
