package middleware

import (
	"strings"

	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// modelsWithPrices returns the models of each known provider that have a price.
func modelsWithPrices(catalog *price.Catalog, known []policy.Known) map[string][]string {
	modelsOf := make(map[string][]string)
	for _, k := range known {
		if _, ok := modelsOf[k.Provider]; !ok {
			modelsOf[k.Provider] = catalog.Models(k.Provider)
		}
	}
	return modelsOf
}

// mayBe reports whether a pattern fits a model, or a variant of it: "gpt-5-2025-08-07", "ft:gpt-4o:acme".
func mayBe(pattern, model string) bool {
	m := policy.Match{Model: pattern}
	return m.Matches(&policy.Subject{Model: model}, nil) || strings.HasPrefix(strings.TrimPrefix(literal(pattern), "ft:"), model)
}

// literal returns a pattern up to its first * or ?.
func literal(pattern string) string {
	if i := strings.IndexAny(pattern, "*?"); i >= 0 {
		return pattern[:i]
	}
	return pattern
}
