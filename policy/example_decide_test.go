package policy_test

import (
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// What would this policy do in an hour without flex capacity? A simulation needs no network and no waiting: it keeps a
// History with a clock of its own, and asks Next after each attempt.
func ExampleNext() {
	resolver, err := policy.NewResolver(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard, Patience: 3 * time.Minute})
	if err != nil {
		panic(err)
	}
	history := policy.History{
		Settings:   resolver.Resolve(nil, policy.Subject{Provider: "openai", Model: "gpt-5", Tiers: everyTier}),
		Left:       20 * time.Minute,
		Replayable: true,
	}
	for {
		d := policy.Next(history)
		if !d.Send {
			fmt.Printf("%v: stop: %s\n", history.Elapsed, d.Why)
			break
		}
		history.Elapsed += d.Wait
		history.Left -= d.Wait
		fmt.Printf("%v: send on %s: %s\n", history.Elapsed, d.Step.Tier, d.Why)

		// Flex is rejected for a lack of capacity after a second, and the connection of any other attempt is lost.
		history.Elapsed += time.Second
		history.Left -= time.Second
		result := policy.Result{Step: d.Step, Outcome: policy.Ambiguous, Ended: history.Elapsed}
		if d.Step.Tier == policy.Flex {
			result.Outcome, result.Evidence = policy.Rejected, policy.Documented
			result.Reason, result.RetryAfter = policy.Capacity, time.Minute
		}
		history.Results = append(history.Results, result)
	}
	// Output:
	// 0s: send on flex: first attempt
	// 1m1s: send on flex: capacity
	// 2m2s: send on flex: capacity
	// 2m3s: send on standard: capacity
	// 2m4s: stop: it may have been billed
}

// What is sent again after which outcome, for a review.
func ExampleTable() {
	for _, row := range policy.Table() {
		reason := row.Reason
		if reason == "" {
			reason = "(any other)"
		}
		fmt.Printf("%-10s %-14s %s\n", row.Outcome, reason, row.Move)
	}
	// Output:
	// not_sent   permanent      stop
	// not_sent   (any other)    again
	// rejected   capacity       next tier
	// rejected   rate           again
	// rejected   overloaded     again
	// rejected   server_error   again
	// rejected   unprocessed    again
	// rejected   tier_refused   without tier
	// rejected   usage_refused  without usage
	// rejected   write_refused  without write
	// rejected   (any other)    stop
	// ambiguous  (any other)    if allowed
	// partial    (any other)    stop
	// billed     (any other)    stop
	// refused    (any other)    stop
}
