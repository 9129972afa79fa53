package policy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleWith() {
	// A handler says what is common to all calls of its request ...
	ctx := policy.With(context.Background(),
		policy.Tag("tenant", "acme"),
		policy.MaxCost(price.MustUSD("0.25")))

	// ... and a function that it calls adds what one call needs.
	ctx = policy.With(ctx,
		policy.OnTier(policy.Flex),
		policy.FallBackTo(policy.Standard),
		policy.FinishBy(time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)),
		policy.MaxAttempts(3),
		policy.AllowDoubleBilling(),
		policy.CachedContent("cachedContents/abc"))

	// The links of a chain read the options from the request's context.
	o := policy.From(ctx)
	most, _ := o.MaxCost()
	by, _ := o.FinishBy()
	fmt.Println(o.Tags(), most, by.Format(time.Kitchen), o.CachedContent(), o.Err())

	// A mistake fails the calls made under the context.
	ctx = policy.With(ctx, policy.OnTier("turbo"))
	fmt.Println(policy.From(ctx).Err())
	// Output:
	// map[tenant:acme] 0.25 8:00AM cachedContents/abc <nil>
	// policy: OnTier is "turbo": want flex, standard or priority
}

func ExampleTrack() {
	ctx, call := policy.Track(context.Background())

	// The program makes calls with ctx through its SDK. The chain under the SDK reports each attempt:
	policy.From(ctx).Tracked().Report(policy.Report{Tier: policy.Flex, Cost: 250, Priced: true})

	cost, complete := call.Cost()
	fmt.Println(call.Attempts(), call.Tier(), cost, complete)
	// Output: 1 flex 0.00000000025 true
}
