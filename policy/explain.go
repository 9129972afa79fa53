package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Setting is one of a call's settings, for people to read.
type Setting struct {
	Name  string // "max_wait"
	Value string // "2m0s"
	From  string // "request body", "context", "rule 0", "policy" or "default"

	// Unused says why the setting has no effect on the call, although it is set: "the plan has one tier"; "" if it has one.
	Unused string
}

// Explain does what [Resolver.Resolve] does, and also returns where each setting comes from. The first of them is the
// tier that is asked for first; then come the fallback if there is one, durations, counts and flags.
func (r *Resolver) Explain(o *Options, s Subject) (Settings, []Setting) {
	n := r.rule(o, &s)
	v := &r.variants[n]
	out := v.settle(o, &s)

	context, rule := o.policy(), &Policy{}
	if n < len(r.policy.Rules) {
		rule = &r.policy.Rules[n].Set
	}
	from := func(t *row) string {
		switch {
		case t.value.isSet(&context):
			return "context"
		case t.value.isSet(rule):
			return fmt.Sprintf("rule %d", n)
		case t.value.isSet(&r.policy):
			return "policy"
		}
		return "default"
	}
	var list []Setting
	for _, t := range explained {
		source := from(t)
		var why string
		if source != "default" {
			why = unused(t, &out, cmp.Or(context.Tier, v.policy.Tier))
		}
		switch t.key.Field {
		case "Tier":
			list = append(list, explainTier(&out, &s, source))
			set := cmp.Or(context.Tier, v.policy.Tier)
			if first := list[len(list)-1]; first.From == "request body" && set != "" && set != s.BodyTier && out.TakesTier {
				list = append(list, Setting{"tier", string(set), source, fmt.Sprintf("the request's body names %s", s.BodyTier)})
			}
		case "Fallback":
			if len(out.Plan) > 1 {
				list = append(list, Setting{"fallback", string(out.Plan.last()), source, why})
			} else if set := cmp.Or(context.Fallback, v.policy.Fallback); set.Askable() && out.Unasked == "" {
				list = append(list, Setting{"fallback", "none", source, fmt.Sprintf("%s: the plan asks for it already", set)})
			}
		default:
			list = append(list, Setting{snake(t.key.Field), t.value.inForce(&out, &v.policy), source, why})
		}
	}
	return out, list
}

// unused says why a setting has no effect under the settings in force; "" if it has one. The tier is the one that the policy or
// the context sets.
func unused(t *row, out *Settings, tier Tier) string {
	switch {
	case out.MaxAttempts == 1 && (t.part == RetryPart || t.key.Field == "Fallback") && t.key.Field != "MaxAttempts":
		return "max_attempts is 1, so the call is sent once"
	case t.key.Field == "Patience" && len(out.Plan) < 2:
		return "the plan has no second tier"
	case t.key.Field == "FlexMinimum" && (len(out.Plan) < 2 || out.Plan.First() != Flex):
		return "the plan has no tier after flex"
	case t.key.Field == "OverrideBody" && (tier == "" || !out.TakesTier):
		return "there is no tier to put into the body"
	}
	return ""
}

// explained has the rows of the table in the order of Explain: tiers, durations, counts, flags.
var explained = func() (rows []*row) {
	for i := range table {
		rows = append(rows, &table[i])
	}
	kind := func(r *row) int {
		switch r.value.at(new(Policy)).(type) {
		case *Tier:
			return 0
		case *time.Duration:
			return 1
		case *int:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(rows, func(a, b *row) int { return cmp.Compare(kind(a), kind(b)) })
	return rows
}()

// explainTier explains the first tier of the plan. The body comes before from, which is where the policy's tier comes
// from, and an operation that takes no tier does not follow the policy.
func explainTier(out *Settings, s *Subject, from string) Setting {
	first := out.Plan.First()
	switch {
	case s.BodyTier != "" && first == s.BodyTier:
		from = "request body"
	case len(s.Tiers) == 0:
		from = "default"
	}
	if first == "" {
		return Setting{Name: "tier", Value: "the provider's default", From: from}
	}
	return Setting{Name: "tier", Value: string(first), From: from}
}

// snake returns a field's name as Explain writes it: "MaxWait" is "max_wait".
func snake(field string) string {
	var b strings.Builder
	for i, c := range field {
		if 'A' <= c && c <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
