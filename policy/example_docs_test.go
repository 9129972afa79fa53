package policy_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// The limits and budgets of docs/rules.md are valid.
func ExamplePolicy_limitsAndBudgets() {
	var p policy.Policy
	p.Limits = []policy.Limit{
		{Name: "openai", Match: policy.Match{Provider: "openai"}, Per: []string{"model"}, RequestsPerMinute: 500, TokensPerMinute: 200_000},
		{Name: "gemini-flex", Match: policy.Match{Provider: "gemini"}, Tier: policy.Flex, RequestsPerDay: 10_000},
		{Name: "tenants", Per: []string{"tag:tenant"}, Concurrency: 8},
		{Name: "learned", Learn: true},
	}
	p.Budgets = []policy.Budget{
		{Name: "all", Every: policy.EveryMonth, Zone: "Europe/Berlin", Cap: 500 * price.USD, CheapestPercent: 90},
		{Name: "nightly", Match: policy.Match{Tags: map[string]string{"job": "nightly"}}, Window: 24 * time.Hour, Cap: 25 * price.USD},
		{Name: "tenants", Per: []string{"tag:tenant"}, Every: policy.EveryDay, Cap: 5 * price.USD},
	}
	fmt.Println(p.Validate())
	fmt.Println(p.Limits[0].Bursts(), "requests and", p.Limits[0].TokenBursts(p.Limits[0].TokensPerMinute), "tokens at once")
	// Output:
	// <nil>
	// 8 requests and 33333 tokens at once
}
