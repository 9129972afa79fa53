package policy_test

import (
	"context"
	"fmt"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Context caches for one model, of which none may cost more than half a dollar, and a call that stays away from them.
func ExampleCache() {
	resolver, err := policy.NewResolver(policy.Policy{
		Cache: policy.Cache{Writes: policy.WritesAuto},
		Rules: []policy.Rule{{
			Match: policy.Match{Provider: "gemini", Model: "gemini-2.5-*"},
			Set:   policy.Policy{Cache: policy.Cache{Mode: policy.CacheAuto, Create: policy.CacheBefore, MaxCost: price.MustUSD("0.50")}},
		}},
	})
	if err != nil {
		panic(err)
	}
	call := policy.Subject{Provider: "gemini", Operation: "generate", Model: "gemini-2.5-pro"}
	c := resolver.Resolve(nil, call).Cache
	fmt.Println(c.Mode, c.Create, c.Writes, c.MaxCost, c.MaxCostPerHour, c.MaxLive)

	ctx := policy.With(context.Background(), policy.NoCache())
	c = resolver.Resolve(policy.From(ctx), call).Cache
	fmt.Println(c.Mode, c.Writes)
	// Output:
	// auto before auto 0.5 10 100
	// off off
}
