package policy_test

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy"
)

// Each tenant has the limit for each model.
func ExampleKeyOf() {
	l := policy.Limit{Per: []string{"model", "tag:tenant"}, TokensPerMinute: 200_000}
	s := policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}
	for _, tenant := range []string{"acme", "umbrella"} {
		key := policy.KeyOf(l.Dimensions(), &s, policy.Flex, "", map[string]string{"tenant": tenant})
		fmt.Println(key, "is", policy.KeyText(l.Dimensions(), key))
	}
	fmt.Println(l.TokenBursts(l.TokensPerMinute), "tokens at once")
	// Output:
	// 5:gpt-5,4:acme is model gpt-5, tenant acme
	// 5:gpt-5,8:umbrella is model gpt-5, tenant umbrella
	// 33333 tokens at once
}
