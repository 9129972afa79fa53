// Package policy says what to do about a call to an LLM provider: which service tier to ask for, whether to send the
// call again after an attempt has failed, and how long to wait before that. It consists of values and pure functions.
// It sends nothing and knows nothing of HTTP; package middleware applies it to requests.
//
// # A policy
//
// A [Policy] is a struct literal. Its zero value is safe, and a zero field has the default that its comment states.
// Rules change the policy for the calls that they match, limits bound how fast calls are sent, and budgets bound what they cost:
//
//	p := policy.Policy{
//		Tier:     policy.Flex,
//		Fallback: policy.Standard,
//		Rules: []policy.Rule{{
//			Match: policy.Match{Model: "gpt-5*", Tags: map[string]string{"job": "nightly"}},
//			Set:   policy.Policy{Patience: time.Minute, MaxElapsed: 2 * time.Hour},
//		}},
//		Limits: []policy.Limit{{Match: policy.Match{Provider: "openai"}, RequestsPerMinute: 500}},
//		Budgets: []policy.Budget{{Name: "all", Every: policy.EveryDay, Cap: 25 * price.USD}},
//	}
//	stack, err := middleware.New(middleware.WithPolicy(p))
//
// Package adapters/policyfile reads the same from a YAML file.
//
// # One call
//
// [With] returns a context whose calls follow some options; they come before the policy. [Track] returns a context
// whose calls report what they cost:
//
//	ctx = policy.With(ctx,
//		policy.FinishBy(time.Now().Add(20*time.Minute)),
//		policy.MaxCost(price.MustUSD("0.25")),
//		policy.Tag("tenant", "acme"))
//	ctx, call := policy.Track(ctx)
//
// # What is in force
//
// A [Resolver] settles what is in force for a call, in one order: the request's body, the context, the first rule that
// matches, the policy, the default. [Resolver.Resolve] returns the [Settings]; [Resolver.Explain] also returns where
// each of them comes from.
//
// # What happens after an attempt
//
// [Next] decides how a call goes on: it sends an attempt, now or after a wait, or it stops. An attempt has an
// [Outcome], which says what it did to the bill, and [Table] lists what follows from which outcome. At most one
// attempt of a call is billed, unless [Policy.AllowDoubleBilling] is set.
//
// Next depends on nothing but its argument, the [History] of a call. A program can therefore simulate or review a
// policy without a network, and without waiting: see the example of Next.
package policy
