package policyfile

import (
	"slices"

	"github.com/skinflint-go/skinflint/policy"
)

// A section is a mapping of the file that holds settings of a policy: tier, retry, stream, cache. The section without a name
// is the mapping of the defaults, or of a rule, itself.
type section struct {
	name string
	keys []policy.Key[policy.Policy]
}

// The keys of the file, except for those of its frame ("defaults", "rules", "limits", "budgets", "match"), are those of package
// policy.
var (
	sections   = sectionsOf(policy.Keys())
	limitKeys  = policy.LimitKeys()
	budgetKeys = policy.BudgetKeys()
	matchKeys  = []string{"provider", "operation", "model", "tags"}
)

// sectionsOf returns the keys by section, in the order in which the sections first appear.
func sectionsOf(keys []policy.Key[policy.Policy]) (list []section) {
	for _, k := range keys {
		i := slices.IndexFunc(list, func(s section) bool { return s.name == k.Section })
		if i < 0 {
			i = len(list)
			list = append(list, section{name: k.Section})
		}
		list[i].keys = append(list[i].keys, k)
	}
	return list
}

// sectionNames returns more, the names of the sections, and the keys that are in none.
func sectionNames(more ...string) []string {
	for _, s := range sections {
		if s.name == "" {
			more = names(s.keys, more...)
			continue
		}
		more = append(more, s.name)
	}
	return more
}

// names returns more and the names of keys.
func names[T any](keys []policy.Key[T], more ...string) []string {
	more = slices.Clip(more)
	for _, k := range keys {
		more = append(more, k.Name)
	}
	return more
}

// homes says where a key belongs, for the error about one in the wrong place.
var homes = func() map[string]string {
	places := make(map[string][]string)
	add := func(where string, keys ...string) {
		for _, k := range keys {
			places[k] = append(places[k], where)
		}
	}
	add("the file itself", "defaults", "rules", "limits", "budgets")
	for _, s := range sections {
		if s.name == "" {
			add("defaults", names(s.keys)...)
			add("a rule", names(s.keys)...)
			continue
		}
		add("defaults", s.name)
		add("a rule", s.name)
		add(s.name, names(s.keys)...)
	}
	add("match", matchKeys...)
	add("a rule", "match")
	add("a limit", names(limitKeys, "match")...)
	add("a budget", names(budgetKeys, "match")...)
	m := make(map[string]string)
	for k, where := range places {
		m[k] = oneOf(where)
	}
	return m
}()
