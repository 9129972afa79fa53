package middleware

import (
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Identify returns the link that sets one policy for all links beneath it, whatever they were given. Without it, the
// policies that the links were given are taken together, and must not contradict each other.
func Identify(p policy.Policy) transport.Middleware {
	return alone(member{link: noLink{}, rank: identifyRank, policy: p})
}
