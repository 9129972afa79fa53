package middleware

import (
	"errors"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport"
)

// Limit returns the link that holds each attempt back until all limits that match its call admit it: first come, first
// served, and interactive calls before those of class batch. A caller that gives up takes nothing, and does not hold up those
// behind it. A permit of a limit on concurrency is held until the answer has been read. A wait for a rate that would exceed
// the call's deadline fails at once. If calls wait for seconds because all permits are held, the log says once a minute which
// calls hold them.
func Limit(limits ...policy.Limit) transport.Middleware {
	r, e := new(ruling), newEngine()
	if err := r.set(policy.Policy{Limits: limits}, e); err != nil {
		return alone(member{link: badLink{err: err}, rank: limitRank})
	}
	r.warn(e)
	rules := r.Load()
	return alone(member{link: &limitLink{limiter: rules.limiter, needs: rules.needs, alone: true}, rank: limitRank, enforces: policy.ClassPart, needs: rules.needs})
}

// LimitBy is [Limit] with a limiter of the program's own, such as one that several processes share.
func LimitBy(l limit.Limiter) transport.Middleware {
	if isNil(l) {
		return alone(member{link: badLink{err: errors.New("LimitBy: the limiter is nil")}, rank: limitRank})
	}
	needs := limit.NeedsBy(l)
	return alone(member{link: &limitLink{limiter: l, needs: needs, alone: true}, rank: limitRank, enforces: policy.ClassPart, needs: needs})
}

// A limitLink asks a limiter before each attempt.
type limitLink struct {
	noLink
	alone   bool          // it has a limiter of its own; else it asks that of the policy in force, with its budgets
	limiter limit.Limiter // nil: there is none
	needs   limit.Needs
}

func (l *limitLink) before(c *call) error {
	limiter, needs := l.limiter, l.needs
	if !l.alone {
		limiter, needs = c.rules.limiter, c.rules.needs
	}
	if limiter == nil || !c.reserves(needs) {
		return nil
	}
	return c.reserve(limiter, needs)
}
