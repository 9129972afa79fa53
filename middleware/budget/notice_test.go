package budget_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/policy"
)

// A notice that more than the cap is spent says why.
func TestWhyTheCapIsExceeded(t *testing.T) {
	lower := func(a *budget.Accounts) {
		if err := a.Update([]policy.Budget{daily("4")}, false); err != nil {
			t.Fatal(err)
		}
	}
	for want, spend := range map[string]func(*budget.Accounts){
		"it cost more than was held for it": func(a *budget.Accounts) {
			hold := a.Hold(start, refs(a, "acme"), usd("6"))
			a.Settle(start, &hold, row("1", "acme", "11", start))
		},
		"nothing was held for it": func(a *budget.Accounts) {
			a.Spend(start, row("1", "acme", "11", start))
		},
		"the cap was lowered while as much was spent or held": func(a *budget.Accounts) {
			hold := a.Hold(start, refs(a, "acme"), usd("6"))
			lower(a)
			a.Settle(start, &hold, row("1", "acme", "5", start))
		},
		"what was spent beside it had nothing held": func(a *budget.Accounts) {
			hold := a.Hold(start, refs(a, "acme"), usd("6"))
			a.Spend(start, row("0", "acme", "8", start))
			a.Notices()
			a.Settle(start, &hold, row("1", "acme", "5", start))
		},
	} {
		a := budget.New([]policy.Budget{daily("10")})
		spend(a)
		if n := a.Notices(); len(n) != 1 || n[0].Kind != budget.Exceeded || n[0].Call != "1" || n[0].Why != want {
			t.Errorf("%v, want %s", n, want)
		}
	}
	// What is spent when the cap is lowered is noticed with the next row.
	a := budget.New([]policy.Budget{daily("10")})
	a.Spend(start, row("1", "acme", "6", start))
	lower(a)
	a.Spend(start, row("2", "acme", "0.1", start))
	if n := a.Notices(); len(n) != 1 || n[0].Why != "the cap was lowered while as much was spent or held" {
		t.Errorf("%v", n)
	}
	// Attempts that were admitted before a budget was there are no reason to blame their bound.
	a = budget.New([]policy.Budget{daily("10")})
	hold := a.Hold(start, refs(a, "acme"), usd("6"))
	fresh := daily("4")
	fresh.Name = "new"
	if err := a.Update([]policy.Budget{daily("10"), fresh}, false); err != nil {
		t.Fatal(err)
	}
	a.Settle(start, &hold, row("1", "acme", "5", start))
	if n := a.Notices(); len(n) != 1 || n[0].State.Budget.Name != "new" || n[0].Why != "nothing was held for it" {
		t.Errorf("%v", n)
	}
}
