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
		switch t.key.Field {
		case "Tier":
			list = append(list, explainTier(&out, &s, from(t)))
		case "Fallback":
			if len(out.Plan) > 1 {
				list = append(list, Setting{"fallback", string(out.Plan.last()), from(t)})
			}
		default:
			list = append(list, Setting{snake(t.key.Field), t.value.inForce(&out, &v.policy), from(t)})
		}
	}
	return out, list
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
		return Setting{"tier", "the provider's default", from}
	}
	return Setting{"tier", string(first), from}
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
