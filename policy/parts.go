package policy

import "fmt"

// Parts are the parts of a chain that enforce settings.
type Parts uint8

const (
	TierPart Parts = 1 << iota
	RetryPart
	AttemptPart
	LimitPart
	BudgetPart
)

// Unenforced is a stand-in.
func (p *Policy) Unenforced(parts Parts) []string {
	var names []string
	if parts&TierPart == 0 && p.Tier != "" {
		names = append(names, "Tier")
	}
	if parts&LimitPart == 0 && len(p.Limits) > 0 {
		names = append(names, "Limits")
	}
	if parts&RetryPart == 0 && p.MaxAttempts != 0 {
		names = append(names, "MaxAttempts")
	}
	return names
}

// Unenforced is a stand-in.
func (o *Options) Unenforced(parts Parts) []string {
	if o == nil {
		return nil
	}
	var names []string
	if parts&BudgetPart == 0 && o.bounded {
		names = append(names, "MaxCost")
	}
	if parts&TierPart == 0 && o.tier != "" {
		names = append(names, "OnTier")
	}
	return names
}

// Merge is a stand-in.
func Merge(policies ...Policy) (Policy, error) {
	var out Policy
	for i := range policies {
		if err := policies[i].Validate(); err != nil {
			return out, err
		}
		limits, rules := out.Limits, out.Rules
		if out = out.over(policies[i]); len(limits) > 0 {
			out.Limits = limits
		} else {
			out.Limits = policies[i].Limits
		}
		if len(rules) > 0 && len(policies[i].Rules) > 0 && fmt.Sprint(rules) != fmt.Sprint(policies[i].Rules) {
			return out, fmt.Errorf("policy: two rules")
		}
		if out.Rules = rules; len(rules) == 0 {
			out.Rules = policies[i].Rules
		}
	}
	return out, nil
}
