package policy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A chain that only sends again cannot choose tiers.
func ExamplePolicy_Unenforced() {
	p := policy.Policy{
		MaxAttempts: 3,
		StreamIdle:  time.Minute,
		Rules:       []policy.Rule{{Set: policy.Policy{Tier: policy.Flex}}},
	}
	fmt.Println(p.Unenforced(policy.RetryPart))
	fmt.Println(p.Unenforced(policy.RetryPart | policy.TierPart))
	// Output:
	// [StreamIdle Rules[0].Set.Tier]
	// [StreamIdle]
}

// A bound on the cost of a call that no part enforces must not be ignored.
func ExampleOptions_Unenforced() {
	ctx := policy.With(context.Background(), policy.MaxCost(price.MustUSD("0.25")), policy.MaxAttempts(2))
	fmt.Println(policy.From(ctx).Unenforced(policy.RetryPart))
	// Output: [MaxCost]
}
