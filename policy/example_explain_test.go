package policy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

func ExampleResolver_Explain() {
	resolver, err := policy.NewResolver(policy.Policy{
		Tier:    policy.Flex,
		MaxWait: time.Minute,
		Rules:   []policy.Rule{{Match: policy.Match{Model: "gpt-5*"}, Set: policy.Policy{Patience: 30 * time.Second}}},
	})
	if err != nil {
		panic(err)
	}
	options := policy.From(policy.With(context.Background(), policy.MaxAttempts(2)))
	_, settings := resolver.Explain(options, policy.Subject{Provider: "openai", Model: "gpt-5-mini", Tiers: everyTier})
	for _, s := range settings {
		if s.From != "default" {
			fmt.Printf("%s = %s, from %s\n", s.Name, s.Value, s.From)
		}
	}
	// Output:
	// tier = flex, from policy
	// patience = 30s, from rule 0
	// max_wait = 1m0s, from policy
	// max_attempts = 2, from context
}
