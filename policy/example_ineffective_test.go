package policy_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy"
)

// The limit on one provider is wider than the limit on all, so it never holds a call back.
func ExamplePolicy_Ineffective() {
	p := policy.Policy{Limits: []policy.Limit{
		{Concurrency: 10},
		{Match: policy.Match{Provider: "openai"}, Concurrency: 32},
	}}
	for _, f := range p.Ineffective(nil) {
		fmt.Println(f)
	}
	// Output:
	// policy: Limits[1] is provider openai: it never holds a call back, because Limits[0] holds all of these back, and is at least as strict
}
