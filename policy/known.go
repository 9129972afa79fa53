package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/internal/spell"
)

// A Known is a kind of call that exists, and that rules and limits can therefore select: an operation of a provider.
type Known struct {
	Provider  string
	Operation string
	Tiers     []Tier // that the operation accepts
	Free      bool   // it costs nothing, so no limit holds it back

	// What of [Cache] has an effect on it.
	Caches     bool // it can read an explicit cache
	Compatible bool // it does so only under Cache.Compatible
	Writes     bool // under Cache.Writes
	Key        bool // under Cache.Key
}

// Unmatched returns an error for each [Match] of the policy that can select nothing, because it names a provider or an
// operation that is not among the known ones: "Rules[0].Match.Provider". It returns nil if there is none.
func (p *Policy) Unmatched(known []Known) (errs []*FieldError) {
	for i := range p.Rules {
		if err := p.Rules[i].Match.unmatched(fmt.Sprintf("Rules[%d].Match.", i), known); err != nil {
			errs = append(errs, err)
		}
	}
	limited := slices.DeleteFunc(slices.Clone(known), func(k Known) bool { return k.Free })
	for i := range p.Limits {
		m, prefix := &p.Limits[i].Match, fmt.Sprintf("Limits[%d].Match.", i)
		err := m.unmatched(prefix, known)
		if err == nil && m.unmatched(prefix, limited) != nil {
			err = &FieldError{prefix + "Operation", quote(m.Operation), "its calls cost nothing, and limits do not hold such calls back"}
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

func (m *Match) unmatched(prefix string, known []Known) *FieldError {
	providers := fitting(known, func(k Known) bool { return fits(m.Provider, k.Provider) })
	operations := fitting(known, func(k Known) bool { return fits(m.Operation, k.Operation) })
	switch {
	case len(providers) == 0:
		return &FieldError{prefix + "Provider", quote(m.Provider), "no provider has this name; " + suggestion(m.Provider, distinct(known, Known.provider))}
	case len(operations) == 0:
		return &FieldError{prefix + "Operation", quote(m.Operation), "no operation has this name; " + suggestion(m.Operation, distinct(known, Known.operation))}
	case len(fitting(known, m.fitsKnown)) == 0:
		return &FieldError{prefix + "Operation", quote(m.Operation), fmt.Sprintf("%s has no such operation; it has %s",
			m.Provider, strings.Join(distinct(providers, Known.operation), ", "))}
	}
	return nil
}

func (m *Match) fitsKnown(k Known) bool {
	return fits(m.Provider, k.Provider) && fits(m.Operation, k.Operation)
}

func fitting(known []Known, fit func(Known) bool) (some []Known) {
	for _, k := range known {
		if fit(k) {
			some = append(some, k)
		}
	}
	return some
}

func (k Known) provider() string  { return k.Provider }
func (k Known) operation() string { return k.Operation }

// distinct returns the names, each once, sorted.
func distinct(known []Known, name func(Known) string) (list []string) {
	for _, k := range known {
		list = append(list, name(k))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// suggestion says which of the names was probably meant: one of its words, such as the first of "chat/completions", one
// that differs little, or one that it begins with. If none of them, it lists the names.
func suggestion(name string, names []string) string {
	lower := strings.ToLower(name)
	words := strings.FieldsFunc(lower, func(c rune) bool { return strings.ContainsRune("/._- :", c) })
	for _, w := range words {
		if slices.Contains(names, w) {
			return "did you mean " + w + "?"
		}
	}
	for _, w := range append([]string{lower}, words...) {
		if best := spell.Nearest(w, names); best != "" {
			return "did you mean " + best + "?"
		}
	}
	for _, n := range names {
		if strings.HasPrefix(lower, n) {
			return "did you mean " + n + "?"
		}
	}
	return "known are " + strings.Join(names, ", ")
}

func quote(s string) string { return fmt.Sprintf("%.80q", s) }
