package middleware

import (
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Identify returns the link that sets a policy for all links that stand next to it, which then need none of their own.
//
// Links that stand next to each other have one policy: those that they were given, taken together as [policy.Merge] does,
// in whatever order the links stand. If two of them set the same field differently, or if one sets a field that no link of
// the chain enforces, every call is refused with [ErrPolicy], and the error names the field.
func Identify(p policy.Policy) transport.Middleware {
	return alone(member{link: noLink{}, rank: identifyRank, policy: p})
}
