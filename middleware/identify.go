package middleware

import (
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Identify returns the link that sets one policy for all links of its chain, in place of the policies that they were given.
// Without it, the policies of the links are merged, and must not contradict each other: see [policy.Merge].
func Identify(p policy.Policy) transport.Middleware {
	return alone(member{link: noLink{}, rank: identifyRank, policy: p})
}
