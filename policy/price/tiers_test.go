package price

import (
	"strings"
	"testing"
)

// Prices of each tier, band and kind of token that OpenAI, Google, Anthropic and xAI had on 2026-11-28.
func TestTiersOfToday(t *testing.T) {
	for _, test := range []struct {
		name, tier, at string
		u              Usage
		want           string
	}{
		// A completion window of 8 hours: 40 % below 4 and 15 per million in a long context.
		{"openai/gpt-6.1-sol", "window_8h", "2026-11-28", Usage{Input: 1_000_000, Output: 1_000}, "2.409"},
		{"openai/gpt-6.1-sol", "standard", "2026-11-28", Usage{Input: 1_000_000, Output: 1_000}, "4.015"},
		{"openai/gpt-6.2-sol", "window_2h", "2026-11-28", Usage{Input: 1_000, CachedInput: 1_000, CacheWrite: 1_000, CacheWrite12h: 1_000, Output: 1_000}, "0.01372"},
		{"openai/gpt-6.2-astra", "window_8h", "2026-11-28", Usage{Input: 1_000, WebSearches: 1}, "0.0148"},
		// A cache write on flex, and one in a long context.
		{"openai/gpt-5.6-sol", "flex", "2026-11-28", Usage{Input: 8, CacheWrite: 4_012, Output: 4}, "0.010086"},
		{"openai/gpt-5.6-sol", "flex", "2026-11-28", Usage{Input: 200_000, CacheWrite: 100_000, Output: 1_000}, "1.315"},
		{"openai/gpt-5.6-sol", "batch", "2026-08-01", Usage{CacheWrite: 1_000}, "0.003125"},
		{"openai/gpt-6-luna", "batch", "2026-11-28", Usage{CachedInput: 1_000_000}, "0.01"},
		{"openai/gpt-6.1-sol", "priority", "2026-11-28", Usage{Input: 300_000, Output: 1_000}, "2.43"},
		// Writes for 12 hours.
		{"openai/gpt-6.1-terra", "standard", "2026-11-28", Usage{CacheWrite12h: 100_000, Output: 30}, "0.25015"},
		{"openai/gpt-6.1-terra", "flex", "2026-11-28", Usage{CacheWrite12h: 100_000}, "0.125"},
		// Ultrafast, which becomes twice as dear.
		{"openai/gpt-6.2-sol", "ultrafast", "2027-02-28T23:59:59Z", Usage{Input: 1_000, Output: 1_000}, "0.036"},
		{"openai/gpt-6.2-sol", "ultrafast", "2027-03-01", Usage{Input: 1_000, Output: 1_000}, "0.072"},
		{"openai/gpt-6-astra", "ultrafast", "2026-09-29", Usage{Input: 1_000, CacheWrite: 1_000, Output: 1_000}, "0.435"},
		{"openai/gpt-6-astra", "ultrafast", "2026-09-28", Usage{Input: 1}, "no price for this tier"},
		{"openai/gpt-6.2-sol", "flex", "2026-11-28", Usage{Input: 1}, "no price for this tier"},
		{"openai/gpt-5", "window_8h", "2026-11-28", Usage{Input: 1}, "no price for this tier"},
		{"openai/gpt-5", "scale", "2026-11-28", Usage{Input: 1}, "no price for this tier"},
		{"openai/gpt-6-sol", "fast", "2026-11-28", Usage{Input: 1}, "no price for this tier"},
		// Google's prices double in every tier.
		{"gemini/gemini-4-carbon", "flex", "2026-11-30T23:59:59Z", Usage{Input: 1_000, CachedInput: 1_000, Output: 1_000}, "0.00605"},
		{"gemini/gemini-4-carbon", "flex", "2026-12-01", Usage{Input: 1_000, CachedInput: 1_000, Output: 1_000}, "0.0121"},
		{"gemini/gemini-3.8-flash", "priority", "2027-01-01", Usage{Input: 1_000, CachedInput: 1_000, Output: 1_000}, "0.01647"},
		{"gemini/gemini-3.7-flash", "batch", "2027-01-01", Usage{Input: 1_000}, "0.00075"},
		{"gemini/gemini-4-hydrogen", "standard", "2026-11-28", Usage{CachedInput: 1_000_000}, "0.075"},
		{"gemini/gemini-4-neon", "batch", "2026-11-28", Usage{Input: 1_000_000}, "1.5"},
		{"gemini/gemini-2.5-pro", "flex", "2026-11-28", Usage{Input: 200_001}, "0.25000125"},
		{"gemini/gemini-embedding-2", "standard", "2026-11-28", Usage{AudioInput: 2_500}, "0.01625"},
		{"gemini/gemini-2.5-flash", "flex", "2026-11-28", Usage{AudioInput: 1_000, CachedAudioInput: 1_000}, "0.00055"},
		// Anthropic's batches and fast mode.
		{"anthropic/claude-opus-5-5", "batch", "2026-11-28", Usage{Input: 1_000, CachedInput: 1_000, CacheWrite: 1_000, CacheWrite1h: 1_000, Output: 1_000}, "0.0186"},
		{"anthropic/claude-opus-5-5", "fast", "2026-11-28", Usage{Input: 1_000, Output: 1_000}, "0.048"},
		{"anthropic/claude-opus-4-6", "fast", "2026-11-28", Usage{Input: 1_000, CachedInput: 1_000, Output: 1_000}, "0.183"},
		{"anthropic/claude-sonnet-5-5", "standard", "2026-10-06T23:59:59Z", Usage{CachedInput: 1_000_000}, "0.2"},
		{"anthropic/claude-sonnet-5-5", "standard", "2026-10-07", Usage{CachedInput: 1_000_000}, "0.1"},
		{"anthropic/claude-haiku-5-5", "standard", "2026-11-28", Usage{Input: 50_000, CachedInput: 30_000, CacheWrite: 20_000}, "0.0078"},
		{"anthropic/claude-haiku-5-5", "standard", "2026-11-28", Usage{Input: 50_001, CachedInput: 30_000, CacheWrite: 20_000}, "0.0390005"},
		{"anthropic/claude-haiku-5-5", "batch", "2026-11-28", Usage{Input: 200_000, CacheWrite1h: 1}, "0.0500005"},
		{"anthropic/claude-sonnet-4-5", "fast", "2026-11-28", Usage{Input: 1}, "no price for this tier"},
		// xAI's longer bands.
		{"xai/grok-4-0709", "standard", "2026-11-28", Usage{Input: 128_000}, "0.384"},
		{"xai/grok-4-0709", "standard", "2026-11-28", Usage{Input: 128_001}, "0.768006"},
		{"xai/grok-4-1-fast-reasoning", "standard", "2026-11-28", Usage{Input: 200_000, Output: 1_000}, "0.081"},
		{"xai/grok-4.7", "batch", "2026-11-28", Usage{Input: 200_000, CachedInput: 1_000}, "0.6408"},
		{"xai/grok-4.5", "standard", "2026-11-28", Usage{CachedInput: 1_000}, "0.0003"},
		// DeepSeek: a name that outlives its model, and a holiday on a Friday and in a week.
		{"deepseek/deepseek-v4-flash", "standard", "2026-11-28T12:00:00Z", Usage{Input: 1_000_000}, "0.15"},
		{"deepseek/deepseek-v4-flash", "standard", "2026-11-27T09:00:00Z", Usage{Input: 1_000_000}, "0.3"},
		{"deepseek/deepseek-flash", "standard", "2026-09-25T02:00:00Z", Usage{Input: 1_000_000}, "0.15"},
		{"deepseek/deepseek-v4-pro", "standard", "2026-10-01T02:00:00Z", Usage{Input: 1_000_000}, "0.66"},
		{"deepseek/deepseek-v4-pro", "standard", "2026-10-08T02:00:00Z", Usage{Input: 1_000_000}, "1.32"},
		{"deepseek/deepseek-v3.2", "standard", "2026-11-28", Usage{Input: 1_000_000}, "0.28"},
	} {
		provider, model, _ := strings.Cut(test.name, "/")
		got, err := Embedded().Cost(Query{Provider: provider, Model: model, Tier: test.tier, At: at(test.at)}, test.u)
		if strings.HasPrefix(test.want, "no price") {
			wantUnpriced(t, err, test.name, test.tier, test.want)
		} else if err != nil || got.Cost != MustUSD(test.want) {
			t.Errorf("%s %s at %s: %s, %v; want %s", test.name, test.tier, test.at, got.Cost, err, test.want)
		}
	}
}

