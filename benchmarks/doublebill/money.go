package main

import (
	"fmt"

	"github.com/skinflint-go/skinflint/policy/price"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// money is what a client's calls cost. All but what was paid is our ledger's to know.
type money struct {
	paid     price.Sum // the meter's generations, at the catalog's prices
	cost     price.Sum // that the rows know
	exposure price.Sum // and what they say may be beyond it
}

// covered reports whether the ledger knows of no more than was paid, and allows for all of it.
func (m money) covered() bool {
	most := m.cost
	most.AddSum(m.exposure)
	return m.cost.Cmp(m.paid) <= 0 && m.paid.Cmp(most) <= 0
}

// priced reports whether the catalog has prices of the generation's own provider. Of Azure it has none.
func priced(g llmtest.Generation) bool { return len(price.Embedded().Models(g.Provider)) > 0 }

// paid is what a generation costs by the catalog, on the tier that served; at Azure, what it costs at OpenAI.
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

// tierOf is the catalog's name for the tier that served.
func tierOf(g llmtest.Generation) string {
	if g.Tier == "default" {
		return "standard"
	}
	return g.Tier
}

// dollars rounds an amount that is not negative to four decimals, halves up.
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
