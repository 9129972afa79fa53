package policy

import (
	"fmt"
	"reflect"
	"slices"
)

// Ineffective returns what in the policy is valid and has no effect, with the reason: a limit beside a stricter
// one, a last rule that changes nothing, a rule that asks for a tier or a context cache which no call that it matches takes, a
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
		if j := p.stricter(i); j >= 0 {
			list = append(list, &FieldError{fmt.Sprintf("Limits[%d]", i), p.Limits[i].Match,
				fmt.Sprintf("it never holds a call back, because Limits[%d] holds all of these back, and is at least as strict", j)})
		}
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

// stricter returns the index of a limit that always holds back the calls of limit i for as long, or longer; -1 if there is
// none. Of two limits that do the same, the first is the stricter one.
func (p *Policy) stricter(i int) int {
	for j := range p.Limits {
		if j != i && p.Limits[j].holds(&p.Limits[i]) && (j < i || !p.Limits[i].holds(&p.Limits[j])) {
			return j
		}
	}
	return -1
}

// holds reports whether l holds back every call that other does, for as long at least.
func (l *Limit) holds(other *Limit) bool {
	return l.Match.covers(&other.Match) &&
		(other.Concurrency == 0 || l.Concurrency > 0 && l.Concurrency <= other.Concurrency) &&
		(other.RequestsPerMinute == 0 || l.RequestsPerMinute > 0 && l.RequestsPerMinute <= other.RequestsPerMinute && l.Bursts() <= other.Bursts())
}

// Bursts returns how many attempts may be sent at once after a pause: Burst or, if that is zero, its default. It returns 0
// for a limit without RequestsPerMinute.
func (l *Limit) Bursts() int {
	switch {
	case l.RequestsPerMinute == 0:
		return 0
	case l.Burst == 0:
		return max(1, l.RequestsPerMinute/60)
	}
	return l.Burst
}
