package policy

import (
	"fmt"
	"reflect"
	"slices"
)

// Ineffective returns what in the policy is valid and has no effect, with the reason: a limit or a budget beside a
// stricter one, a budget's CheapestPercent where no plan has a cheaper tier, a last rule that changes nothing, a rule that asks for a tier or a context cache which no call that it matches takes, a
// cap that another one is always below. The known calls are those that exist; with none, what calls take is not checked. It
// returns nil if there is nothing to say.
func (p *Policy) Ineffective(known []Known) (list []*FieldError) {
	list = append(list, p.Cache.capsWithoutEffect("Cache.", &p.Cache)...)
	for i := range p.Rules {
		r, prefix := &p.Rules[i], fmt.Sprintf("Rules[%d].", i)
		merged := r.Set.over(p)
		list = append(list, r.tiersNotTaken(prefix, known)...)
		list = append(list, r.cachesNotTaken(prefix, &merged.Cache, known)...)
		list = append(list, r.Set.Cache.capsWithoutEffect(prefix+"Set.Cache.", &merged.Cache)...)
	}
	if last := len(p.Rules) - 1; last >= 0 && reflect.ValueOf(p.Rules[last].Set).IsZero() {
		list = append(list, &FieldError{fmt.Sprintf("Rules[%d].Set", last), "empty", "the rule changes nothing, and there is no rule after it that it could keep from counting"})
	}
	for i := range p.Limits {
		if j := stricter(p.Limits, i, (*Limit).holds); j >= 0 {
			list = append(list, &FieldError{fmt.Sprintf("Limits[%d]", i), p.Limits[i].Match,
				fmt.Sprintf("it never holds a call back, because Limits[%d] holds all of these back, and is at least as strict", j)})
		}
	}
	for i := range p.Budgets {
		list = append(list, p.budgetWithoutEffect(i)...)
	}
	return list
}

// tiersNotTaken returns the tiers that the rule sets, and that no known call which it matches accepts.
func (r *Rule) tiersNotTaken(prefix string, known []Known) (list []*FieldError) {
	if len(known) == 0 {
		return nil
	}
	for _, t := range []struct {
		field string
		tier  Tier
	}{{"Tier", r.Set.Tier}, {"Fallback", r.Set.Fallback}} {
		takes := func(k Known) bool { return r.Match.fitsKnown(k) && slices.Contains(k.Tiers, t.tier) }
		if t.tier.Askable() && len(fitting(known, takes)) == 0 {
			list = append(list, &FieldError{prefix + "Set." + t.field, t.tier, fmt.Sprintf("no call that the rule matches (%s) takes this tier", r.Match)})
		}
	}
	return list
}

// stricter returns the index of an item of a list that does all that item i does; -1 if there is none. Of two that do the same,
// the first counts.
func stricter[T any](list []T, i int, holds func(a, b *T) bool) int {
	for j := range list {
		if j != i && holds(&list[j], &list[i]) && (j < i || !holds(&list[i], &list[j])) {
			return j
		}
	}
	return -1
}

// holds reports whether l holds back every attempt that other does, for as long at least.
func (l *Limit) holds(other *Limit) bool {
	return l.Match.covers(&other.Match) && (l.Tier == "" || l.Tier == other.Tier) &&
		coarser(l.Dimensions(), other.Dimensions()) && l.learnsAll(other) &&
		asStrict(int64(l.Concurrency), int64(other.Concurrency)) &&
		asStrict(int64(l.RequestsPerMinute), int64(other.RequestsPerMinute)) && (other.RequestsPerMinute == 0 || l.Bursts() <= other.Bursts()) &&
		l.asStrictOnTokens(other, l.TokensPerMinute, other.TokensPerMinute) &&
		l.asStrictOnTokens(other, l.InputTokensPerMinute, other.InputTokensPerMinute) &&
		l.asStrictOnTokens(other, l.OutputTokensPerMinute, other.OutputTokensPerMinute) &&
		l.asStrictInDays(other)
}

// learnsAll reports whether l learns what other does. What is learned is kept by the dimensions.
func (l *Limit) learnsAll(other *Limit) bool {
	return !other.Learn || l.Learn && len(l.Dimensions()) == len(other.Dimensions())
}

func (l *Limit) asStrictOnTokens(other *Limit, perMinute, others int64) bool {
	return asStrict(perMinute, others) && (others == 0 || l.TokenBursts(perMinute) <= other.TokenBursts(others))
}

func (l *Limit) asStrictInDays(other *Limit) bool {
	return asStrict(int64(l.RequestsPerDay), int64(other.RequestsPerDay)) && asStrict(l.TokensPerDay, other.TokensPerDay) &&
		(l.Zone == other.Zone || other.RequestsPerDay == 0 && other.TokensPerDay == 0)
}

// asStrict reports whether a limit of n allows no more than another. 0 is no limit.
func asStrict(n, other int64) bool { return other == 0 || n > 0 && n <= other }

// coarser reports whether what other keeps apart lies within what per keeps apart: each of per is in other.
func coarser(per, other []string) bool {
	return !slices.ContainsFunc(per, func(d string) bool { return !slices.Contains(other, d) })
}

// budgetWithoutEffect returns what of a budget has no effect.
func (p *Policy) budgetWithoutEffect(i int) (list []*FieldError) {
	b, field := &p.Budgets[i], fmt.Sprintf("Budgets[%d]", i)
	if j := stricter(p.Budgets, i, (*Budget).holds); j >= 0 {
		return []*FieldError{{field, quote(b.Name), fmt.Sprintf("it never refuses a call nor warns first, because Budgets[%d] counts all of these calls, and is at least as strict", j)}}
	}
	if b.CheapestPercent > 0 && !p.fallsBack() {
		list = append(list, &FieldError{field + ".CheapestPercent", b.CheapestPercent, "no plan of this policy has a second tier that could be cheaper; set Tier and Fallback"})
	}
	return list
}

// fallsBack reports whether the policy or one of its rules names a second tier. The first may be that of a request's body.
func (p *Policy) fallsBack() bool {
	return p.Fallback.Askable() || slices.ContainsFunc(p.Rules, func(r Rule) bool { return r.Set.Fallback.Askable() })
}

// holds reports whether b refuses every attempt that other does, and takes each of its steps no later.
func (b *Budget) holds(other *Budget) bool {
	warns := other.Warns() == 100 || b.Warns() < 100 && b.Share(b.Warns()) <= other.Share(other.Warns())
	cheapest := other.CheapestPercent == 0 || b.CheapestPercent > 0 && b.Share(b.CheapestPercent) <= other.Share(other.CheapestPercent)
	return b.Match.covers(&other.Match) && coarser(b.Per, other.Per) && b.spans(other) && b.Cap <= other.Cap && warns && cheapest
}

// spans reports whether each window of other lies within one of b.
func (b *Budget) spans(other *Budget) bool {
	switch {
	case b.Every == "" || other.Every == "":
		return b.Every == other.Every && b.Window >= other.Window
	case b.Location().String() != other.Location().String():
		return false
	case other.Every == EveryWeek:
		return b.Every == EveryWeek
	}
	return slices.Index(periods, b.Every) >= slices.Index(periods, other.Every)
}
