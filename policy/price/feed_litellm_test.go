package price

import (
	"strings"
	"testing"
)

func liteFixture(t testing.TB) *Feed {
	t.Helper()
	return loaded(t)(LoadLiteLLM("litellm", fixture(t, "litellm.json"), FeedConfig{}))
}

func TestLiteLLM(t *testing.T) {
	f := liteFixture(t)
	for _, c := range []feedCase{
		{model: "openai/gpt-long", usage: Usage{Input: 1e6 - 728000}, want: "0.68"},
		{model: "openai/gpt-long", usage: Usage{Input: 272001}, want: "1.360005"},
		{model: "openai/gpt-long", usage: Usage{Input: 100, CachedInput: 100, CacheWrite: 100, Output: 100}, want: "0.0020875"},
		{model: "openai/gpt-long", usage: Usage{Input: 270000, CachedInput: 5000, CacheWrite: 3000}, want: "1.37125"},
		{model: "openai/gpt-long", tier: "flex", usage: Usage{Input: 100, CachedInput: 100, Output: 100}, want: "0.000888"},
		{model: "openai/gpt-long", tier: "flex", usage: Usage{Input: 272001}, want: "long context"},
		{model: "openai/gpt-long", tier: "priority", usage: Usage{Input: 272001, Output: 1}, want: "2.720055"},
		{model: "openai/gpt-long", tier: "priority", usage: Usage{CachedInput: 272001}, want: "no price for cached_input"},
		{model: "openai/gpt-long", tier: "batch", usage: Usage{Input: 100, Output: 100}, want: "0.000875"},
		{model: "openai/gpt-long", tier: "batch", usage: Usage{CachedInput: 100}, want: "no price for cached_input"},
		{model: "openai/gpt-long", usage: Usage{Input: 300000, WebSearches: 2}, want: "1.52"},
		{model: "openai/gpt-long", usage: Usage{MapSearches: 1}, want: "no price for map_searches"},
		{model: "openai/gpt-flat", tier: "batch", usage: Usage{CachedInput: 100}, want: "no price for cached_input"},
		{model: "openai/gpt-flat", usage: Usage{WebSearches: 1}, want: "no price for web_searches"},
		{model: "azure/gpt-flat", usage: Usage{Input: 1}, want: "0.000001"},
		{model: "azure/gpt-quarrel", usage: Usage{Input: 1}, want: "no such model"},
		{model: "gemini/gemini-pro-fixture", usage: Usage{Input: 1000, AudioInput: 1000, Output: 1000, Reasoning: 900}, want: "0.01325"},
		{model: "gemini/gemini-pro-fixture", usage: Usage{Input: 200001, AudioInput: 1}, want: "no price for audio_input"},
		{model: "gemini/gemini-zero", usage: Usage{Input: 1000}, want: "0.000075"},
		{model: "gemini/gemini-zero", usage: Usage{Output: 1}, want: "no price for output"},
		{model: "vertex/claude-fixture@20260101", usage: Usage{Input: 1}, want: "0.000003"},
		{model: "anthropic/claude-fixture", usage: Usage{Input: 1, CacheWrite: 1, CacheWrite1h: 1}, want: "0.00001275"},
		{model: "anthropic/claude-fixture", usage: Usage{Input: 200000, CacheWrite1h: 1}, want: "1.200012"},
		{model: "anthropic/claude-fixture-20260203", usage: Usage{Input: 1}, want: "0.000003"},
		{model: "ollama/free", usage: Usage{Input: 1, Output: 1}, want: "0"},
		{model: "openai/text-embedding-fixture", usage: Usage{Input: 1}, want: "0.00000002"},
		{model: "openai/text-embedding-fixture", tier: "batch", usage: Usage{Input: 1}, want: "0.00000001"},
		{model: "openai/1024-x-1024/dall-e-fixture", want: "no such model"},
		{model: "openai/whisper-fixture", want: "no such model"},
		{model: "perplexity/sonar-research-fixture", want: "no such model"},
		{model: "openai/odd-input", usage: Usage{Input: 1}, want: "no price for input"},
		{model: "openai/odd-input", usage: Usage{Output: 1}, want: "0.000004"},
		{model: "openai/odd-output", usage: Usage{Input: 1}, want: "0.000001"},
		{model: "openai/odd-output", usage: Usage{Output: 1}, want: "no price for output"},
		{model: "openai/odd-both", want: "no such model"},
		{model: "openai/odd-null", usage: Usage{Input: 1}, want: "0.000001"},
		{model: "databricks/noise", usage: Usage{Input: 1e6}, want: "2.99999"},
	} {
		c.check(t, f)
	}
	for place, w := range map[string]struct {
		kind WarningKind
		text string
	}{
		"databricks/noise: input_cost_per_token":       {Rounded, "2.9999900000000002e-06"},
		"odd-input: input_cost_per_moonlit_token":      {Withheld, "not known here"},
		"odd-both: session_cost_per_hour":              {LeftOut, "not known here"},
		"wandb/slip: input_cost_per_token":             {Refused, "$0.135 per token, above 1000 per million"},
		"gpt-flat: search_context_cost_per_query":      {Withheld, "size of the context"},
		"azure_ai/gpt-quarrel":                         {LeftOut, "disagrees with azure/gpt-quarrel"},
		"gemini/gemini-zero: output":                   {Withheld, "is 0"},
		"1024-x-1024/dall-e-fixture":                   {LeftOut, "no price of anything that is counted"},
		"no-provider: litellm_provider":                {LeftOut, "missing"},
		"not-an-object":                                {LeftOut, "not an object"},
		"gemini/gemini-flash-latest":                   {LeftOut, "from time to time"},
		"dashscope/qwen-gap: tiered_pricing[1]: range": {Refused, "begins at 64000, where 32000 is due"},
	} {
		if !f.has(w.kind, place, w.text) {
			t.Errorf("no warning (%s) %s: %s", w.kind, place, w.text)
		}
	}
	if in, out, ok := f.Catalog.Limits("openai", "gpt-long"); in != 1050000 || out != 128000 || !ok {
		t.Errorf("limits %d, %d, %t", in, out, ok)
	}
	if f.Models != 16 || f.Skipped != 11 { // of 28 entries, of which two are one model's and agree
		t.Errorf("%d models and %d skipped", f.Models, f.Skipped)
	}
}

