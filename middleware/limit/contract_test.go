package limit_test

import (
	"testing"

	"github.com/skinflint-go/skinflint/middleware/limit"
	"github.com/skinflint-go/skinflint/middleware/limit/limittest"
	"github.com/skinflint-go/skinflint/policy"
)

func TestContract(t *testing.T) {
	limittest.Run(t, func(_ *testing.T, limits []policy.Limit, budgets []policy.Budget) limit.Limiter {
		return limit.NewLocal(limits, budgets)
	})
}

// A limiter that lacks features gets nothing of them.
func TestContractWithoutFeatures(t *testing.T) {
	limittest.Run(t, func(t *testing.T, limits []policy.Limit, budgets []policy.Budget) limit.Limiter {
		for _, l := range limits {
			if l.TokensPerMinute+l.InputTokensPerMinute+l.OutputTokensPerMinute+l.TokensPerDay != 0 || l.RequestsPerDay != 0 {
				t.Errorf("it gets %+v", l)
			}
		}
		if len(budgets) > 0 {
			t.Errorf("it gets %v", budgets)
		}
		return limit.NewLocal(limits, nil)
	}, limittest.Budgets, limittest.Tokens, limittest.Days, limittest.Classes)
}
