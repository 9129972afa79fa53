// Package middleware is a chain of [net/http.RoundTripper]s that sits beneath the LLM SDK of a program. It asks for the
// cheapest processing that still meets a call's deadline, sends a call again only if that is provably free, and leaves one
// row for each HTTP attempt with its exact cost.
//
// Most programs make one [Stack], which has all links in their order, and use it for all of their clients:
//
//	stack, err := middleware.New(middleware.WithPolicy(policy.Policy{
//		Tier:     policy.Flex,
//		Fallback: policy.Standard,
//	}))
//	if err != nil {
//		return err
//	}
//	defer stack.Close(ctx)
//	client := stack.Client() // an *http.Client for an SDK; stack.Wrap keeps what an existing one has
//
// The modules under adapters make the client of an SDK in one line. The context of a call may set options for that call: see
// [policy.With]. [Stack.Explain] says what is in force for a request, and why.
//
// # Calls, attempts and links
//
// A call is what the program asked for once; an attempt is one HTTP exchange of a call. A request that is no call of a
// known provider passes through as it is.
//
//	identify   recognises the call, and resolves its policy
//	ledger     writes one row for each attempt, when its response has ended
//	retry      decides by [policy.Next] whether the call is sent again
//	tier       sets or removes the service tier; remembers which tiers a model rejects
//	cache      has a call use a context cache, or writes its prefix to one, where that saves money
//	budget     refuses a call that could cost more than its [policy.MaxCost]
//	limit      holds an attempt back until rate and concurrency admit it
//
// Each link is also available alone, and works with or without the others:
//
//	rt := transport.Chain(base, middleware.Ledger(store), middleware.Retry(policy.Policy{MaxAttempts: 3}))
//
// Links that stand next to each other are one chain: they are put in the order above, and share what is known of a call. A
// RoundTripper of the program's own stands above or beneath them. A chain that finds itself beneath another chain refuses
// the call, as two policies would decide and two ledgers count; the same Stack beneath itself lets it pass.
//
// A chain refuses what it cannot do: a setting of a policy, or an option of the context, that none of its links enforces is
// an [Error] of kind [ErrPolicy] that names it.
//
// # Whose state is shared
//
// All clients of a Stack share its limits, its ledger and what it remembers, such as rejected tiers. The own state of a link
// that stands alone (a store, a limiter, a retry quota) belongs to the value that its constructor returned. All chains that
// this value is in share it. What a chain remembers belongs to its outermost link.
//
// # Errors
//
// A call that the chain refuses or gives up ends with an [*Error]: its Kind says why, its text the figures and what to do.
// Responses of the provider never become errors, whatever their status. See [ErrorForm] for clients that would send a call
// again on any error.
package middleware
