package policyfile

import (
	"slices"

	"github.com/skinflint-go/skinflint/policy"
)

// A section is a mapping of the file that holds settings of a policy: tier, retry, stream, cache.
type section struct {
	name string
	keys []policy.Key[policy.Policy]
}

// The keys of the file, except for those of its frame ("defaults", "rules", "limits", "match"), are those of package
// policy.
var (
	sections  = sectionsOf(policy.Keys())
	limitKeys = policy.LimitKeys()
	matchKeys = []string{"provider", "operation", "model", "tags"}
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

// unenforced are keys that a later version may accept. To accept a key and not to enforce it would be worse than an
// error.
var unenforced = map[string]string{
	"budgets":           "this version has no budgets yet, and a cap that nothing enforces is worse than an error; take it out",
	"tokens_per_minute": "this version does not limit tokens yet, and a limit that nothing enforces is worse than an error; take it out",
}

// sectionNames returns more and the names of the sections.
func sectionNames(more ...string) []string {
	for _, s := range sections {
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
	m := map[string]string{"defaults": "the file itself", "rules": "the file itself", "limits": "the file itself", "match": "a rule or a limit"}
	for _, s := range sections {
		m[s.name] = "defaults or a rule"
		for _, name := range names(s.keys) {
			m[name] = s.name
		}
	}
	for _, name := range matchKeys {
		m[name] = "match"
	}
	for _, name := range names(limitKeys) {
		m[name] = "a limit"
	}
	return m
}()
