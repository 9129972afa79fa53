package policy

import (
	"fmt"
	"strings"
)

// Validate returns a [*FieldError] for the first invalid field, or nil.
func (p *Policy) Validate() error {
	if err := p.validate(""); err != nil {
		return err
	}
	for i := range p.Limits {
		if err := p.Limits[i].validate(fmt.Sprintf("Limits[%d].", i)); err != nil {
			return err
		}
	}
	for i := range p.Budgets {
		if err := p.Budgets[i].validate(fmt.Sprintf("Budgets[%d].", i)); err != nil {
			return err
		}
	}
	if err := oneOfName("Limits", p.Limits, func(l *Limit) string { return l.Name }); err != nil {
		return err
	}
	if err := oneOfName("Budgets", p.Budgets, func(b *Budget) string { return b.Name }); err != nil {
		return err
	}
	for i := range p.Rules {
		if err := p.Rules[i].validate(fmt.Sprintf("Rules[%d].", i)); err != nil {
			return err
		}
	}
	return p.unreachable()
}

// oneOfName returns an error for the first item of a list that has the name of one before it. Items without a name have none
// in common.
func oneOfName[T any](field string, list []T, name func(*T) string) error {
	first := make(map[string]int)
	for i := range list {
		n := name(&list[i])
		if j, twice := first[n]; twice && n != "" {
			return &FieldError{fmt.Sprintf("%s[%d].Name", field, i), quote(n), fmt.Sprintf("%s[%d] has this name already", field, j)}
		}
		first[n] = i
	}
	return nil
}

// unreachable returns an error for the first rule that never counts, because a rule before it matches every call that it
// matches.
func (p *Policy) unreachable() error {
	for i := range p.Rules {
		for j := range p.Rules[:i] {
			if p.Rules[j].Match.covers(&p.Rules[i].Match) {
				return &FieldError{fmt.Sprintf("Rules[%d].Match", i), p.Rules[i].Match,
					fmt.Sprintf("the rule never counts, because Rules[%d] comes first and matches every such call (%s)", j, p.Rules[j].Match)}
			}
		}
	}
	return nil
}

// validate checks the settings: all fields but Limits, Budgets and Rules.
func (p *Policy) validate(prefix string) error {
	for i := range table {
		if err := table[i].validate(prefix, p); err != nil {
			return err
		}
	}
	return nil
}

func (r *Rule) validate(prefix string) error {
	if err := r.Match.validate(prefix + "Match."); err != nil {
		return err
	}
	if err := r.Set.validate(prefix + "Set."); err != nil {
		return err
	}
	if n := len(r.Set.Rules); n > 0 {
		return &FieldError{prefix + "Set.Rules", n, "a rule cannot hold rules"}
	}
	if n := len(r.Set.Limits); n > 0 {
		return &FieldError{prefix + "Set.Limits", n, "limits match calls themselves; put them in the policy's own Limits"}
	}
	if n := len(r.Set.Budgets); n > 0 {
		return &FieldError{prefix + "Set.Budgets", n, "budgets match calls themselves; put them in the policy's own Budgets"}
	}
	return nil
}

func (m *Match) validate(prefix string) error {
	for _, f := range []struct{ name, pattern string }{{"Provider", m.Provider}, {"Operation", m.Operation}, {"Model", m.Model}} {
		if err := checkPattern(prefix+f.name, f.pattern); err != nil {
			return err
		}
	}
	for k, v := range m.Tags {
		if err := checkTag(prefix+"Tags", k, v); err != nil {
			return err
		}
		if strings.ContainsAny(k, "*?") {
			return &FieldError{prefix + "Tags", quote(k), "the name of a tag is no pattern; only its value is one"}
		}
	}
	return nil
}
