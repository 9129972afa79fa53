package policy_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// everyTier is what OpenAI's chat operation accepts.
var everyTier = []policy.Tier{policy.Flex, policy.Standard, policy.Priority}

// A policy with rules: the nightly job waits for the cheap tier, one model is not sent on it, and all other calls fall
// back to standard at once.
func ExamplePolicy() {
	resolver, err := policy.NewResolver(policy.Policy{
		Tier:     policy.Flex,
		Fallback: policy.Standard,
		Rules: []policy.Rule{
			{Match: policy.Match{Tags: map[string]string{"job": "nightly"}}, Set: policy.Policy{Patience: time.Hour, MaxElapsed: 3 * time.Hour}},
			{Match: policy.Match{Provider: "openai", Model: "gpt-5-pro*"}, Set: policy.Policy{Tier: policy.Standard}},
		},
	})
	if err != nil {
		panic(err)
	}
	for _, model := range []string{"gpt-5-mini", "gpt-5-pro-2025"} {
		s := resolver.Resolve(nil, policy.Subject{Provider: "openai", Operation: "chat", Model: model, Tiers: everyTier})
		fmt.Println(model, s.Plan, s.Patience, s.MaxElapsed)
	}
	// Output:
	// gpt-5-mini [flex standard] 0s 15m0s
	// gpt-5-pro-2025 [standard] 0s 15m0s
}

// A mistake is reported by the name of its field.
func ExamplePolicy_Validate() {
	p := policy.Policy{Rules: []policy.Rule{{Set: policy.Policy{MaxWait: 90 * 24 * time.Hour}}}}
	fmt.Println(p.Validate())
	// Output: policy: Rules[0].Set.MaxWait is 2160h0m0s: it is longer than a day; is the unit right?
}
