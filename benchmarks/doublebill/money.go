package main

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// money is what a client's calls cost. Cost and exposure are zero for a client without a ledger.
type money struct {
	paid     price.Sum // the meter's generations, at the catalog's prices
	cost     price.Sum // the known costs of the rows
	exposure price.Sum // the exposures of the rows
}

// covered reports whether paid is at least the cost, and at most cost and exposure together.
func (m money) covered() bool {
	most := m.cost
	most.AddSum(m.exposure)
	return m.cost.Cmp(m.paid) <= 0 && m.paid.Cmp(most) <= 0
}

// priced reports whether the catalog has prices of the generation's provider. It has none of Azure.
func priced(g llmtest.Generation) bool { return len(price.Embedded().Models(g.Provider)) > 0 }

// paid returns what a generation costs by the catalog, on the tier that served. A generation of Azure is priced as OpenAI's.
func paid(g llmtest.Generation) (price.Pico, error) {
	provider := g.Provider
	if provider == "azure" {
		provider = "openai"
	}
	cost, err := price.Embedded().Cost(
		price.Query{Provider: provider, Model: g.Model, Tier: tierOf(g), At: g.At},
		price.Usage{Input: g.Prompt - g.Cached, CachedInput: g.Cached, Output: g.Completion, Reasoning: g.Reasoning},
	)
	return cost.Cost, err
}

// tierOf returns the catalog's name for the tier that served.
func tierOf(g llmtest.Generation) string {
	if g.Tier == "default" {
		return "standard"
	}
	return g.Tier
}

// dollars returns an amount that is not negative with four decimals, rounded half up.
func dollars(s price.Sum) string {
	p, ok := s.Pico()
	if !ok {
		return s.String()
	}
	const unit = price.USD / 10_000
	n := int64(p / unit)
	if p%unit >= unit/2 {
		n++
	}
	return fmt.Sprintf("%d.%04d", n/10_000, n%10_000)
}
