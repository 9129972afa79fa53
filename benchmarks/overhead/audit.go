package main

import (
	"fmt"
	"math/big"
	"sync/atomic"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// The prices of gpt-5 on the flex tier in US dollars per million tokens, and the usage in the answer. They are repeated
// here so that the catalog is not checked against itself.
const (
	inputPrice  = "0.625"
	outputPrice = "5"

	inputTokens  = 437
	outputTokens = 74 // including reasoning
)

// costOfCall returns the cost of a call in picodollars.
func costOfCall() (*big.Int, error) {
	cost := new(big.Rat)
	for _, part := range []struct {
		tokens int64
		price  string
	}{{inputTokens, inputPrice}, {outputTokens, outputPrice}} {
		dollars, ok := new(big.Rat).SetString(part.price)
		if !ok {
			return nil, fmt.Errorf("price %q", part.price)
		}
		cost.Add(cost, dollars.Mul(dollars, big.NewRat(part.tokens, 1_000_000)))
	}
	cost.Mul(cost, big.NewRat(1e12, 1))
	if !cost.IsInt() {
		return nil, fmt.Errorf("a call costs %s picodollars, which is no whole number", cost)
	}
	return cost.Num(), nil
}

// An audit is the store of a stack of ours. It checks every row, and adds it to the store that a stack has by default, so
// that the work of that store is measured as well.
type audit struct {
	memory *ledger.Memory
	asked  policy.Tier
	cost   price.Pico
	exact  *big.Int // cost
	rows   atomic.Int64
	wrong  atomic.Int64
	first  atomic.Pointer[ledger.Row] // the first wrong row
}

func newAudit(asked policy.Tier) (*audit, error) {
	exact, err := costOfCall()
	if err != nil {
		return nil, err
	}
	a := &audit{memory: ledger.NewMemory(0), asked: asked, cost: price.Pico(exact.Int64()), exact: exact}
	// The store starts full, like that of a program that has run for a while, so that no call pays for its growth.
	for range ledger.DefaultRows {
		a.memory.Add(ledger.Row{})
	}
	return a, nil
}

// Add checks a row and stores it.
func (a *audit) Add(r ledger.Row) {
	a.rows.Add(1)
	if r.Cost != ledger.Known(a.cost) || r.Outcome != policy.Billed || r.AskedTier != a.asked || r.ServedTier != policy.Flex {
		a.wrong.Add(1)
		wrong := r // only a wrong row moves to the heap
		a.first.CompareAndSwap(nil, &wrong)
	}
	a.memory.Add(r)
}

// check checks the ledger after this number of calls, and returns a line that says what was correct.
func (a *audit) check(calls int64) (string, error) {
	if r := a.first.Load(); r != nil {
		return "", fmt.Errorf("%d of %d rows are wrong; the first cost %s, want %s (%s, asked for %q, served %q, %s)",
			a.wrong.Load(), a.rows.Load(), r.Cost, a.cost, r.Outcome, r.AskedTier, r.ServedTier, r.Unpriced)
	}
	if n := a.rows.Load(); n != calls {
		return "", fmt.Errorf("%d calls, and %d rows in the ledger", calls, n)
	}
	// The ledger prints its sum in dollars with up to 12 decimals; total is in picodollars.
	total := new(big.Int).Mul(a.exact, big.NewInt(calls))
	got, ok := new(big.Rat).SetString(a.memory.Totals().Cost.String())
	if !ok || got.Mul(got, big.NewRat(1e12, 1)).Cmp(new(big.Rat).SetInt(total)) != 0 {
		return "", fmt.Errorf("the ledger's sum is %s, want %s picodollars", a.memory.Totals().Cost, total)
	}
	return fmt.Sprintf("%d rows cost exactly $%s each, $%s in all", calls, a.cost, a.memory.Totals().Cost), nil
}
