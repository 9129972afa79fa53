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
