package redis_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	goredis "github.com/redis/go-redis/v9"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Stack whose limits and budgets are shared by four replicas.
func ExampleNew() {
	client := goredis.NewUniversalClient(redis.Options("127.0.0.1:6379"))
	defer client.Close()
	rows := ledger.NewMemory(1000) // in a fleet: a database that has the rows of all replicas
	store, err := redis.New(client, redis.Config{Group: "prod", Replicas: 4, Ledger: rows})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close(context.Background())
	stack, err := middleware.New(
		middleware.WithPolicy(policy.Policy{
			Limits:  []policy.Limit{{Match: policy.Match{Provider: "openai"}, RequestsPerMinute: 500, TokensPerMinute: 200_000, Concurrency: 32}},
			Budgets: []policy.Budget{{Name: "daily", Every: policy.EveryDay, Cap: price.MustUSD("25")}},
		}),
		middleware.WithStore(rows),
		middleware.WithLimiter(store.Limiter, "a secret of the program, the same in all replicas"),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer stack.Close(context.Background())
	_ = stack.Client() // for the SDK
}

// Two processes share a budget: what one of them holds and spends, the other cannot.
func ExampleStore_Limiter() {
	client := goredis.NewUniversalClient(redis.Options("127.0.0.1:6379"))
	defer client.Close()
	ctx := context.Background()

	limiter := func() (*redis.Store, limit.Limiter) { // what each process does
		store, err := redis.New(client, redis.Config{Group: "prod", Replicas: 2})
		if err != nil {
			log.Fatal(err)
		}
		l, err := store.Limiter(nil, []policy.Budget{{Name: "daily", Every: policy.EveryDay, Cap: price.MustUSD("1")}})
		if err != nil {
			log.Fatal(err)
		}
		if err := store.Rebuild(ctx, nil); err != nil { // nothing was spent yet
			log.Fatal(err)
		}
		return store, l
	}
	one, a := limiter()
	other, b := limiter()
	defer one.Close(ctx)
	defer other.Close(ctx)

	permit, err := a.Wait(ctx, &limit.Request{Call: "1", Attempt: 1, Cost: ledger.Known(price.MustUSD("0.8")), Cheapest: true})
	if err != nil {
		log.Fatal(err)
	}
	_, err = b.Wait(ctx, &limit.Request{Call: "2", Attempt: 1, Cost: ledger.Known(price.MustUSD("0.5")), Cheapest: true})
	var refusal *budget.Error
	if errors.As(err, &refusal) {
		fmt.Println("spent", refusal.Spent, "held", refusal.Held) // spent 0 held 0.8
	}

	permit.Release(limit.Count{Requests: 1, Row: &ledger.Row{Call: "1", Attempt: 1, Outcome: policy.Billed, Cost: ledger.Known(price.MustUSD("0.3"))}})
	if err := one.Flush(ctx); err != nil { // Release does not wait for Redis
		log.Fatal(err)
	}
	_, err = b.Wait(ctx, &limit.Request{Call: "2", Attempt: 1, Cost: ledger.Known(price.MustUSD("0.5")), Cheapest: true})
	fmt.Println("then:", err) // then: <nil>
}
