package policy

import (
	"cmp"
	"slices"
)

// A Resolver resolves calls against one policy. It is immutable and safe for concurrent use.
type Resolver struct {
	policy   Policy
	variants []variant // one for each rule; the last is for calls that match none
}

// A variant is a policy as one of its rules changes it. All that does not depend on the call is computed beforehand.
type variant struct {
	policy   Policy
	shared   Settings    // of calls whose operation accepts every tier, and whose context and body set nothing
	tierless Settings    // of calls whose operation accepts no tier, and whose context and body set nothing
	base     [2]Settings // all but the plan: where the plan does not end in flex, and where it does
}

// NewResolver returns a Resolver for p, or the error of [Policy.Validate]. The Resolver keeps a copy of p.
func NewResolver(p Policy) (*Resolver, error) {
	p = p.clone()
	if err := p.Validate(); err != nil {
		return nil, err
	}
	r := &Resolver{policy: p}
	for i := range p.Rules {
		r.variants = append(r.variants, newVariant(p.Rules[i].Set.over(&p)))
	}
	r.variants = append(r.variants, newVariant(p))
	return r, nil
}

// over returns p, with the settings of general in place of those that p does not set.
func (p Policy) over(general *Policy) Policy {
	for i := range table {
		table[i].value.inherit(&p, general)
	}
	return p
}

func newVariant(p Policy) variant {
	v := variant{policy: p}
	for i := range table {
		table[i].value.settle(&v.base[0], &p, false)
		table[i].value.settle(&v.base[1], &p, true)
	}
	v.shared, v.tierless = v.settle(nil, &Subject{Tiers: askable}), v.settle(nil, &Subject{})
	return v
}

// settle applies the context and the body of a call.
func (v *variant) settle(o *Options, s *Subject) Settings {
	set := o.policy()
	tier, fallback := cmp.Or(set.Tier, v.policy.Tier), cmp.Or(set.Fallback, v.policy.Fallback)
	if s.BodyTier != "" && !(v.policy.OverrideBody && tier != "") {
		tier = s.BodyTier
	}
	wanted := newPlan(tier, fallback)
	plan := wanted.among(s)
	out := v.base[0]
	if plan.last() == Flex {
		out = v.base[1]
	}
	out.Plan, out.TakesTier, out.Unasked = plan, len(s.Tiers) > 0, unasked(wanted, plan, s)
	out.MaxAttempts = cmp.Or(set.MaxAttempts, out.MaxAttempts)
	out.AllowDoubleBilling = set.AllowDoubleBilling || out.AllowDoubleBilling
	out.Cache.Mode, out.Cache.Writes = cmp.Or(set.Cache.Mode, out.Cache.Mode), cmp.Or(set.Cache.Writes, out.Cache.Writes)
	out.Cache.Key = out.Cache.Key && !o.NoCache()
	out.Class = cmp.Or(set.Class, out.Class)
	return out
}

// Limits returns the policy's limits. They must not be changed.
func (r *Resolver) Limits() []Limit { return r.policy.Limits }

// Budgets returns the policy's budgets. They must not be changed.
func (r *Resolver) Budgets() []Budget { return r.policy.Budgets }

// Resolve returns what is in force for a call made under the given context options, which may be nil. Calls may share
// the Settings, which must not be changed.
func (r *Resolver) Resolve(o *Options, s Subject) *Settings {
	v := &r.variants[r.rule(o, &s)]
	if s.BodyTier == "" && !o.changesPolicy() {
		switch len(s.Tiers) {
		case 0:
			return &v.tierless
		case len(askable):
			return &v.shared
		}
	}
	out := v.settle(o, &s)
	return &out
}

// rule returns the index of the first rule that matches; the number of rules if none does.
func (r *Resolver) rule(o *Options, s *Subject) int {
	for i := range r.policy.Rules {
		if r.policy.Rules[i].Match.Matches(s, o.Tags()) {
			return i
		}
	}
	return len(r.policy.Rules)
}

// The plans of one tier, and the most common one of two, are shared.
var (
	planNone         = Plan{""}
	planFlex         = Plan{Flex}
	planStandard     = Plan{Standard}
	planPriority     = Plan{Priority}
	planFlexStandard = Plan{Flex, Standard}
)

func newPlan(tier, fallback Tier) Plan {
	if fallback != "" && fallback != NoFallback && fallback != tier {
		if tier == Flex && fallback == Standard {
			return planFlexStandard
		}
		return Plan{tier, fallback}
	}
	switch tier {
	case "":
		return planNone
	case Flex:
		return planFlex
	case Standard:
		return planStandard
	case Priority:
		return planPriority
	}
	return Plan{tier}
}

// among returns the plan without the tiers that the call's operation does not accept. The tier that the body names stays:
// the provider decides whether to accept it.
func (p Plan) among(s *Subject) Plan {
	switch {
	case len(s.Tiers) == len(askable):
		return p
	case len(s.Tiers) == 0:
		return newPlan(s.BodyTier, "")
	}
	foreign := func(t Tier) bool { return t.Askable() && t != s.BodyTier && !slices.Contains(s.Tiers, t) }
	if !slices.ContainsFunc(p, foreign) {
		return p
	}
	if p = slices.DeleteFunc(slices.Clone(p), foreign); len(p) == 0 {
		return planNone
	}
	return p
}

// unasked returns [Settings.Unasked]: the first tier of the wanted plan that is not in the plan, and why. Where no tier is
// asked for, or where the body names one in a call that takes none of ours, no fallback is missed.
func unasked(wanted, plan Plan, s *Subject) string {
	for _, t := range wanted {
		switch {
		case t == "", t == s.BodyTier && len(s.Tiers) == 0:
			return ""
		case slices.Contains(plan, t):
		case len(s.Tiers) == 0:
			return string(t) + ": this call takes no service tier"
		default:
			return string(t) + ": this call does not take this tier"
		}
	}
	return ""
}
