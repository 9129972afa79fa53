package policy_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// The day on which clocks go back has 25 hours.
func ExampleBudget_WindowAt() {
	b := policy.Budget{Name: "all", Every: policy.EveryDay, Zone: "Europe/Berlin", Cap: 25 * price.USD}
	from, until := b.WindowAt(time.Date(2026, 10, 25, 12, 0, 0, 0, time.UTC))
	fmt.Println(from, "to", until, "is", until.Sub(from))
	fmt.Println("it warns from", b.Share(b.Warns()))
	// Output:
	// 2026-10-25 00:00:00 +0200 CEST to 2026-10-26 00:00:00 +0100 CET is 25h0m0s
	// it warns from 20
}

// Two budgets of one name are an error, as errors and logs would not say which of them is meant.
func ExampleBudget() {
	p := policy.Policy{Budgets: []policy.Budget{
		{Name: "nightly", Match: policy.Match{Tags: map[string]string{"job": "nightly"}}, Window: 24 * time.Hour, Cap: 25 * price.USD},
		{Name: "nightly", Every: policy.EveryMonth, Cap: 500 * price.USD},
	}}
	fmt.Println(p.Validate())
	p.Budgets[1].Name, p.Budgets[1].Every = "all", "fortnight"
	fmt.Println(p.Validate())
	p.Budgets[1].Every = policy.EveryMonth
	fmt.Println(p.Validate())
	// Output:
	// policy: Budgets[1].Name is "nightly": Budgets[0] has this name already
	// policy: Budgets[1].Every is "fortnight": want minute, hour, day, week or month
	// <nil>
}
