package price

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

var feedTime = time.Date(2026, 9, 20, 12, 0, 0, 0, time.UTC)

// fixture opens a list written for these tests, in the form of a published one.
func fixture(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open("testdata/feeds/" + name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func liteFixture(t testing.TB, options ...FeedOption) *Feed {
	t.Helper()
	return loaded(t)(LoadLiteLLM("litellm", fixture(t, "litellm.json"), time.Time{}, options...))
}

func genFixture(t testing.TB, options ...FeedOption) *Feed {
	t.Helper()
	return loaded(t)(LoadGenAI("genai", fixture(t, "genai.json"), options...))
}

func portFixture(t testing.TB, options ...FeedOption) *Feed {
	t.Helper()
	return loaded(t)(LoadPortkey("portkey", "openai", fixture(t, "portkey.json"), time.Time{}, options...))
}

func loaded(t testing.TB) func(*Feed, error) *Feed {
	return func(f *Feed, err error) *Feed {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
}

// feedCase is a usage and what it costs by a feed, or what its error says.
type feedCase struct {
	model, tier string // provider/model
	usage       Usage
	at          time.Time
	want        string
}

func (c feedCase) check(t *testing.T, f *Feed) {
	t.Helper()
	if c.tier == "" {
		c.tier = "standard"
	}
	if c.at.IsZero() {
		c.at = feedTime
	}
	provider, model, _ := strings.Cut(c.model, "/")
	cost, err := f.Catalog.Cost(Query{Provider: provider, Model: model, Tier: c.tier, At: c.at}, c.usage)
	got := cost.Cost.String()
	if err != nil {
		got = err.Error()
	}
	if got != c.want && (err == nil || !strings.Contains(got, c.want)) {
		t.Errorf("%s (%s) %+v at %s: %s, want %s", c.model, c.tier, c.usage, c.at.Format(time.RFC3339), got, c.want)
	}
}

// has says whether there is a warning of that kind, about that place, with that text in it.
func (f *Feed) has(kind WarningKind, place, text string) bool {
	for _, w := range f.Warnings {
		if w.Kind == kind && strings.HasPrefix(w.String(), place) && strings.Contains(w.Text, text) {
			return true
		}
	}
	return false
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
		{model: "openai/gpt-flat", tier: "batch", usage: Usage{CachedInput: 100}, want: "0.00005"},
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
	f := loaded(t)(LoadLiteLLM("litellm", fixture(t, "litellm.json"), feedTime))
	feedCase{model: "openai/gpt-flat", usage: Usage{Input: 1}, at: feedTime.Add(-1), want: "no price at"}.check(t, f)
	feedCase{model: "openai/gpt-flat", usage: Usage{Input: 1}, at: feedTime, want: "0.000001"}.check(t, f)
	cost, err := f.Catalog.Cost(Query{Provider: "openai", Model: "gpt-flat", Tier: "standard", At: feedTime}, Usage{})
	if want := "litellm/openai/gpt-flat/2026-09-20T12:00:00Z/standard"; err != nil || cost.PriceID != want {
		t.Errorf("%s, %v, want %s", cost.PriceID, err, want)
	}
}

func TestGenAI(t *testing.T) {
	f := genFixture(t)
	day := func(s string) time.Time {
		at, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	before, after := day("2026-03-12T23:59:59Z"), day("2026-03-13T00:00:00Z")
	for _, c := range []feedCase{
		{model: "anthropic/claude-fixture", usage: Usage{Input: 200000, Output: 1}, at: before, want: "1.000025"},
		{model: "anthropic/claude-fixture", usage: Usage{Input: 200001, CachedInput: 1}, at: before, want: "2.0000105"},
		{model: "anthropic/claude-fixture", usage: Usage{Input: 200001, Output: 1}, at: after, want: "1.00003"},
		{model: "anthropic/claude-fixture", usage: Usage{CacheWrite1h: 1}, at: before, want: "0.00001"},
		{model: "anthropic/claude-fixture", usage: Usage{CacheWrite1h: 1}, at: after, want: "no price for cache_write_1h"},
		{model: "anthropic/claude-fixture", tier: "flex", usage: Usage{Input: 1}, want: "no price for this tier"},
		{model: "anthropic/claude-fixture-mini", usage: Usage{Input: 1, WebSearches: 1}, want: "0.010001"},
		{model: "anthropic/fixture-claude", usage: Usage{Input: 1}, want: "0.000005"},
		{model: "anthropic/old-fixture", usage: Usage{Input: 1}, want: "0.000005"},
		{model: "anthropic/claude-fixture-2-turbo", usage: Usage{Input: 1}, want: "no such model"},
		{model: "gemini/gemini-fixture", usage: Usage{Input: 1}, want: "0.00000125"},
		{model: "gemini/gemini-fixture-image", usage: Usage{ImageOutput: 1}, want: "0.00003"},
		{model: "gemini/gemini-image-latest", usage: Usage{Input: 1}, want: "no such model"},
		{model: "gemini/gemini-fixture-preview-tts", usage: Usage{Input: 1}, want: "0.000001"},
		{model: "deepseek/deepseek-fixture", usage: Usage{Input: 1e6}, at: day("2026-09-20T00:29:59Z"), want: "0.135"},
		{model: "deepseek/deepseek-fixture", usage: Usage{Input: 1e6}, at: day("2026-09-20T00:30:00Z"), want: "0.27"},
		{model: "deepseek/deepseek-fixture", usage: Usage{Input: 1e6}, at: day("2026-09-20T16:30:00Z"), want: "0.135"},
		{model: "deepseek/deepseek-night", usage: Usage{Input: 1e6}, at: day("2026-08-16T12:00:00Z"), want: "1"},
		{model: "deepseek/deepseek-night", usage: Usage{Input: 1e6}, at: day("2026-08-17T12:00:00Z"), want: "2"},
		{model: "deepseek/deepseek-night", usage: Usage{Input: 1e6}, at: day("2026-08-17T22:00:00Z"), want: "0.5"},
		{model: "deepseek/deepseek-night", usage: Usage{Input: 1e6}, at: day("2026-08-18T01:59:59Z"), want: "0.5"},
		{model: "deepseek/deepseek-night", usage: Usage{Input: 1e6}, at: day("2026-08-18T02:00:00Z"), want: "2"},
		{model: "xai/grok-voice", want: "no such model"},
		{model: "perplexity/sonar-research", want: "no such model"},
		{model: "perplexity/sonar-slip", want: "no such model"},
		{model: "perplexity/sonar-reasons", usage: Usage{Input: 1}, want: "0.000002"},
		{model: "perplexity/sonar-reasons", usage: Usage{Output: 1}, want: "no price for output"},
	} {
		c.check(t, f)
	}
	if !f.has(Withheld, "google/gemini-fixture-image: match", "not understood") {
		t.Error("no warning of a match with a lookahead")
	}
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
	if _, err := LoadPortkey("p", "", fixture(t, "portkey.json"), time.Time{}); err == nil {
		t.Error("a file of no provider was taken")
	}
}

func TestTracker16Boundary(t *testing.T) {
	for _, c := range []struct {
		feed  *Feed
		model string
		n     int64 // of the first long prompt
	}{
		{liteFixture(t), "openai/gpt-long", 272001},
		{liteFixture(t), "gemini/gemini-pro-fixture", 200001},
		{liteFixture(t), "xai/grok-fixture", 200000},
		{genFixture(t), "xai/grok-fixture", 200000},
		{portFixture(t), "openai/gpt-tiers", 272001},
	} {
		provider, model, _ := strings.Cut(c.model, "/")
		price := func(n int64) Pico {
			cost, err := c.feed.Catalog.Cost(Query{Provider: provider, Model: model, Tier: "standard", At: feedTime}, Usage{Input: n})
			if err != nil {
				t.Fatal(err)
			}
			return cost.Cost / Pico(n)
		}
		if short, long := price(c.n-1), price(c.n); long != 2*short || price(1) != short || price(c.n+1) != long {
			t.Errorf("%s: %s below %d tokens and %s from there on", c.model, short, c.n, long)
		}
	}
}

func TestTracker28BatchCached(t *testing.T) {
	// The list has a price of cached tokens at another tier: what they cost in a batch is not known. Where it has none at
	// all, there is no discount.
	f := liteFixture(t)
	feedCase{model: "openai/gpt-long", tier: "batch", usage: Usage{CachedInput: 1}, want: "no price for cached_input"}.check(t, f)
	feedCase{model: "openai/gpt-flat", tier: "batch", usage: Usage{CachedInput: 1}, want: "0.0000005"}.check(t, f)
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

func TestTracker36ExactBeforeMatch(t *testing.T) {
	f := genFixture(t)
	for _, c := range []feedCase{
		// claude-fixture's match takes anything that begins so, and stands first.
		{model: "anthropic/claude-fixture-mini", usage: Usage{Input: 1}, want: "0.000001"},
		{model: "anthropic/claude-fixture-mini-20260401", usage: Usage{Input: 1}, want: "0.000001"},
		{model: "gemini/gemini-fixture-tts", usage: Usage{AudioOutput: 1}, want: "0.00002"},
		{model: "gemini/gemini-fixture-preview-tts", usage: Usage{AudioOutput: 1}, want: "0.00002"},
	} {
		c.check(t, f)
	}
	feedCase{model: "gemini/gemini-flash-latest", usage: Usage{Input: 1}, want: "no such model"}.check(t, liteFixture(t))
}

func TestTracker38UnitSlip(t *testing.T) {
	list := `{"a": {"litellm_provider": "openai", "input_cost_per_token": 2.5, "output_cost_per_token": 1e-5},
		"b": {"litellm_provider": "openai", "input_cost_per_token": 1e-3, "output_cost_per_token": 1e-5}}`
	f := loaded(t)(LoadLiteLLM("l", strings.NewReader(list), time.Time{}))
	if f.Models != 1 || f.Skipped != 1 || !f.has(Refused, "a: input_cost_per_token", "above 1000 per million") {
		t.Errorf("%+v", f)
	}
	_, err := LoadLiteLLM("l", strings.NewReader(list), time.Time{}, Strict())
	if want := "a: input_cost_per_token: is $2.5 per token, above 1000 per million"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = LoadLiteLLM("l", strings.NewReader(strings.Replace(list, "1e-3", "1", 1)), time.Time{})
	if err == nil {
		t.Error("a list of slips was taken")
	}
	for _, price := range []string{"-1e-6", `"1e-6"`, "true", "[1]", "1e-999", "1e999", "1.00000000000000000000000000000000000000000000000000000000000000001e-6"} {
		f, err := LoadLiteLLM("l", strings.NewReader(strings.Replace(list, "2.5", price, 1)), time.Time{})
		if err != nil || f.Models != 1 || !f.has(Refused, "a: input_cost_per_token", "") {
			t.Errorf("a price of %s was taken: %v", price, err)
		}
	}
}

func TestAgainst(t *testing.T) {
	// As when the price of storage was entered as that of a cached token: $4.50, not $0.20.
	list := func(cached string) io.Reader {
		return strings.NewReader(`{"m": {"litellm_provider": "gemini", "input_cost_per_token": 2e-6, "cache_read_input_token_cost": ` + cached +
			`, "output_cost_per_token": 12e-6}, "n": {"litellm_provider": "gemini", "input_cost_per_token": 1e-6}}`)
	}
	previous := loaded(t)(LoadLiteLLM("old", list("2e-7"), time.Time{})).Catalog
	for cached, refused := range map[string]bool{"2e-7": false, "2e-6": false, "2.000001e-6": true, "4.5e-6": true, "2e-8": false, "1.9e-8": true} {
		f := loaded(t)(LoadLiteLLM("new", list(cached), feedTime, Against(Layers(nil, previous, Embedded()))))
		if got := f.has(Refused, "m: standard: cached_input", "where it was $0.2 per million before"); got != refused {
			t.Errorf("cached at %s: refused %t: %v", cached, got, f.Warnings)
		}
		if _, err := LoadLiteLLM("new", list(cached), feedTime, Against(previous), Strict()); (err != nil) != refused {
			t.Errorf("cached at %s, strict: %v", cached, err)
		}
	}
}

func TestFeedRefusedWhole(t *testing.T) {
	loaders := map[string]func(io.Reader) (*Feed, error){
		"LiteLLM": func(r io.Reader) (*Feed, error) { return LoadLiteLLM("x", r, feedTime) },
		"GenAI":   func(r io.Reader) (*Feed, error) { return LoadGenAI("x", r) },
		"Portkey": func(r io.Reader) (*Feed, error) { return LoadPortkey("x", "openai", r, feedTime) },
	}
	for name, load := range loaders {
		for _, text := range []string{"", "null", "1", "{}", "[]", `{"a": {}}`, `[{"id": "a"}]`, `[{"id": ""}]`, `[1]`, `{"a": 1} x`, `[{"id": "a", "models": [1]}]`} {
			if f, err := load(strings.NewReader(text)); err == nil || f != nil {
				t.Errorf("%s took %s", name, text)
			} else if !strings.HasPrefix(err.Error(), `price: feed "x" (`) {
				t.Errorf("%s: %s: %v", name, text, err)
			}
		}
		if _, err := load(failingReader{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestFeedWarningsBounded(t *testing.T) {
	var list strings.Builder
	list.WriteString(`{"ok": {"litellm_provider": "p", "input_cost_per_token": 1e-6}`)
	for i := range maxWarnings + 7 {
		fmt.Fprintf(&list, `, "%d": 1`, i)
	}
	list.WriteString("}")
	f := loaded(t)(LoadLiteLLM("l", strings.NewReader(list.String()), time.Time{}))
	if len(f.Warnings) != maxWarnings || f.Dropped != 7 || f.Skipped != maxWarnings+7 {
		t.Errorf("%d warnings, %d dropped, %d skipped", len(f.Warnings), f.Dropped, f.Skipped)
	}
}

func TestPicoOf(t *testing.T) {
	for _, c := range []struct {
		text  string
		shift int
		want  Pico
		exact bool
	}{
		{"2.5e-06", 0, 2_500_000, true},
		{"0.0000025", 0, 2_500_000, true},
		{"2.9999900000000002e-06", 0, 2_999_990, false},
		{"2.5", -6, 2_500_000, true},
		{"0.00025", -2, 2_500_000, true},
		{"10", -3, 10_000_000_000, true},
		{"0.0", -6, 0, true},
		{"-0", 0, 0, true},
		{"1E-12", 0, 1, true},
		{"5e-13", 0, 0, false},
		{"15e-13", 0, 2, false},
		{"25e-13", 0, 2, false},
		{"2500000e-12", 0, 2_500_000, true},
		{"1e+2", -3, USD / 10, true},
		{"20e-13", 0, 2, true},
		{"2.0e-12", 0, 2, true},
	} {
		got, exact, err := picoOf([]byte(c.text), c.shift)
		if err != nil || got != c.want || exact != c.exact {
			t.Errorf("%s, shift %d: %d, %t, %v, want %d, %t", c.text, c.shift, got, exact, err, c.want, c.exact)
		}
	}
}

func TestClause(t *testing.T) {
	for _, c := range []struct {
		clause, name string
		want         bool
	}{
		{`{"equals": "A"}`, "a", true},
		{`{"starts_with": "gpt-"}`, "GPT-5", true},
		{`{"ends_with": "-5"}`, "gpt-5", true},
		{`{"contains": "t-"}`, "gpt-5", true},
		{`{"contains": "x"}`, "gpt-5", false},
		{`{"regex": "^gpt-\\d$"}`, "GPT-5", true},
		{`{"regex": "^(?!.*-tts(?:$|-))"}`, "a-TTS", false},
		{`{"regex": "^(?!.*-tts(?:$|-))"}`, "a-ttsx", true},
		{`{"regex": "^(?!a)b(c)"}`, "bc", false}, // a lookahead that is not all of it is not understood
		{`{"or": [{"equals": "a"}, {"equals": "b"}]}`, "b", true},
		{`{"and": [{"starts_with": "a"}, {"ends_with": "b"}]}`, "axb", true},
		{`{"and": [{"starts_with": "a"}, {"ends_with": "b"}]}`, "ax", false},
		{`{"and": [{"starts_with": "a"}, {"sounds_like": "b"}]}`, "ab", false},
		{`{"and": []}`, "a", false},
		{`{}`, "", false},
		{`{"equals": ""}`, "", false},
	} {
		got, _ := parseClause([]byte(c.clause), 0)
		if got.match(c.name) != c.want {
			t.Errorf("%s matches %q: %t", c.clause, c.name, !c.want)
		}
	}
}

func TestFeedOddities(t *testing.T) {
	lite := func(fields string) func() (*Feed, error) {
		return func() (*Feed, error) {
			return LoadLiteLLM("x", strings.NewReader(`{"ok": {"litellm_provider": "p", "input_cost_per_token": 1e-6},
				"m": {"litellm_provider": "p", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, `+fields+`}}`), time.Time{})
		}
	}
	gen := func(prices string) func() (*Feed, error) {
		return func() (*Feed, error) {
			return LoadGenAI("x", strings.NewReader(`[{"id": "p", "models": [{"id": "ok", "prices": {"input_mtok": 1}}, {"id": "m", "prices": `+prices+`}]}]`))
		}
	}
	port := func(model string) func() (*Feed, error) {
		return func() (*Feed, error) {
			return LoadPortkey("x", "p", strings.NewReader(`{"ok": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1e-4}}}}, "m": `+model+`}`), time.Time{})
		}
	}
	timed := func(constraint string) func() (*Feed, error) {
		return gen(`[{"prices": {"input_mtok": 1}}, {"constraint": ` + constraint + `, "prices": {"input_mtok": 2}}]`)
	}
	tiered := func(label, more string) func() (*Feed, error) {
		return port(`{"custom_pricing": {` + more + `"regions": {"default": {"execution_modes": {"standard": {"context_tiers": {
			"lte-1k": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1e-4}}}},
			"` + label + `": {"pricing_config": {"pay_as_you_go": {"request_token": {"price": 2e-4}}}}}}}}}}}`)
	}
	for name, c := range map[string]struct {
		load func() (*Feed, error)
		kind WarningKind // of what the model is left out for; none if it is not
		text string
	}{
		"regions that differ":       {lite(`"regional_processing_uplift_multiplier_eu": 1.1, "regional_processing_uplift_multiplier_us": 1.2`), LeftOut, "region to region"},
		"a region cheaper":          {lite(`"regional_endpoint_uplift_multiplier": 0.9`), Refused, "not from 1 to 10"},
		"no factor":                 {lite(`"regional_endpoint_uplift_multiplier": "much"`), Refused, "not a number"},
		"a search at one price":     {lite(`"search_context_cost_per_query": 0.01`), "", ""},
		"a search at no price":      {lite(`"search_context_cost_per_query": {"search_context_size_low": -1}`), Refused, "negative"},
		"a search too dear":         {lite(`"search_context_cost_per_query": 11`), Refused, "above 10000 per thousand"},
		"ranges that are no list":   {lite(`"tiered_pricing": 1`), Refused, "not a list"},
		"a range backwards":         {lite(`"tiered_pricing": [{"range": [5, 1]}]`), Refused, "ends at 1"},
		"a range of one number":     {lite(`"tiered_pricing": [{"range": [5]}]`), Refused, "two numbers"},
		"half a token":              {lite(`"tiered_pricing": [{"range": [0, 0.5]}]`), Refused, "number of tokens"},
		"a limit that is a text":    {lite(`"max_input_tokens": "8k"`), "", ""},
		"a strange price in ranges": {lite(`"tiered_pricing": [{"range": [0, 9], "cost_of_living": 1}]`), LeftOut, "not known here"},
		"another project's cost":    {lite(`"long_context_cost_multiplier": 2`), LeftOut, "not known here"},

		"prices that are a text":      {gen(`"free"`), LeftOut, "neither prices nor a list"},
		"conditions that are numbers": {gen(`[1]`), LeftOut, "not a list of prices"},
		"no prices":                   {gen(`[]`), LeftOut, "no price"},
		"null":                        {gen(`null`), LeftOut, "no price"},
		"tiers that do not ascend":    {gen(`{"input_mtok": {"base": 1, "tiers": [{"start": 5, "price": 2}, {"start": 5, "price": 3}]}}`), LeftOut, "do not ascend"},
		"tiers that are numbers":      {gen(`{"input_mtok": {"base": 1, "tiers": [1]}}`), LeftOut, "base with tiers"},
		"no base":                     {gen(`{"input_mtok": {"tiers": [{"start": 5, "price": 2}]}}`), Refused, "not a number"},
		"a strange price":             {gen(`{"input_mtok": 1, "moonlight_mtok": 1}`), LeftOut, "beside what is counted"},
		"a price of pages":            {gen(`{"input_mtok": 1, "input_document_kpages": 1}`), "", ""},
		"a date":                      {timed(`{"start_date": "2026-08-01"}`), "", ""},
		"no date":                     {timed(`{"start_date": "yesterday"}`), LeftOut, "neither a date"},
		"no time":                     {timed(`{"start_time": "noon", "end_time": "13:00:00"}`), LeftOut, "not a time of day"},
		"an end that is no time":      {timed(`{"start_time": "12:00:00", "end_time": "late"}`), LeftOut, "not a time of day"},
		"a time with seconds":         {timed(`{"start_time": "12:00:01Z", "end_time": "13:00:00Z"}`), LeftOut, "whole minutes"},
		"a time elsewhere":            {timed(`{"start_time": "12:00:00+08:00", "end_time": "13:00:00+08:00"}`), "", ""},
		"a date and a time":           {timed(`{"start_date": "2026-08-01", "start_time": "12:00:00Z", "end_time": "13:00:00Z"}`), LeftOut, "neither a date"},
		"a condition of another kind": {timed(`{"moon": "full"}`), LeftOut, "neither a date"},
		"hours that overlap":          {gen(`[{"prices": {"input_mtok": 1}}, {"constraint": {"start_time": "12:00:00", "end_time": "13:00:00"}, "prices": {"input_mtok": 2}}, {"constraint": {"start_time": "12:30:00", "end_time": "14:00:00"}, "prices": {"input_mtok": 3}}]`), Refused, "overlaps"},
		"an hour without a price":     {gen(`[{"prices": {"input_mtok": 1}}, {"constraint": {"start_time": "12:00:00", "end_time": "13:00:00"}, "prices": {}}]`), LeftOut, "no price"},

		"other money":               {port(`{"pricing_config": {"currency": "EUR", "pay_as_you_go": {"request_token": {"price": 1e-4}}}}`), LeftOut, `"EUR", not USD`},
		"a price that is a number":  {port(`{"pricing_config": {"pay_as_you_go": {"request_token": 1e-4}}}`), LeftOut, "not a price"},
		"units that are a number":   {port(`{"pricing_config": {"pay_as_you_go": {"additional_units": 1}}}`), LeftOut, "not an object"},
		"a model that is a number":  {port(`1`), LeftOut, "not prices in the form"},
		"a router's price":          {port(`{"pricing_config": {"pay_as_you_go": {"request_token": {"price": 1e-4}, "additional_units": {"routing_units": {"price": 1e-5}}}}}`), LeftOut, "not known here"},
		"a label":                   {tiered("gt-1k", ""), "", ""},
		"a label in a map":          {tiered("large", `"context_tier_map": {"0": "lte-1k", "1000": "large"}, `), "", ""},
		"a label that is not known": {tiered("large", ""), LeftOut, "from how many tokens"},
		"a label without a number":  {tiered("gt-k", ""), LeftOut, "from how many tokens"},
		"a map that is none":        {tiered("large", `"context_tier_map": {"many": "large"}, `), LeftOut, "not a number"},
	} {
		f, err := c.load()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := f.Catalog.listed(modelKey{"p", "m"}) != nil
		if got != (c.kind == "") {
			t.Errorf("%s: taken %t, with %v", name, got, f.Warnings)
		}
		if c.kind != "" && !f.has(c.kind, "m", c.text) && !f.has(c.kind, "p/m", c.text) {
			t.Errorf("%s: %v, want %s: %s", name, f.Warnings, c.kind, c.text)
		}
	}
}

// fuzzFeed checks what a loader makes of any text.
func fuzzFeed(t *testing.T, f *Feed, err error) {
	if err != nil {
		return
	}
	usage := Usage{Input: 1 << 40, CachedInput: 3, CacheWrite: 5, Output: 7, Reasoning: 2, WebSearches: 1}
	for key, m := range f.Catalog.models {
		for _, tier := range tierNames {
			q := Query{Provider: key.provider, Model: key.name, Tier: tier, At: feedTime, Regional: true}
			for _, u := range []Usage{usage, {Input: 1}, {Output: 1}, {CachedInput: 1}} {
				if cost, err := f.Catalog.Cost(q, u); err == nil && cost.Cost < 0 {
					t.Fatalf("%+v costs %s", q, cost.Cost)
				}
			}
			_, _ = f.Catalog.Bound(q, -1, 1000)
		}
		if len(m.periods) == 0 {
			t.Fatalf("%v has no period", key)
		}
	}
}

func fuzzSeed(f *testing.F, name string) {
	text, err := io.ReadAll(fixture(f, name))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text))
}

func FuzzLiteLLM(f *testing.F) {
	fuzzSeed(f, "litellm.json")
	f.Add(`{"a":{"litellm_provider":"xai","input_cost_per_token_above_1k_tokens":1e-6,"tiered_pricing":[{"range":[0,1],"input_cost_per_token":1}]}}`)
	f.Fuzz(func(t *testing.T, text string) {
		feed, err := LoadLiteLLM("f", strings.NewReader(text), feedTime)
		fuzzFeed(t, feed, err)
	})
}

func FuzzGenAI(f *testing.F) {
	fuzzSeed(f, "genai.json")
	f.Fuzz(func(t *testing.T, text string) {
		feed, err := LoadGenAI("f", strings.NewReader(text))
		fuzzFeed(t, feed, err)
	})
}

func FuzzPortkey(f *testing.F) {
	fuzzSeed(f, "portkey.json")
	f.Fuzz(func(t *testing.T, text string) {
		feed, err := LoadPortkey("f", "xai", strings.NewReader(text), feedTime)
		fuzzFeed(t, feed, err)
	})
}
