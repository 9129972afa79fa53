package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Settings are what is in force for one call: a [Policy] with its defaults filled in, and its rules, the call's
// context and its body taken into account.
type Settings struct {
	Plan           Plan
	Tiers          bool // the call can be sent on another tier
	Patience       time.Duration
	FlexMinimum    time.Duration
	MaxAttempts    int
	MaxWait        time.Duration
	MaxElapsed     time.Duration
	AttemptTimeout time.Duration
	RetryQuota     int
	BackoffBase    time.Duration
	BackoffMax     time.Duration
	StreamIdle     time.Duration

	OnlyDocumented     bool
	AllowDoubleBilling bool
	LeaveStreams       bool
}

// FirstTier returns the tier to begin with, for a call that has left until its deadline (negative: no deadline).
func (s *Settings) FirstTier(left time.Duration) Tier {
	return s.InTime(s.Plan.First(), left)
}

// InTime returns t, or the tier after it where t is flex and less than FlexMinimum is left.
func (s *Settings) InTime(t Tier, left time.Duration) Tier {
	if t == Flex && left >= 0 && left < s.FlexMinimum {
		if next, ok := s.Plan.After(t); ok {
			return next
		}
	}
	return t
}

// A Source says where a setting comes from.
type Source string

const (
	FromBody    Source = "request body"
	FromContext Source = "context"
	FromDefault Source = "default"
	FromPolicy  Source = "policy"
)

// FromRule is the Source of what the i-th rule sets.
func FromRule(i int) Source { return Source(fmt.Sprintf("rule %d", i)) }

// A Setting is one of a call's [Settings], for people to read.
type Setting struct {
	Name  string
	Value string
	From  Source
}

// A Resolver resolves calls against one policy. It is immutable and safe for concurrent use.
type Resolver struct {
	policy  Policy
	merged  []Policy   // by rule; the last is for calls that match none
	settled []Settings // the same, for calls whose context and body say nothing
}

// NewResolver returns a Resolver for p, or the error of [Policy.Validate]. What p refers to may be changed afterwards.
func NewResolver(p Policy) (*Resolver, error) {
	p = p.clone()
	if err := p.Validate(); err != nil {
		return nil, err
	}
	r := &Resolver{policy: p}
	for i := range p.Rules {
		r.merged = append(r.merged, p.Rules[i].Set.over(p))
	}
	r.merged = append(r.merged, p)
	for i := range r.merged {
		r.settled = append(r.settled, settings(&r.merged[i], nil, &Subject{Tiers: askable}))
	}
	return r, nil
}

// clone returns a policy that shares nothing with p.
func (p Policy) clone() Policy {
	p.Limits, p.Rules = slices.Clone(p.Limits), slices.Clone(p.Rules)
	for i := range p.Limits {
		p.Limits[i].Match.Tags = maps.Clone(p.Limits[i].Match.Tags)
	}
	for i := range p.Rules {
		p.Rules[i].Match.Tags = maps.Clone(p.Rules[i].Match.Tags)
	}
	return p
}

// over returns base with every field that is not zero in p.
func (p Policy) over(base Policy) Policy {
	return Policy{
		Tier:               cmp.Or(p.Tier, base.Tier),
		Fallback:           cmp.Or(p.Fallback, base.Fallback),
		OverrideBody:       p.OverrideBody || base.OverrideBody,
		Patience:           cmp.Or(p.Patience, base.Patience),
		FlexMinimum:        cmp.Or(p.FlexMinimum, base.FlexMinimum),
		MaxAttempts:        cmp.Or(p.MaxAttempts, base.MaxAttempts),
		MaxWait:            cmp.Or(p.MaxWait, base.MaxWait),
		MaxElapsed:         cmp.Or(p.MaxElapsed, base.MaxElapsed),
		AttemptTimeout:     cmp.Or(p.AttemptTimeout, base.AttemptTimeout),
		RetryQuota:         cmp.Or(p.RetryQuota, base.RetryQuota),
		BackoffBase:        cmp.Or(p.BackoffBase, base.BackoffBase),
		BackoffMax:         cmp.Or(p.BackoffMax, base.BackoffMax),
		OnlyDocumented:     p.OnlyDocumented || base.OnlyDocumented,
		AllowDoubleBilling: p.AllowDoubleBilling || base.AllowDoubleBilling,
		LeaveStreams:       p.LeaveStreams || base.LeaveStreams,
		StreamIdle:         cmp.Or(p.StreamIdle, base.StreamIdle),
	}
}

// Limits returns the policy's limits.
func (r *Resolver) Limits() []Limit { return r.policy.Limits }

// Resolve settles what is in force for a call made under the given context options, which may be nil. The Settings may
// be shared with other calls, and are not for changing.
func (r *Resolver) Resolve(o *Options, s Subject) *Settings {
	n := r.rule(o, &s)
	if len(s.Tiers) == len(askable) && s.BodyTier == "" && (o == nil || o.tier == "" && o.fallback == "" && o.attempts == 0 && !o.double) {
		return &r.settled[n]
	}
	out := settings(&r.merged[n], o, &s)
	return &out
}

// rule returns the index of the first rule that matches.
func (r *Resolver) rule(o *Options, s *Subject) int {
	for i := range r.policy.Rules {
		if r.policy.Rules[i].Match.Matches(s, o.tags()) {
			return i
		}
	}
	return len(r.policy.Rules)
}

