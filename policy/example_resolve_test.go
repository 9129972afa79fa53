package policy_test

import (
	"context"
	"fmt"

	"github.com/skinflint-go/skinflint/policy"
)

// The request's body comes before the context, and the context before the policy.
func ExampleResolver_Resolve() {
	resolver, err := policy.NewResolver(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard})
	if err != nil {
		panic(err)
	}
	call := policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5", Tiers: everyTier}
	fmt.Println(resolver.Resolve(nil, call).Plan)

	options := policy.From(policy.With(context.Background(), policy.OnTier(policy.Priority)))
	fmt.Println(resolver.Resolve(options, call).Plan)

	call.BodyTier = policy.Flex
	fmt.Println(resolver.Resolve(options, call).Plan)
	// Output:
	// [flex standard]
	// [priority standard]
	// [flex standard]
}
