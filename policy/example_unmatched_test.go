package policy_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy"
)

// A rule for an operation that does not exist. A stack finds it by the operations of its dialects.
func ExamplePolicy_Unmatched() {
	known := []policy.Known{{Provider: "openai", Operation: "chat"}, {Provider: "gemini", Operation: "generate"}}
	p := policy.Policy{Rules: []policy.Rule{{Match: policy.Match{Operation: "chat/completions"}, Set: policy.Policy{Tier: policy.Flex}}}}
	for _, f := range p.Unmatched(known) {
		fmt.Println(f)
	}
	// Output:
	// policy: Rules[0].Match.Operation is "chat/completions": no operation has this name; did you mean chat?
}
