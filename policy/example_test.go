package policy_test

import (
	"context"
	"fmt"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

func ExampleWith() {
	ctx := policy.With(context.Background(), policy.OnTier(policy.Flex), policy.Tag("tenant", "acme"))
	ctx = policy.With(ctx, policy.FinishBy(time.Now().Add(20*time.Minute)))
	fmt.Println(policy.From(ctx).Tags()["tenant"], policy.From(ctx).Err())

	ctx = policy.With(ctx, policy.OnTier("turbo"))
	fmt.Println(policy.From(ctx).Err())
	// Output:
	// acme <nil>
	// policy: OnTier is "turbo": want flex, standard or priority
}

func ExampleNext() {
	resolver, err := policy.NewResolver(policy.Policy{Tier: policy.Flex, Fallback: policy.Standard})
	if err != nil {
		panic(err)
	}
	settings := resolver.Resolve(nil, policy.Subject{Provider: "openai", Model: "gpt-5", Tiers: []policy.Tier{policy.Flex, policy.Standard}})
	history := policy.History{Settings: settings, Left: -1, Replayable: true}

	first := policy.Next(history)
	fmt.Println(first.Send, first.Step.Tier)

	history.Results = append(history.Results, policy.Result{
		Step: first.Step, Outcome: policy.Rejected, Evidence: policy.Documented, Reason: policy.Capacity, RetryAfter: 5 * time.Minute,
	})
	second := policy.Next(history)
	fmt.Println(second.Send, second.Step.Tier, second.Wait)

	history.Results = append(history.Results, policy.Result{Step: second.Step, Outcome: policy.Ambiguous})
	third := policy.Next(history)
	fmt.Println(third.Send, third.Why)
	// Output:
	// true flex
	// true standard 0s
	// false it may have been billed
}

func ExampleTable() {
	for _, row := range policy.Table() {
		reason := row.Reason
		if reason == "" {
			reason = "(any other)"
		}
		fmt.Printf("%-10s %-14s %s\n", row.Outcome, reason, row.Move)
	}
	// Output:
	// not_sent   (any other)    again
	// rejected   capacity       next tier
	// rejected   rate           again
	// rejected   overloaded     again
	// rejected   server_error   again
	// rejected   unprocessed    again
	// rejected   tier_refused   without tier
	// rejected   usage_refused  without usage
	// rejected   (any other)    stop
	// ambiguous  (any other)    if allowed
	// partial    (any other)    stop
	// billed     (any other)    stop
	// refused    (any other)    stop
}

func ExampleResolver_Explain() {
	resolver, err := policy.NewResolver(policy.Policy{
		Tier:  policy.Flex,
		Rules: []policy.Rule{{Match: policy.Match{Model: "gpt-5*"}, Set: policy.Policy{Patience: 30 * time.Second}}},
	})
	if err != nil {
		panic(err)
	}
	_, settings := resolver.Explain(nil, policy.Subject{Provider: "openai", Model: "gpt-5-mini", Tiers: []policy.Tier{policy.Flex, policy.Standard}})
	for _, s := range settings[:2] {
		fmt.Printf("%s = %s, from %s\n", s.Name, s.Value, s.From)
	}
	// Output:
	// tier = flex, from policy
	// patience = 30s, from rule 0
}

func ExampleTrack() {
	ctx, call := policy.Track(context.Background())
	// The links below report to the context, past any SDK between:
	policy.From(ctx).Tracked().Report(policy.Report{Tier: policy.Flex, Cost: 250, Priced: true})
	cost, complete := call.Cost()
	fmt.Println(call.Attempts(), call.Tier(), cost, complete)
	// Output: 1 flex 0.00000000025 true
}

func ExampleWait() {
	// A server asked for 10 s; our own back-off is at 4 s. The draw decides how much is added: at most a tenth.
	fmt.Println(policy.Wait(10*time.Second, 4*time.Second, 0))
	fmt.Println(policy.Wait(10*time.Second, 4*time.Second, 1<<63))
	// Output:
	// 10s
	// 10.5s
}
