// A program whose limits are shared through Redis. No server runs: it gets its share of them.
package main

import (
	"context"
	"fmt"
	"os"

	goredis "github.com/redis/go-redis/v9"
	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/policy"
)

func run(ctx context.Context) error {
	client := goredis.NewUniversalClient(redis.Options("127.0.0.1:1"))
	defer client.Close()
	store, err := redis.New(client, redis.Config{Group: "consumer", Replicas: 2})
	if err != nil {
		return err
	}
	defer store.Close(ctx)
	stack, err := middleware.New(
		middleware.WithLimiter(store.Limiter, "salt"),
		middleware.WithPolicy(policy.Policy{Limits: []policy.Limit{{RequestsPerMinute: 60}}}))
	if err != nil {
		return err
	}
	fmt.Println("a stack whose limits are on Redis:", stack != nil)
	return nil
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
