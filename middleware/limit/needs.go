package limit

import (
	"slices"

	"github.com/skinflint-go/skinflint/policy"
)

// Needs are the parts of a [Request] that cost work, and that a [Limiter] reads: see [Needer].
type Needs struct {
	Tokens bool // Request.Tokens: the body is read for an estimate
	Cost   bool // Request.Cost, NoBound and Cheapest
	Key    bool // Request.Key
	Tier   bool // Request.Tier, also where budgets do not need it: an attempt whose tier changes while it waits asks anew
}

// NeedsOf returns what limits and budgets need.
func NeedsOf(limits []policy.Limit, budgets []policy.Budget) Needs {
	n := Needs{Cost: len(budgets) > 0}
	for i := range limits {
		l := &limits[i]
		n.Tokens = n.Tokens || l.Learn || l.TokensPerMinute > 0 || l.InputTokensPerMinute > 0 || l.OutputTokensPerMinute > 0 || l.TokensPerDay > 0
		n.Key = n.Key || slices.Contains(l.Per, "key") || l.Learn && l.Per == nil
		n.Tier = n.Tier || l.Tier != "" || slices.Contains(l.Per, "tier")
	}
	for i := range budgets {
		n.Key = n.Key || slices.Contains(budgets[i].Per, "key")
	}
	return n
}

// NeedsBy returns what a limiter needs.
func NeedsBy(l Limiter) Needs {
	if n, ok := l.(Needer); ok {
		return n.Needs()
	}
	return Needs{Tokens: true, Cost: true, Key: true, Tier: true}
}

// With returns the needs of both.
func (n Needs) With(other Needs) Needs {
	return Needs{n.Tokens || other.Tokens, n.Cost || other.Cost, n.Key || other.Key, n.Tier || other.Tier}
}