func settings(p *Policy, o *Options, s *Subject) Settings {
	tier, fallback := p.Tier, p.Fallback
	attempts, double := p.MaxAttempts, p.AllowDoubleBilling
	if o != nil {
		tier, fallback = cmp.Or(o.tier, tier), cmp.Or(o.fallback, fallback)
		attempts, double = cmp.Or(o.attempts, attempts), double || o.double
	}
	switch {
	case len(s.Tiers) == 0:
		tier, fallback = s.BodyTier, ""
	case s.BodyTier != "" && !(p.OverrideBody && tier != ""):
		tier = s.BodyTier
	}
	out := Settings{
		Plan:               plan(tier, fallback).among(s),
		Tiers:              len(s.Tiers) > 0,
		Patience:           p.Patience,
		FlexMinimum:        cmp.Or(p.FlexMinimum, time.Minute),
		MaxAttempts:        cmp.Or(attempts, 6),
		MaxWait:            cmp.Or(p.MaxWait, 2*time.Minute),
		MaxElapsed:         cmp.Or(p.MaxElapsed, 15*time.Minute),
		AttemptTimeout:     p.AttemptTimeout,
		RetryQuota:         cmp.Or(p.RetryQuota, 100),
		BackoffBase:        cmp.Or(p.BackoffBase, 500*time.Millisecond),
		BackoffMax:         cmp.Or(p.BackoffMax, 30*time.Second),
		StreamIdle:         cmp.Or(p.StreamIdle, 10*time.Minute),
		OnlyDocumented:     p.OnlyDocumented,
		AllowDoubleBilling: double,
		LeaveStreams:       p.LeaveStreams,
	}
	if out.Plan.Last() == Flex {
		out.MaxWait = cmp.Or(p.MaxWait, 10*time.Minute)
		out.MaxElapsed = cmp.Or(p.MaxElapsed, 45*time.Minute)
	}
	return out
}

// The plans of one tier, so that most calls share theirs.
var (
	planNone     = Plan{""}
	planFlex     = Plan{Flex}
	planStandard = Plan{Standard}
	planPriority = Plan{Priority}
	planDefault  = Plan{Flex, Standard}
)

func plan(tier, fallback Tier) Plan {
	if fallback != "" && fallback != NoFallback && fallback != tier {
		if tier == Flex && fallback == Standard {
			return planDefault
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

// among returns the plan without the tiers that the call's provider does not have. What the body names is left to the
// provider.
func (p Plan) among(s *Subject) Plan {
	if len(s.Tiers) == len(askable) {
		return p
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

// Explain does what Resolve does, and says of each setting where it comes from.
func (r *Resolver) Explain(o *Options, s Subject) (Settings, []Setting) {
	n := r.rule(o, &s)
	p := &r.merged[n]
	set := &Policy{}
	if n < len(r.policy.Rules) {
		set = &r.policy.Rules[n].Set
	}
	out := settings(p, o, &s)
	from := func(inContext, inRule, inPolicy bool) Source {
		switch {
		case inContext:
			return FromContext
		case inRule:
			return FromRule(n)
		case inPolicy:
			return FromPolicy
		}
		return FromDefault
	}
	if o == nil {
		o = &Options{}
	}
	tier := from(o.tier != "", set.Tier != "", p.Tier != "")
	switch {
	case s.BodyTier != "" && out.Plan.First() == s.BodyTier:
		tier = FromBody
	case len(s.Tiers) == 0:
		tier = FromDefault // the operation, or the body, takes none
	}
	list := []Setting{{"tier", string(cmp.Or(out.Plan.First(), "the provider's default")), tier}}
	if len(out.Plan) > 1 {
		list = append(list, Setting{"fallback", string(out.Plan.Last()), from(o.fallback != "", set.Fallback != "", p.Fallback != "")})
	}
	for _, d := range []struct {
		name          string
		value         time.Duration
		rule, general time.Duration
	}{
		{"patience", out.Patience, set.Patience, p.Patience},
		{"flex_minimum", out.FlexMinimum, set.FlexMinimum, p.FlexMinimum},
		{"max_wait", out.MaxWait, set.MaxWait, p.MaxWait},
		{"max_elapsed", out.MaxElapsed, set.MaxElapsed, p.MaxElapsed},
		{"attempt_timeout", out.AttemptTimeout, set.AttemptTimeout, p.AttemptTimeout},
		{"backoff_base", out.BackoffBase, set.BackoffBase, p.BackoffBase},
		{"backoff_max", out.BackoffMax, set.BackoffMax, p.BackoffMax},
		{"stream_idle", out.StreamIdle, set.StreamIdle, p.StreamIdle},
	} {
		list = append(list, Setting{d.name, d.value.String(), from(false, d.rule != 0, d.general != 0)})
	}
	list = append(list,
		Setting{"max_attempts", fmt.Sprint(out.MaxAttempts), from(o.attempts != 0, set.MaxAttempts != 0, p.MaxAttempts != 0)},
		Setting{"retry_quota", fmt.Sprint(out.RetryQuota), from(false, set.RetryQuota != 0, p.RetryQuota != 0)})
	for _, b := range []struct {
		name                            string
		value, context, rule, generally bool
	}{
		{"override_body", p.OverrideBody, false, set.OverrideBody, p.OverrideBody},
		{"only_documented", out.OnlyDocumented, false, set.OnlyDocumented, p.OnlyDocumented},
		{"allow_double_billing", out.AllowDoubleBilling, o.double, set.AllowDoubleBilling, p.AllowDoubleBilling},
		{"leave_streams", out.LeaveStreams, false, set.LeaveStreams, p.LeaveStreams},
	} {
		list = append(list, Setting{b.name, fmt.Sprint(b.value), from(b.context, b.rule, b.generally)})
	}
	return out, list
}
