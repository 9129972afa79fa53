package price_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

func ExampleCatalog_Limits() {
	maxInput, maxOutput, ok := price.Embedded().Limits("gemini", "models/gemini-2.5-pro")
	fmt.Println(maxInput, maxOutput, ok)
	// Output: 1048576 65535 true
}

func ExampleCatalog_Models() {
	fmt.Println(price.Embedded().Models("zai"))
	// Output: [GLM-5.2 GLM-5.3 GLM-5.3-Flash]
}

func ExampleCatalog_Reviews() {
	fmt.Println(price.Embedded().Reviews(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)))
	// Output: [gemini/gemini-4-argon gemini/gemini-4-carbon openai/gpt-5.6-sol]
}

// A deployment's own name is priced as the model behind it, and says so.
func ExampleLayers() {
	user, err := price.Parse("user", strings.NewReader(`{"providers": {"azure": {
		"same_as": "openai",
		"models": {"prod-chat": {"same_as": "openai/gpt-5.4"}}
	}}}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	prices := price.Layers(user, price.Embedded())
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for _, model := range []string{"prod-chat", "o3"} {
		q := price.Query{Provider: "azure", Model: model, Tier: "standard", At: start}
		cost, err := prices.Cost(q, price.Usage{Input: 1_000})
		fmt.Println(cost.Cost, cost.PriceID, err)
	}
	// Output:
	// 0.0025 user/azure/prod-chat=embedded/openai/gpt-5.4/-/standard <nil>
	// 0.002 user/azure/o3=embedded/openai/o3/2025-06-10/standard <nil>
}
