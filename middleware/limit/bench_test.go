package limit_test

import (
	"testing"

	"golang.org/x/time/rate"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
)

// BenchmarkUncontended measures a Wait that is admitted at once, and its Release.
func BenchmarkUncontended(b *testing.B) {
	const many = 1e9
	for name, l := range map[string]policy.Limit{
		"requests":            {RequestsPerMinute: many, Burst: many},
		"concurrency":         {Concurrency: 100},
		"requests and tokens": {RequestsPerMinute: many, Burst: many, TokensPerMinute: many, TokenBurst: many, Concurrency: 100},
		"a day":               {RequestsPerDay: many},
		"a key":               {RequestsPerMinute: many, Burst: many, Per: []string{"model", "tag:tenant"}},
	} {
		b.Run(name, func(b *testing.B) {
			q := limit.NewLocal([]policy.Limit{l}, nil)
			r := &limit.Request{Subject: policy.Subject{Provider: "openai", Model: "gpt-5"}, Tokens: limit.Tokens{Input: 1, Output: 1}, Tags: map[string]string{"tenant": "acme"}}
			c := limit.Count{Requests: 1, Tokens: r.Tokens}
			ctx := b.Context()
			b.ReportAllocs()
			for b.Loop() {
				p, err := q.Wait(ctx, r)
				if err != nil {
					b.Fatal(err)
				}
				p.Release(c)
			}
		})
	}
	b.Run("x/time/rate", func(b *testing.B) {
		l := rate.NewLimiter(many, many)
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if err := l.Wait(ctx); err != nil {
				b.Fatal(err)
			}
		}
	})
}
