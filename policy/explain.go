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
// tier that is asked for first; then come the fallback if there is one, durations, counts, flags, and the settings of context
// caches ("cache_mode"). A tier or a fallback that is set and not asked for has an entry of its own.
func (r *Resolver) Explain(o *Options, s Subject) (Settings, []Setting) {
	n := r.rule(o, &s)
	v := &r.variants[n]
	x := explainer{out: v.settle(o, &s), subject: &s, context: o.policy(), rule: new(Policy), policy: &r.policy, merged: &v.policy}
	if n < len(r.policy.Rules) {
		x.rule, x.number = &r.policy.Rules[n].Set, n
	}
	var list []Setting
	for _, t := range explained {
		switch t.key.Field {
		case "Tier":
			list = append(list, x.tiers(x.from(t))...)
		case "Fallback":
			list = append(list, x.fallback(t)...)
		default:
			list = append(list, Setting{snake(t.key.Field), t.value.inForce(&x.out, x.merged), x.from(t), x.unused(t)})
		}
	}
	return x.out, list
}

// An explainer explains the settings of one call.
type explainer struct {
	out     Settings
	subject *Subject
	context Policy  // what the context sets
	rule    *Policy // what the rule sets that counts; empty if none does
	number  int     // of that rule
	policy  *Policy
	merged  *Policy // the policy as the rule changes it
}

// from says where a setting comes from.
func (x *explainer) from(t *row) string {
	switch {
	case t.value.isSet(&x.context):
		return "context"
	case t.value.isSet(x.rule):
		return fmt.Sprintf("rule %d", x.number)
	case t.value.isSet(x.policy):
		return "policy"
	}
	return "default"
}

// tiers explains the first tier of the plan, and the tier that is set if the body names another. from is where the tier that
// is set comes from.
func (x *explainer) tiers(from string) []Setting {
	first, set := x.out.Plan.First(), cmp.Or(x.context.Tier, x.merged.Tier)
	tier := Setting{Name: "tier", Value: cmp.Or(string(first), "the provider's default"), From: from}
	switch {
	case x.subject.BodyTier != "" && first == x.subject.BodyTier:
		tier.From = "request body"
		if set != "" && set != first && x.out.TakesTier {
			return []Setting{tier, {"tier", string(set), from, fmt.Sprintf("the request's body names %s", first)}}
		}
	case len(x.subject.Tiers) == 0:
		tier.From = "default"
	}
	return []Setting{tier}
}

// fallback explains the second tier of the plan, or why the one that is set is not there. [Settings.Unasked] says it if the
// call does not take it.
func (x *explainer) fallback(t *row) []Setting {
	set := cmp.Or(x.context.Fallback, x.merged.Fallback)
	switch {
	case len(x.out.Plan) > 1:
		return []Setting{{"fallback", string(x.out.Plan.last()), x.from(t), x.unused(t)}}
	case set.Askable() && x.out.Unasked == "":
		return []Setting{{"fallback", "none", x.from(t), fmt.Sprintf("%s: the plan asks for it already", set)}}
	}
	return nil
}

// unused says why a setting has no effect on the call although it is set; "" if it has one.
func (x *explainer) unused(t *row) string {
	out := &x.out
	switch {
	case x.from(t) == "default":
	case out.MaxAttempts == 1 && (t.part&RetryPart != 0 || t.key.Field == "Fallback") && t.key.Field != "MaxAttempts":
		return "max_attempts is 1, so the call is sent once"
	case t.key.Field == "Patience" && len(out.Plan) < 2:
		return "the plan has no second tier"
	case t.key.Field == "FlexMinimum" && (len(out.Plan) < 2 || out.Plan.First() != Flex):
		return "the plan has no tier after flex"
	case t.key.Field == "OverrideBody" && (cmp.Or(x.context.Tier, x.merged.Tier) == "" || !out.TakesTier):
		return "there is no tier to put into the body"
	case t.part == CachePart:
		return x.unusedByCaches(t.key.Field)
	}
	return ""
}

// unusedByCaches is unused for the settings of context caches.
func (x *explainer) unusedByCaches(field string) string {
	switch {
	case x.context.Cache.Mode == CacheOff && field != "Cache.Mode" && field != "Cache.Writes":
		return "the context's NoCache says that no cache is made or used"
	}
	return ""
}

// explained has the rows of the table in the order of Explain: tiers, durations, counts, flags, context caches.
var explained = func() (rows []*row) {
	for i := range table {
		rows = append(rows, &table[i])
	}
	kind := func(r *row) int {
		if r.part == CachePart {
			return 4
		}
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

// snake returns a field's name as Explain writes it: "MaxWait" is "max_wait", and "Cache.Mode" is "cache_mode".
func snake(field string) string {
	var b strings.Builder
	for i, c := range field {
		switch {
		case c == '.':
			continue
		case 'A' <= c && c <= 'Z':
			if i > 0 {
				b.WriteByte('_')
			}
			c += 'a' - 'A'
		}
		b.WriteRune(c)
	}
	return b.String()
}
