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
		{model: "openai/gpt-tiers", usage: Usage{Input: 272001, Output: 1}, want: "1.3600275"},
		{model: "openai/gpt-tiers", usage: Usage{Input: 272001, WebSearches: 1}, want: "no price for web_searches"},
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
	// What the list does not state is not known, whether or not it has a price of cached tokens at another tier.
	f := liteFixture(t)
	feedCase{model: "openai/gpt-long", tier: "batch", usage: Usage{CachedInput: 1}, want: "no price for cached_input"}.check(t, f)
	feedCase{model: "openai/gpt-flat", tier: "batch", usage: Usage{CachedInput: 1}, want: "no price for cached_input"}.check(t, f)
}

// Entries whose names differ in the length of the prompt only are bands of one model.
func TestPortkeyBandsInNames(t *testing.T) {
	entry := func(name string, input, cached, batch string) string {
		return `"` + name + `": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": ` + input + `}, "cache_read_input_token": {"price": ` + cached +
			`}}, "batch_config": {"request_token": {"price": ` + batch + `}}}}`
	}
	list := "{" + strings.Join([]string{
		entry("pro-lte-128k", "1e-4", "1e-5", "5e-5"), entry("pro-gt-128k", "2e-4", "0", "1e-4"),
		entry("same-lte-128k", "1e-4", "1e-5", "5e-5"), entry("same-gt-128k", "1e-4", "1e-5", "5e-5"),
		entry("plain", "1e-4", "0", "5e-5"), entry("plain-lte-32k", "1e-4", "1e-5", "0"), entry("plain-gt-32k", "2e-4", "2e-5", "0"),
		entry("quarrel", "1e-4", "1e-5", "4e-5"), entry("quarrel-lte-32k", "1e-4", "2e-5", "5e-5"),
		entry("two-lte-128k", "1e-4", "1e-5", "0"), entry("two-gt-128k", "2e-4", "2e-5", "0"),
		entry("two-lte-200k", "1e-4", "1e-5", "0"), entry("two-gt-200k", "2e-4", "2e-5", "0"),
		entry("long-gt-1m", "2e-4", "2e-5", "0"),
		entry("strict-lt-200k", "1e-4", "0", "0"), entry("strict-gte-200k", "2e-4", "0", "0"),
		entry("gpt-4-32k", "3e-4", "0", "0"), entry("odd-gt-manyk", "3e-4", "0", "0"), entry("-gt-1k", "3e-4", "0", "0"),
	}, ", ") + "}"
	f := loaded(t)(LoadPortkey("portkey", "p", strings.NewReader(list), FeedConfig{}))
	for _, c := range []feedCase{
		{model: "p/pro", usage: Usage{Input: 128_000}, want: "0.128"},
		{model: "p/pro", usage: Usage{Input: 128_001}, want: "0.256002"},
		{model: "p/pro", usage: Usage{CachedInput: 1000}, want: "0.0001"},
		{model: "p/pro", usage: Usage{CachedInput: 128_001}, want: "no price for cached_input"},
		{model: "p/pro", tier: "batch", usage: Usage{Input: 128_000}, want: "0.064"},
		{model: "p/pro", tier: "batch", usage: Usage{Input: 128_001}, want: "0.128001"},
		{model: "p/pro-lte-128k", want: "no such model"},
		{model: "p/same", usage: Usage{Input: 1_000_000}, want: "1"},
		{model: "p/plain", usage: Usage{Input: 1000, CachedInput: 1000}, want: "0.0011"},
		{model: "p/plain", usage: Usage{Input: 32_001}, want: "0.064002"},
		{model: "p/plain", tier: "batch", usage: Usage{Input: 32_000}, want: "0.016"},
		{model: "p/plain", tier: "batch", usage: Usage{Input: 32_001}, want: "long context"},
		{model: "p/quarrel", usage: Usage{Input: 1000}, want: "0.001"},
		{model: "p/quarrel", usage: Usage{CachedInput: 1000}, want: "no price for cached_input"},
		{model: "p/quarrel", usage: Usage{Input: 32_001}, want: "long context"},
		{model: "p/quarrel", tier: "batch", usage: Usage{Input: 1}, want: "no price for this tier"},
		{model: "p/two", usage: Usage{Input: 128_000}, want: "0.128"},
		{model: "p/two", usage: Usage{Input: 128_001}, want: "long context"},
		{model: "p/long", want: "no such model"},
		{model: "p/strict", usage: Usage{Input: 199_999}, want: "0.199999"},
		{model: "p/strict", usage: Usage{Input: 200_000}, want: "0.4"},
		{model: "p/gpt-4-32k", usage: Usage{Input: 1_000_000}, want: "3"},
		{model: "p/odd-gt-manyk", usage: Usage{Input: 1}, want: "0.000003"},
		{model: "p/-gt-1k", usage: Usage{Input: 1}, want: "0.000003"},
	} {
		c.check(t, f)
	}
	for place, kind := range map[string]WarningKind{"quarrel: standard cached_input": Withheld, "quarrel: batch input": Withheld, "two: standard input": Withheld, "long": LeftOut} {
		if !f.has(kind, place, "") {
			t.Errorf("no warning (%s) %s: %v", kind, place, f.Warnings)
		}
	}
	if bands := f.Catalog.models[modelKey{"p", "same"}].periods[0].tiers[standard].bands; len(bands) != 1 {
		t.Errorf("equal bands are not one: %+v", bands)
	}
}

