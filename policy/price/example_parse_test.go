package price_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleParse() {
	contract, err := price.Parse("contract", strings.NewReader(`{"providers": {"openai": {"models": {"gpt-5": {
		"limits": {"max_input": 272000, "max_output": 128000},
		"periods": [{
			"from": "2026-01-01",
			"source": "our contract of 2025-12-18",
			"tiers": {"standard": [{"usd_per_million": {"input": "1", "cached_input": "0.1", "output": "8"}}]}
		}]
	}}}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	q := price.Query{Provider: "openai", Model: "gpt-5-2025-08-07", Tier: "standard", At: time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)}
	cost, err := contract.Cost(q, price.Usage{Input: 500, Output: 10})
	fmt.Println(cost.Cost, cost.PriceID, err)
	// Output: 0.00058 contract/openai/gpt-5/2026-01-01/standard <nil>
}
