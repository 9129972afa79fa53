package middleware

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/internal/spell"
	"github.com/skinflint-go/skinflint/policy"
)

// review returns what of a policy has no effect, and an error if it names a provider or an operation that does not exist.
// That is no error where one of the program's own dialects does not say which calls it recognises.
func (e *engine) review(p *policy.Policy) ([]*policy.FieldError, error) {
	if len(p.Rules) == 0 && len(p.Limits) == 0 && len(p.Budgets) == 0 && p.Cache == (policy.Cache{}) {
		return nil, nil
	}
	known, whole := e.router.Known()
	unmatched := p.Unmatched(known)
	switch {
	case len(unmatched) > 0 && whole:
		return nil, unmatched[0]
	case len(unmatched) > 0:
		for _, f := range unmatched {
			f.Problem += " (or one of your own dialects has it, which does not say so: see wire.Lister)"
		}
	case !whole:
		known = nil
	}
	list := append(unmatched, p.Ineffective(known)...)
	list = append(list, e.unknownModels(p, known)...)
	return append(list, uncachedModels(e.book.Catalog(), p, known, time.Now(), list)...), nil
}

// unknownModels returns the matches whose model fits none that has a price, of the providers that they match. Such a model may
// exist all the same, so that is no error. Where no prices of the provider are known, as for Azure's deployments, nothing is.
func (e *engine) unknownModels(p *policy.Policy, known []policy.Known) (list []*policy.FieldError) {
	modelsOf := modelsWithPrices(e.book.Catalog(), known)
	check := func(prefix string, m policy.Match) {
		if m.Model == "" {
			return
		}
		ofProvider := policy.Match{Provider: m.Provider}
		var models []string
		for provider, names := range modelsOf {
			if ofProvider.Matches(&policy.Subject{Provider: provider}, nil) {
				models = append(models, names...)
			}
		}
		slices.Sort(models) // so that the same name is suggested each time
		if len(models) == 0 || slices.ContainsFunc(models, func(name string) bool { return mayBe(m.Model, name) }) {
			return
		}
		problem := "no model with a price has such a name"
		if best := spell.Nearest(strings.TrimRight(literal(m.Model), "-"), models); best != "" {
			problem += "; did you mean " + best + "?"
		}
		list = append(list, &policy.FieldError{Field: prefix + ".Match.Model", Value: fmt.Sprintf("%.80q", m.Model), Problem: problem})
	}
	for i := range p.Rules {
		check(fmt.Sprintf("Rules[%d]", i), p.Rules[i].Match)
	}
	for i := range p.Limits {
		check(fmt.Sprintf("Limits[%d]", i), p.Limits[i].Match)
	}
	for i := range p.Budgets {
		check(fmt.Sprintf("Budgets[%d]", i), p.Budgets[i].Match)
	}
	return list
}