func TestPortkeyUnits(t *testing.T) {
	f := loaded(t)(LoadPortkey("portkey", "p", strings.NewReader(`{
		"m": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1e-4}, "cache_write_input_token": {"price": 1.25e-4},
			"response_token": {"price": 5e-4}, "additional_units": {"cache_write_1h": {"price": 2e-4}}}}},
		"image": {"pricing_config": {"pay_as_you_go": {"request_text_token": {"price": 5e-4}, "request_image_token": {"price": 8e-4},
			"response_image_token": {"price": 3e-3}, "cached_text_input_token": {"price": 1e-4}, "cache_read_text_input_token": {"price": 1e-4},
			"cached_image_input_token": {"price": 2e-4}, "cache_read_image_input_token": {"price": 3e-4}}}}}`), FeedConfig{}))
	for _, c := range []feedCase{
		{model: "p/m", usage: Usage{CacheWrite: 1000, CacheWrite1h: 1000}, want: "0.00325"},
		{model: "p/m", usage: Usage{CacheWrite12h: 1}, want: "no price for cache_write_12h"},
		{model: "p/image", usage: Usage{Input: 1000, CachedInput: 1000, ImageInput: 1000, ImageOutput: 1000}, want: "0.044"},
		{model: "p/image", usage: Usage{CachedImageInput: 1}, want: "no price for cached_image_input"}, // of two names, with two prices
	} {
		c.check(t, f)
	}
}

// A file without a price of what is counted is no error if its prices have the form of the others.
func TestPortkeyMediaOnly(t *testing.T) {
	for text, want := range map[string]string{
		`{"core": {"pricing_config": {"pay_as_you_go": {"image": {"default": {"default": {"price": 3}}}, "additional_units": {"video_seconds": {"price": 5}}}}}}`: "the file has prices of image, video_seconds",
		`{"default": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 0}}}}}`:                                                                     "nothing else has a price either",
	} {
		f, err := LoadPortkey("portkey", "stability-ai", strings.NewReader(text), FeedConfig{})
		if err != nil || f.Models != 0 || !f.has(LeftOut, "stability-ai", want) {
			t.Errorf("%s: %v, %v", text, f, err)
			continue
		}
		if _, err := Layers(f.Catalog, Embedded()).Cost(query("openai", "o3", "flex"), Usage{Input: 1}); err != nil {
			t.Error(err)
		}
	}
	for _, text := range []string{
		`{"core": {"prices": {"image": 3}}}`, `{"core": {"pricing_config": {}}}`,
		`{"core": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 100000}}}}}`,
	} {
		if f, err := LoadPortkey("portkey", "stability-ai", strings.NewReader(text), FeedConfig{}); err == nil {
			t.Errorf("%s: %+v", text, f)
		}
	}
}

func FuzzPortkey(f *testing.F) {
	fuzzSeed(f, "portkey.json")
	f.Fuzz(func(t *testing.T, text string) {
		feed, err := LoadPortkey("f", "xai", strings.NewReader(text), FeedConfig{AsOf: feedTime})
		fuzzFeed(t, feed, err)
	})
}