// A window costs 30 % or 40 % less than standard, and a batch of Anthropic's half, for every kind of token in every band.
// Fees of tools are the same.
func TestTiersByOneFactor(t *testing.T) {
	checked := make(map[string]int)
	for provider, p := range rawOf(t, embeddedJSON).Providers {
		for name, m := range p.Models {
			for _, period := range m.Periods {
				for tier, percent := range map[string]Pico{"window_2h": 70, "window_8h": 60, "batch": 50} {
					if tier == "batch" && provider != "anthropic" {
						continue
					}
					for i, b := range period.Tiers[tier] {
						normal := period.Tiers["standard"][i]
						for counter, text := range normal.Prices {
							checked[tier]++
							if got, want := MustUSD(b.Prices[counter]), MustUSD(text)/100*percent; got != want {
								t.Errorf("%s %s %s is %s, want %s", name, tier, counter, got, want)
							}
						}
						for counter, text := range normal.Fees {
							if b.Fees[counter] != text {
								t.Errorf("%s %s %s is %s, want %s", name, tier, counter, b.Fees[counter], text)
							}
						}
					}
				}
			}
		}
	}
	if checked["window_2h"] < 100 || checked["window_8h"] != checked["window_2h"] || checked["batch"] < 150 {
		t.Errorf("only %v prices were checked", checked)
	}
}

