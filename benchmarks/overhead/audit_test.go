package main

import (
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

func TestAudit(t *testing.T) {
	good := func(a *audit) ledger.Row {
		return ledger.Row{Attempt: 1, Cost: ledger.Known(a.cost), Outcome: policy.Billed, AskedTier: policy.Flex, ServedTier: policy.Flex}
	}
	for _, c := range []struct {
		name, want string
		spoil      func(*ledger.Row)
		calls      int64
	}{
		{"right", "", func(*ledger.Row) {}, 2},
		{"a picodollar too much", "2 of 2 rows are wrong", func(r *ledger.Row) { r.Cost.Pico++ }, 2},
		{"unknown cost", "2 of 2 rows are wrong", func(r *ledger.Row) { r.Cost = ledger.Amount{} }, 2},
		{"another tier", "2 of 2 rows are wrong", func(r *ledger.Row) { r.ServedTier = policy.Standard }, 2},
		{"a call without a row", "3 calls, and 2 rows", func(*ledger.Row) {}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, err := newAudit(policy.Flex)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				r := good(a)
				c.spoil(&r)
				a.Add(r)
			}
			_, err = a.check(c.calls)
			wantError(t, err, c.want)
		})
	}
}
