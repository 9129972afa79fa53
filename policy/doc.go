// Package policy decides what to do about a call to an LLM provider: which service tier to ask for, whether to send a
// call again, how long to wait before. It holds values and pure functions; it sends nothing, and knows no HTTP.
//
// A [Policy] is what a program configures. [With] adds to it, or overrides it, for the requests of one context:
//
//	ctx = policy.With(ctx,
//		policy.OnTier(policy.Flex),
//		policy.FallBackTo(policy.Standard),
//		policy.FinishBy(time.Now().Add(20*time.Minute)),
//		policy.Tag("tenant", "acme"))
//
// [Resolve] settles what is in force for a call, in one order: request body, context, first matching rule, default.
// After each attempt [Next] decides, from the call's history alone, whether and how to go on.
package policy
