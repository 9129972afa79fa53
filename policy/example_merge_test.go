package policy_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy"
)

// Links that are used without a Stack are each given a policy, and follow all of them.
func ExampleMerge() {
	p, err := policy.Merge(policy.Policy{MaxAttempts: 3}, policy.Policy{Tier: policy.Flex})
	fmt.Println(p.MaxAttempts, p.Tier, err)

	_, err = policy.Merge(policy.Policy{MaxAttempts: 3}, policy.Policy{MaxAttempts: 5})
	fmt.Println(err)
	// Output:
	// 3 flex <nil>
	// policy: MaxAttempts is 5: another policy of the same chain says 3
}
