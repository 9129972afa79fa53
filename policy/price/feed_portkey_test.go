package price

import (
	"strings"
	"testing"
)

func portFixture(t testing.TB) *Feed {
	t.Helper()
	return loaded(t)(LoadPortkey("portkey", "openai", fixture(t, "portkey.json"), FeedConfig{}))
}

func TestPortkey(t *testing.T) {
	f := portFixture(t)
	for _, c := range []feedCase{
		{model: "openai/gpt-tiers", usage: Usage{Input: 272000, Output: 1}, want: "0.680015"},
		{model: "openai/gpt-tiers", usage: Usage{Input: 272001, Output: 1, WebSearches: 1}, want: "1.3700275"},
		{model: "openai/gpt-tiers", usage: Usage{CachedInput: 272001}, want: "0.1360005"},
		{model: "openai/gpt-tiers", usage: Usage{CacheWrite: 1}, want: "no price for cache_write"},
		{model: "openai/gpt-tiers", tier: "flex", usage: Usage{Input: 1, CachedInput: 1}, want: "0.00000138"},
		{model: "openai/gpt-tiers", tier: "flex", usage: Usage{Input: 272001}, want: "long context"},
		{model: "openai/gpt-tiers", tier: "flex", usage: Usage{WebSearches: 1}, want: "no price for web_searches"},
		{model: "openai/gpt-tiers", tier: "batch", usage: Usage{Input: 1, Output: 1}, want: "0.00000875"},
		{model: "openai/gpt-tiers", tier: "batch", usage: Usage{CachedInput: 1}, want: "no price for cached_input"},
		{model: "openai/gpt-tiers", tier: "priority", usage: Usage{Input: 1}, want: "no price for this tier"},
		{model: "openai/gpt-plain", usage: Usage{Input: 1, Output: 1}, want: "0.00000075"},
		{model: "openai/gpt-plain", usage: Usage{CachedInput: 1}, want: "no price for cached_input"},
		{model: "openai/gpt-plain", tier: "batch", usage: Usage{Input: 1000}, want: "0.000075"},
		{model: "openai/gpt-thinks", usage: Usage{Output: 1}, want: "no price for output"},
		{model: "openai/gpt-regions", want: "no such model"},
		{model: "openai/gpt-nothing", want: "no such model"},
		{model: "openai/gpt-odd", want: "no such model"},
		{model: "openai/gpt-slip", want: "no such model"},
		{model: "openai/sora-fixture", want: "no such model"},
		{model: "openai/default", want: "no such model"},
	} {
		c.check(t, f)
	}
	cost, err := f.Catalog.Cost(Query{Provider: "openai", Model: "gpt-tiers", Tier: "standard", At: feedTime, Regional: true}, Usage{Input: 1000})
	if err != nil || cost.Cost != MustUSD("0.00275") {
		t.Errorf("regional: %s, %v", cost.Cost, err)
	}
	if _, err := LoadPortkey("p", "", fixture(t, "portkey.json"), FeedConfig{}); err == nil {
		t.Error("a file of no provider was taken")
	}
}

func TestTracker28BatchCached(t *testing.T) {
	// The list has a price of cached tokens at another tier: what they cost in a batch is not known. Where it has none at
	// all, there is no discount.
	f := liteFixture(t)
	feedCase{model: "openai/gpt-long", tier: "batch", usage: Usage{CachedInput: 1}, want: "no price for cached_input"}.check(t, f)
	feedCase{model: "openai/gpt-flat", tier: "batch", usage: Usage{CachedInput: 1}, want: "0.0000005"}.check(t, f)
}

func FuzzPortkey(f *testing.F) {
	fuzzSeed(f, "portkey.json")
	f.Fuzz(func(t *testing.T, text string) {
		feed, err := LoadPortkey("f", "xai", strings.NewReader(text), FeedConfig{AsOf: feedTime})
		fuzzFeed(t, feed, err)
	})
}
