package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/internal/spell"
)

// A Known is a kind of call that exists, and that rules, limits and budgets can therefore select: an operation of a provider.
type Known struct {
	Provider  string
	Operation string
	Tiers     []Tier // that the operation accepts
	Free      bool   // it costs nothing, so no limit holds it back, and no budget counts it

	// What of [Cache] has an effect on it.
	Caches     bool // it can read an explicit cache
	Compatible bool // it does so only under Cache.Compatible
	Writes     bool // under Cache.Writes
	Key        bool // under Cache.Key
}

// Unmatched returns an error for each [Match] of the policy that can select nothing, because it names a provider or an
// operation that is not among the known ones: "Rules[0].Match.Provider". So are a limit and a budget that select only calls
// that cost nothing, and the Tier of a limit if no call that it selects takes the tier. It returns nil if there is none.
func (p *Policy) Unmatched(known []Known) (errs []*FieldError) {
	for i := range p.Rules {
		if err := p.Rules[i].Match.unmatched(fmt.Sprintf("Rules[%d].Match.", i), known); err != nil {
			errs = append(errs, err)
		}
	}
	for i := range p.Limits {
		l, prefix := &p.Limits[i], fmt.Sprintf("Limits[%d].", i)
		err := l.Match.unmatchedOrFree(prefix+"Match.", known, ", and limits do not hold such calls back")
		if err == nil {
			err = l.tierNotTaken(prefix, known)
		}
		if err != nil {
			errs = append(errs, err)
		}
	}
	for i := range p.Budgets {
		if err := p.Budgets[i].Match.unmatchedOrFree(fmt.Sprintf("Budgets[%d].Match.", i), known, ", so there is nothing to bound"); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// unmatchedOrFree is unmatched, and also returns an error if m selects only calls that cost nothing.
func (m *Match) unmatchedOrFree(prefix string, known []Known, so string) *FieldError {
	if err := m.unmatched(prefix, known); err != nil {
		return err
	}
	if len(fitting(known, func(k Known) bool { return !k.Free && m.fitsKnown(k) })) > 0 {
		return nil
	}
	if m.Operation == "" {
		return &FieldError{prefix + "Provider", quote(m.Provider), "its calls cost nothing" + so}
	}
	return &FieldError{prefix + "Operation", quote(m.Operation), "its calls cost nothing" + so}
}

// tierNotTaken returns an error if no call that the limit selects takes its tier.
func (l *Limit) tierNotTaken(prefix string, known []Known) *FieldError {
	takes := func(k Known) bool { return !k.Free && l.Match.fitsKnown(k) && slices.Contains(k.Tiers, l.Tier) }
	if l.Tier == "" || len(fitting(known, takes)) > 0 {
		return nil
	}
	return &FieldError{prefix + "Tier", l.Tier, fmt.Sprintf("no call that the limit matches (%s) takes this tier", l.Match)}
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
