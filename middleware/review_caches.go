package middleware

import (
	"fmt"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// uncachedModels returns the settings of context caches in rules that name models, none of which the catalog knows to have such
// caches at the given time. It leaves out the fields that are in said.
func uncachedModels(catalog *price.Catalog, p *policy.Policy, known []policy.Known, at time.Time, said []*policy.FieldError) (list []*policy.FieldError) {
	modelsOf := modelsWithPrices(catalog, known)
	say := func(field string, value any, problem string) {
		if !slices.ContainsFunc(said, func(f *policy.FieldError) bool { return f.Field == field }) {
			list = append(list, &policy.FieldError{Field: field, Value: value, Problem: problem})
		}
	}
	for i := range p.Rules {
		m, set, prefix := p.Rules[i].Match, &p.Rules[i].Set.Cache, fmt.Sprintf("Rules[%d].Set.Cache.", i)
		auto, writes := set.Mode == policy.CacheAuto, set.Writes == policy.WritesAuto
		if m.Model == "" || !auto && !writes {
			continue
		}
		matched, explicit, written := cachesOfModels(catalog, modelsOf, &m, at)
		if auto && matched && !explicit {
			say(prefix+"Mode", set.Mode, fmt.Sprintf("no model that the rule matches (%s) is known to have explicit caches", m))
		}
		if writes && matched && !written {
			say(prefix+"Writes", set.Writes, fmt.Sprintf("no model that the rule matches (%s) is known to charge for writes to its cache", m))
		}
	}
	return list
}

// cachesOfModels reports whether there are models with a price that m matches, whether one of them has explicit caches, and
// whether one has priced writes.
func cachesOfModels(catalog *price.Catalog, modelsOf map[string][]string, m *policy.Match, at time.Time) (matched, explicit, written bool) {
	ofProvider := policy.Match{Provider: m.Provider}
	for provider, names := range modelsOf {
		if !ofProvider.Matches(&policy.Subject{Provider: provider}, nil) {
			continue
		}
		for _, name := range names {
			if mayBe(m.Model, name) {
				// An error stands for a model of which nothing is known to be cached.
				c, _ := catalog.Caching(price.Query{Provider: provider, Model: name, Tier: string(policy.Standard), At: at}, 0)
				matched, explicit, written = true, explicit || c.MinExplicit > 0, written || c.MinWrite > 0
			}
		}
	}
	return matched, explicit, written
}
