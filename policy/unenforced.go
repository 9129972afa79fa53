package policy

import "fmt"

// Unenforced returns the fields of p that are set and that the parts do not enforce, its rules' fields included:
// "Patience", "Limits", "Rules[2].Set.MaxWait". It returns nil if there is none.
func (p *Policy) Unenforced(parts Parts) []string {
	fields := p.unenforced(nil, "", parts)
	for i := range p.Rules {
		fields = p.Rules[i].Set.unenforced(fields, fmt.Sprintf("Rules[%d].Set.", i), parts)
	}
	return fields
}

// unenforced appends the fields of p, without those of its rules.
func (p *Policy) unenforced(fields []string, prefix string, parts Parts) []string {
	for i := range table {
		r := &table[i]
		if parts&r.part != r.part && r.value.isSet(p) {
			fields = append(fields, prefix+r.key.Field)
		}
	}
	if parts&LimitPart == 0 && len(p.Limits) > 0 {
		fields = append(fields, prefix+"Limits")
	}
	if parts&BudgetPart == 0 && len(p.Budgets) > 0 {
		fields = append(fields, prefix+"Budgets")
	}
	return fields
}

// Unenforced returns the names of the options that none of the parts enforces: "OnTier" and "FallBackTo" need
// [TierPart], "MaxCost" needs [BudgetPart], "AllowDoubleBilling" and "MaxAttempts" need [RetryPart]. MaxAttempts(1) needs
// none, as a chain without that part sends a call once; nor does AsClass, as nothing waits in a chain without [ClassPart]. The
// other options need no part. It returns nil if there is none, and for a nil o.
func (o *Options) Unenforced(parts Parts) []string {
	if o == nil || o.needs&^parts == 0 {
		return nil
	}
	return o.unenforced(parts)
}

// unenforced is a function of its own so that the compiler can inline Unenforced, which usually has nothing to do.
func (o *Options) unenforced(parts Parts) []string {
	var names []string
	for _, option := range []struct {
		name string
		set  bool
		part Parts
	}{
		{"OnTier", o.tier != "", TierPart},
		{"FallBackTo", o.fallback != "", TierPart},
		{"MaxAttempts", o.attempts > 1, RetryPart},
		{"AllowDoubleBilling", o.double, RetryPart},
		{"MaxCost", o.bounded, BudgetPart},
	} {
		if option.set && parts&option.part == 0 {
			names = append(names, option.name)
		}
	}
	return names
}
