package middleware

import (
	"reflect"

	"github.com/skinflint-go/skinflint/policy"
)

// rules are a policy at work. An engine's can be replaced while calls run: each keeps those that it began with.
type rules struct {
	resolver *policy.Resolver
	queue    *queue // of the policy's limits; nil if it has none
}

// rule puts a policy in force, unless it makes no sense. Limits that stay as they are keep their state.
func (e *engine) rule(p policy.Policy) error {
	resolver, err := policy.NewResolver(p)
	if err != nil {
		return err
	}
	now, was := &rules{resolver: resolver}, e.rules.Load()
	switch limits := resolver.Limits(); {
	case len(limits) == 0:
	case was != nil && was.queue != nil && reflect.DeepEqual(limits, was.resolver.Limits()):
		now.queue = was.queue
	default:
		now.queue = newQueue(limits)
	}
	e.rules.Store(now)
	return nil
}

// rulesOf returns the rules of an engine for the call.
func (r *record) rulesOf(e *engine) *rules {
	if e == r.engine {
		return r.rules
	}
	return e.rules.Load()
}