// Answers of Anthropic name dated models, whatever name the request had.
func TestAnthropicNamesAreKnown(t *testing.T) {
	for name, input := range map[string]string{
		"claude-2.1":                 "8",
		"claude-3-haiku-20240307":    "0.25",
		"claude-3-sonnet-20240229":   "3",
		"claude-3-opus-20240229":     "15",
		"claude-3-opus-latest":       "15",
		"claude-3-5-sonnet-20240620": "3",
		"claude-3-5-sonnet-20241022": "3",
		"claude-3-5-sonnet-latest":   "3",
		"claude-3-5-haiku-20241022":  "0.8",
		"claude-3-5-haiku-latest":    "0.8",
		"claude-3-7-sonnet-20250219": "3",
		"claude-3-7-sonnet-latest":   "3",
		"claude-opus-4-20250514":     "15",
		"claude-opus-4-0":            "15",
		"claude-4-opus-20250514":     "15",
		"claude-sonnet-4-20250514":   "3",
		"claude-sonnet-4-0":          "3",
		"claude-4-sonnet-20250514":   "3",
		"claude-opus-4-1-20250805":   "15",
		"claude-sonnet-4-5-20250929": "3",
		"claude-haiku-4-5-20251001":  "1",
		"claude-opus-4-5-20251101":   "5",
		"claude-opus-4-6-20260205":   "5",
		"claude-opus-4-7-20260416":   "5",
	} {
		for tier, share := range map[string]Pico{"standard": 1, "batch": 2} {
			q := Query{Provider: "anthropic", Model: name, Tier: tier, At: at("2026-11-28")}
			if got, err := Embedded().Cost(q, Usage{Input: 1_000}); err != nil || got.Cost != MustUSD(input)/1_000/share {
				t.Errorf("%s %s: %s, %v; want %s per million", name, tier, got.Cost, err, input)
			}
		}
		if in, out, ok := Embedded().Limits("anthropic", name); !ok || in < 200_000 || out == 0 {
			t.Errorf("%s has the limits %d and %d, %t", name, in, out, ok)
		}
	}
}