func TestLiteLLMRegional(t *testing.T) {
	f := liteFixture(t)
	cost, err := f.Catalog.Cost(Query{Provider: "openai", Model: "gpt-long", Tier: "standard", At: feedTime, Regional: true}, Usage{Input: 1000})
	if err != nil || cost.Cost != MustUSD("0.00275") {
		t.Errorf("%s, %v", cost.Cost, err)
	}
}

func TestLiteLLMAsOf(t *testing.T) {
	f := loaded(t)(LoadLiteLLM("litellm", fixture(t, "litellm.json"), FeedConfig{AsOf: feedTime}))
	feedCase{model: "openai/gpt-flat", usage: Usage{Input: 1}, at: feedTime.Add(-1), want: "no price at"}.check(t, f)
	feedCase{model: "openai/gpt-flat", usage: Usage{Input: 1}, at: feedTime, want: "0.000001"}.check(t, f)
	cost, err := f.Catalog.Cost(Query{Provider: "openai", Model: "gpt-flat", Tier: "standard", At: feedTime}, Usage{})
	if want := "litellm/openai/gpt-flat/2026-09-20T12:00:00Z/standard"; err != nil || cost.PriceID != want {
		t.Errorf("%s, %v, want %s", cost.PriceID, err, want)
	}
}

func TestTracker35TieredPricingOnly(t *testing.T) {
	f := liteFixture(t)
	for _, c := range []feedCase{
		{model: "dashscope/qwen-ranges", usage: Usage{Input: 256000, Output: 1}, want: "0.0128004"},
		{model: "dashscope/qwen-ranges", usage: Usage{Input: 256001}, want: "0.06400025"},
		{model: "dashscope/qwen-ranges", usage: Usage{Input: 1000001}, want: "long context"},
		{model: "dashscope/qwen-thinks", usage: Usage{Input: 1}, want: "0.000001"},
		{model: "dashscope/qwen-thinks", usage: Usage{Output: 1}, want: "no price for output"},
		{model: "dashscope/qwen-gap", usage: Usage{Input: 1}, want: "no such model"},
	} {
		c.check(t, f)
	}
}

func TestLiteLLMStated(t *testing.T) {
	f := loaded(t)(LoadLiteLLM("l", strings.NewReader(`{
		"m": {"litellm_provider": "p", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, "input_cost_per_audio_token": 3e-6,
			"input_cost_per_token_above_128k_tokens": 2e-6, "input_cost_per_token_batch": 5e-7, "input_cost_per_token_flex": 5e-7,
			"search_context_cost_per_query_flex": 0.01, "input_cost_per_token_fast": 6e-6},
		"gpt": {"litellm_provider": "openai", "input_cost_per_token": 1e-6, "input_cost_per_token_fast": 2e-6},
		"hit": {"litellm_provider": "p", "input_cost_per_token": 1e-6, "cache_read_input_token_cost": 1e-7, "input_cost_per_token_cache_hit": 2e-7},
		"search": {"litellm_provider": "p", "tiered_pricing": [{"max_results_range": [0, 25], "input_cost_per_query": 0.005}]}}`), FeedConfig{Strict: true}))
	for _, c := range []feedCase{
		{model: "p/m", usage: Usage{CachedInput: 1}, want: "no price for cached_input"},
		{model: "p/m", usage: Usage{CachedAudioInput: 1}, want: "no price for cached_audio_input"},
		{model: "p/m", usage: Usage{AudioInput: 1, Input: 128_000}, want: "no price for audio_input"},
		{model: "p/m", usage: Usage{Output: 1, Input: 128_001}, want: "no price for output"},
		{model: "p/m", tier: "flex", usage: Usage{Input: 1, WebSearches: 1}, want: "0.0100005"},
		{model: "p/m", usage: Usage{WebSearches: 1}, want: "no price for web_searches"},
		{model: "p/m", tier: "flex", usage: Usage{Output: 1}, want: "no price for output"},
		{model: "p/m", tier: "batch", usage: Usage{Input: 128_000}, want: "0.064"},
		{model: "p/m", tier: "batch", usage: Usage{Input: 128_001}, want: "long context"},
		{model: "p/m", tier: "priority", want: "no price for this tier"},
		{model: "openai/gpt", tier: "priority", usage: Usage{Input: 1}, want: "0.000002"},
		{model: "p/hit", usage: Usage{CachedInput: 1}, want: "no price for cached_input"},
		{model: "p/search", want: "no such model"},
	} {
		c.check(t, f)
	}
	if !f.has(Withheld, "hit: input_cost_per_token_cache_hit", "differs") || !f.has(LeftOut, "search: tiered_pricing[0]", "range of prompt lengths") {
		t.Error(f.Warnings)
	}
}

func FuzzLiteLLM(f *testing.F) {
	fuzzSeed(f, "litellm.json")
	f.Add(`{"a":{"litellm_provider":"xai","input_cost_per_token_above_1k_tokens":1e-6,"tiered_pricing":[{"range":[0,1],"input_cost_per_token":1}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		feed, err := LoadLiteLLM("f", strings.NewReader(text), FeedConfig{AsOf: feedTime})
		fuzzFeed(t, feed, err)
	})
}
