package price_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

var september = time.Date(2026, 9, 20, 12, 0, 0, 0, time.UTC)

func ExampleLoadLiteLLM() {
	list := `{
		"gpt-example": {"litellm_provider": "openai", "mode": "chat",
			"input_cost_per_token": 2e-06, "input_cost_per_token_flex": 1e-06,
			"output_cost_per_token": 8e-06, "output_cost_per_token_flex": 4e-06},
		"wandb/slip": {"litellm_provider": "wandb", "mode": "chat", "input_cost_per_token": 0.135, "output_cost_per_token": 0.54}
	}`
	feed, err := price.LoadLiteLLM("litellm", strings.NewReader(list), price.FeedConfig{AsOf: september})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, w := range feed.Warnings {
		fmt.Println(w)
	}
	prices := price.Layers(feed.Catalog, price.Embedded())
	cost, err := prices.Cost(
		price.Query{Provider: "openai", Model: "gpt-example", Tier: "flex", At: september},
		price.Usage{Input: 1000, Output: 100},
	)
	fmt.Println(cost.Cost, cost.PriceID, err)
	// Output:
	// wandb/slip: input_cost_per_token: is $0.135 per token, above 1000 per million: a slip of unit? (refused)
	// 0.0014 litellm/openai/gpt-example/2026-09-20T12:00:00Z/flex <nil>
}

// The list states no price of cached audio. The embedded catalog has one, and the two agree on the rest.
func ExampleLayers_feed() {
	list := `{"gemini/gemini-2.5-flash": {"litellm_provider": "gemini", "input_cost_per_token": 3e-07,
		"cache_read_input_token_cost": 3e-08, "input_cost_per_audio_token": 1e-06, "output_cost_per_token": 2.5e-06}}`
	feed, err := price.LoadLiteLLM("litellm", strings.NewReader(list), price.FeedConfig{AsOf: september})
	if err != nil {
		fmt.Println(err)
		return
	}
	q := price.Query{Provider: "gemini", Model: "gemini-2.5-flash", Tier: "standard", At: september}
	usage := price.Usage{Input: 1000, CachedAudioInput: 1000}
	_, err = feed.Catalog.Cost(q, usage)
	fmt.Println(err)
	cost, err := price.Layers(feed.Catalog, price.Embedded()).Cost(q, usage)
	fmt.Println(cost.Cost, cost.PriceID, err)
	// Output:
	// price: unpriced: gemini/gemini-2.5-flash (standard): no price for cached_audio_input
	// 0.0004 embedded/gemini/gemini-2.5-flash/-/standard <nil>
}

func ExampleLoadGenAI() {
	list := `[{"id": "google", "models": [{
		"id": "gemini-example", "match": {"or": [{"equals": "gemini-example"}, {"equals": "gemini-example-preview"}]},
		"prices": [
			{"prices": {"input_mtok": 2, "output_mtok": 10}},
			{"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": 4, "output_mtok": 20}}
		]}]}]`
	feed, err := price.LoadGenAI("genai", strings.NewReader(list), price.FeedConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	q := price.Query{Provider: "gemini", Model: "gemini-example-preview", Tier: "standard"}
	for _, q.At = range []time.Time{september, september.AddDate(0, 3, 0)} {
		cost, err := feed.Catalog.Cost(q, price.Usage{Input: 1000})
		fmt.Println(cost.Cost, cost.PriceID, err)
	}
	// Output:
	// 0.002 genai/gemini/gemini-example/-/standard <nil>
	// 0.004 genai/gemini/gemini-example/2026-12-01/standard <nil>
}

func ExampleLoadPortkey() {
	// The prices are cents per token.
	list := `{"gpt-example": {"pricing_config": {
		"pay_as_you_go": {"request_token": {"price": 0.0002}, "response_token": {"price": 0.0008}},
		"batch_config": {"request_token": {"price": 0.0001}, "response_token": {"price": 0.0004}}}}}`
	feed, err := price.LoadPortkey("portkey", "openai", strings.NewReader(list), price.FeedConfig{AsOf: september})
	if err != nil {
		fmt.Println(err)
		return
	}
	cost, err := feed.Catalog.Cost(
		price.Query{Provider: "openai", Model: "gpt-example", Tier: "batch", At: september},
		price.Usage{Input: 1000, Output: 100},
	)
	fmt.Println(cost.Cost, err)
	// Output: 0.0014 <nil>
}

// A price that is more than ten times what it was is refused. With Strict, it refuses the whole list.
func ExampleFeedConfig() {
	yesterday := `{"m": {"litellm_provider": "acme", "input_cost_per_token": 2e-06}, "n": {"litellm_provider": "acme", "input_cost_per_token": 1e-06}}`
	today := `{"m": {"litellm_provider": "acme", "input_cost_per_token": 4.5e-05}, "n": {"litellm_provider": "acme", "input_cost_per_token": 1e-06}}`
	previous, err := price.LoadLiteLLM("litellm", strings.NewReader(yesterday), price.FeedConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	feed, err := price.LoadLiteLLM("litellm", strings.NewReader(today), price.FeedConfig{Previous: previous.Catalog})
	fmt.Println(feed.Catalog.Models("acme"), feed.Warnings, err)
	_, err = price.LoadLiteLLM("litellm", strings.NewReader(today), price.FeedConfig{Previous: previous.Catalog, Strict: true})
	fmt.Println(err)
	// Output:
	// [n] [m: standard: input: is $45 per million, where it was $2 per million before (refused)] <nil>
	// price: feed "litellm" (LiteLLM): m: standard: input: is $45 per million, where it was $2 per million before
}

// A list without dates says only what holds now. Continue keeps the prices that held until then.
func ExampleFeed_Continue() {
	october := september.AddDate(0, 1, 0)
	load := func(asOf time.Time, usdPerToken string) (*price.Feed, error) {
		list := `{"m": {"litellm_provider": "acme", "input_cost_per_token": ` + usdPerToken + `}}`
		return price.LoadLiteLLM("litellm", strings.NewReader(list), price.FeedConfig{AsOf: asOf})
	}
	before, err := load(september, "2e-06")
	if err != nil {
		fmt.Println(err)
		return
	}
	feed, err := load(october, "1e-06")
	if err != nil {
		fmt.Println(err)
		return
	}
	feed.Continue(before, october)
	q := price.Query{Provider: "acme", Model: "m", Tier: "standard"}
	for _, q.At = range []time.Time{october.Add(-time.Second), october} {
		cost, err := feed.Catalog.Cost(q, price.Usage{Input: 1_000_000})
		fmt.Println(cost.Cost, err)
	}
	// Output:
	// 2 <nil>
	// 1 <nil>
}
