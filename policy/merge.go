package policy

import (
	"fmt"
	"reflect"
)

// Merge returns one policy for links that were each given their own. Each field, Limits, Budgets and Rules included, has the value
// that it has in the policies that set it. If two policies have different values, the error is a [*FieldError], so that
// neither wins in silence. The result may be invalid although each policy is valid: see [Policy.Validate]. It shares
// nothing with the policies.
func Merge(policies ...Policy) (Policy, error) {
	var out Policy
	for i := range policies {
		given := policies[i].clone()
		p := &given
		for j := range table {
			r := &table[j]
			if r.value.isSet(&out) && r.value.isSet(p) && r.value.text(&out) != r.value.text(p) {
				return Policy{}, &FieldError{r.key.Field, r.value.text(p), "another policy of the same chain says " + r.value.text(&out)}
			}
			r.value.inherit(&out, p)
		}
		var err error
		if out.Limits, err = oneList("Limits", out.Limits, p.Limits); err != nil {
			return Policy{}, err
		}
		if out.Budgets, err = oneList("Budgets", out.Budgets, p.Budgets); err != nil {
			return Policy{}, err
		}
		if out.Rules, err = oneList("Rules", out.Rules, p.Rules); err != nil {
			return Policy{}, err
		}
	}
	return out, nil
}

// oneList returns the list that is not empty. Two lists that are not empty must be equal.
func oneList[T any](field string, a, b []T) ([]T, error) {
	switch {
	case len(b) == 0:
		return a, nil
	case len(a) == 0 || reflect.DeepEqual(a, b):
		return b, nil
	}
	return nil, &FieldError{field, fmt.Sprintf("a list of %d", len(b)), "another policy of the same chain has a different list"}
}
