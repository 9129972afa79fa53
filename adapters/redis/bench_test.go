package redis_test

import (
	"context"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/redis"
	"github.com/skinflint-go/skinflint/adapters/redis/redistest"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// BenchmarkWait measures an attempt that is admitted at once: a round trip beside PING.
func BenchmarkWait(b *testing.B) {
	client := newClient(b, redistest.Start(b).Addr())
	b.Run("PING", func(b *testing.B) {
		for b.Loop() {
			client.Ping(context.Background())
		}
	})
	const many = 1_000_000_000
	two := []policy.Limit{{RequestsPerMinute: many, TokensPerMinute: many}}
	four := []policy.Limit{{RequestsPerMinute: many, TokensPerMinute: many}, {Name: "more", InputTokensPerMinute: many, OutputTokensPerMinute: many, Concurrency: 1_000_000}}
	full := []policy.Budget{{Name: "b", Window: 24 * time.Hour, Cap: 1_000_000 * price.USD}}
	for _, c := range []struct {
		name    string
		limits  []policy.Limit
		budgets []policy.Budget
	}{{"2 buckets", two, nil}, {"full", four, full}} {
		l := limiterOf(b, newStore(b, client, redis.Config{}), c.limits, c.budgets)
		r := limit.Request{Subject: policy.Subject{Provider: "openai", Model: "gpt-5"}, Tokens: limit.Tokens{Input: 100, Output: 100}, Cost: ledger.Known(1), Cheapest: true, Attempt: 1}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StartTimer()
				p, err := l.Wait(context.Background(), &r)
				b.StopTimer()
				if err != nil {
					b.Fatal(err)
				}
				p.Release(limit.Count{Requests: 1, Tokens: r.Tokens})
				b.StartTimer()
			}
		})
	}
}
