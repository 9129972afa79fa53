package middleware_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// costAll prices each usage by the embedded catalog.
func costAll(t *testing.T, costs []costing) {
	t.Helper()
	for _, c := range costs {
		c.check(t, price.Embedded())
	}
}

// Only the tokens beyond the threshold were charged for as a long context, and not the whole request (genai-prices#241,
// tokscale#862, CodexBar#895).
func TestTracker13LongContextIsWhole(t *testing.T) {
	costAll(t, []costing{
		{model: "openai/gpt-5.4", usage: price.Usage{Input: 300_000, Output: 1000}, want: "1.5225"},                          // 300000 x 5 + 1000 x 22.5
		{model: "gemini/gemini-2.5-pro", usage: price.Usage{Input: 300_000, Output: 1000}, want: "0.765"},                    // 300000 x 2.5 + 1000 x 15
		{model: "anthropic/claude-sonnet-4-5", usage: price.Usage{Input: 300_000, Output: 1000}, want: "1.8225"},             // 300000 x 6 + 1000 x 22.5
		{model: "openai/gpt-5.4", tier: "flex", usage: price.Usage{Input: 300_000}, want: "0.75"},                            // 300000 x 2.5
		{model: "openai/gpt-5.4", tier: "priority", usage: price.Usage{Input: 300_000}, want: "no price for a long context"}, // priority has none
		{model: "openai/gpt-5.4", usage: price.Usage{Input: 100_000, Output: 1000}, want: "0.265"},                           // 100000 x 2.5 + 1000 x 15
	})
	billedCall{name: "through the stack", url: openaiURL, request: `{"model":"gpt-5.4"}`,
		answer: `{"model":"gpt-5.4","service_tier":"default","usage":{"prompt_tokens":300000,"completion_tokens":1000,"total_tokens":301000}}`,
		cost:   "1.5225"}.check(t)
}

// The threshold was compared with a part of the prompt: without what was read from a cache, or written to one
// (tokscale#862, BerriAI/litellm#30207).
func TestTracker14ThresholdOfTheWholePrompt(t *testing.T) {
	// 278000 tokens in three parts, none of which is above 272000: 270000 x 8 + 5000 x 0.8 + 3000 x 10.
	usage := price.Usage{Input: 270_000, CachedInput: 5000, CacheWrite: 3000}
	costing{model: "openai/gpt-5.6-sol", usage: usage, want: "2.194"}.check(t, price.Embedded())
	billedCall{name: "through the stack", url: openaiURL, request: `{"model":"gpt-5.6-sol"}`,
		answer: `{"model":"gpt-5.6-sol","service_tier":"default","usage":{"prompt_tokens":278000,"completion_tokens":0,"total_tokens":278000,"prompt_tokens_details":{"cached_tokens":5000,"cache_write_tokens":3000}}}`,
		cost:   "2.194"}.check(t)
	// Nearly all of it cached: 1000 x 2.5 + 260000 x 0.25 are gemini-2.5-pro's prices of a long prompt.
	billedCall{name: "cached", url: geminiProURL, request: `{}`,
		answer: gemini("gemini-2.5-pro", `"promptTokenCount":261000,"cachedContentTokenCount":260000,"candidatesTokenCount":0,"totalTokenCount":261000`),
		cost:   "0.0675"}.check(t)
	// Anthropic counts the parts apart: 190000 x 6 + 20000 x 0.6.
	billedCall{name: "counted apart", url: anthropicURL, request: `{"model":"claude-sonnet-4-5"}`,
		answer: `{"type":"message","model":"claude-sonnet-4-5","usage":{"input_tokens":190000,"cache_read_input_tokens":20000,"output_tokens":0,"service_tier":"standard"}}`,
		cost:   "1.152"}.check(t)
}

// In a long context, what was read from a cache or written to one stayed at its price for a short one (Helicone#5730,
// #5765, #5766).
func TestTracker15AllPricesOfTheBand(t *testing.T) {
	costAll(t, []costing{
		{model: "openai/gpt-5.6-sol", usage: price.Usage{Input: 300_000}, want: "2.4"},                                 // 8
		{model: "openai/gpt-5.6-sol", usage: price.Usage{Input: 299_000, CachedInput: 1000}, want: "2.3928"},           // 8, 0.8
		{model: "openai/gpt-5.6-sol", usage: price.Usage{Input: 299_000, CacheWrite: 1000}, want: "2.402"},             // 8, 10
		{model: "openai/gpt-5.6-sol", usage: price.Usage{Input: 300_000, Output: 1000}, want: "2.43"},                  // 8, 30
		{model: "openai/gpt-5.6-sol", usage: price.Usage{Input: 99_000, CachedInput: 1000}, want: "0.3964"},            // 4, 0.4
		{model: "openai/gpt-5.6-sol", usage: price.Usage{Input: 99_000, CacheWrite: 1000}, want: "0.401"},              // 4, 5
		{model: "openai/gpt-5.6-sol", usage: price.Usage{Input: 100_000, Output: 1000}, want: "0.42"},                  // 4, 20
		{model: "gemini/gemini-3-pro-preview", usage: price.Usage{Input: 100_000, CachedInput: 200_000}, want: "0.48"}, // 4, 0.4
		{model: "gemini/gemini-3-pro-preview", usage: price.Usage{Input: 50_000, CachedInput: 100_000}, want: "0.12"},  // 2, 0.2
		{model: "anthropic/claude-sonnet-4-5", usage: price.Usage{Input: 200_000, CacheWrite1h: 1000}, want: "1.212"},  // 6, 12
		{model: "anthropic/claude-sonnet-4-5", usage: price.Usage{Input: 100_000, CacheWrite1h: 1000}, want: "0.306"},  // 3, 6
	})
}

// At exactly the threshold the wrong side was taken: it belongs to the long context at xAI, and to the short one at
// OpenAI and Google (BerriAI/litellm#40174, genai-prices' 271,999).
func TestTracker16Boundary(t *testing.T) {
	costAll(t, []costing{
		{model: "openai/gpt-5.4", usage: price.Usage{Input: 271_999}, want: "0.6799975"}, // 2.5
		{model: "openai/gpt-5.4", usage: price.Usage{Input: 272_000}, want: "0.68"},      // 2.5
		{model: "openai/gpt-5.4", usage: price.Usage{Input: 272_001}, want: "1.360005"},  // 5
		{model: "gemini/gemini-2.5-pro", usage: price.Usage{Input: 199_999}, want: "0.24999875"},
		{model: "gemini/gemini-2.5-pro", usage: price.Usage{Input: 200_000}, want: "0.25"},           // 1.25
		{model: "gemini/gemini-2.5-pro", usage: price.Usage{Input: 200_001}, want: "0.5000025"},      // 2.5
		{model: "anthropic/claude-sonnet-4-5", usage: price.Usage{Input: 200_000}, want: "0.6"},      // 3
		{model: "anthropic/claude-sonnet-4-5", usage: price.Usage{Input: 200_001}, want: "1.200006"}, // 6
		{model: "xai/grok-4.3", usage: price.Usage{Input: 199_999}, want: "0.24999875"},              // 1.25
		{model: "xai/grok-4.3", usage: price.Usage{Input: 200_000}, want: "0.5"},                     // 2.5
		{model: "xai/grok-4.3", usage: price.Usage{Input: 200_001}, want: "0.5000025"},               // 2.5
	})
}

// The output was compared with the threshold as well (BerriAI/litellm#11049).
func TestTracker17OutputSelectsNoBand(t *testing.T) {
	costAll(t, []costing{
		{model: "openai/gpt-5.4", usage: price.Usage{Input: 1000, Output: 300_000}, want: "4.5025"},                             // 2.5, 15
		{model: "gemini/gemini-2.5-pro", usage: price.Usage{Input: 1000, Output: 300_000, Reasoning: 299_000}, want: "3.00125"}, // 1.25, 10
		{model: "openai/gpt-5.4", usage: price.Usage{Input: 272_000, Output: 300_000}, want: "5.18"},                            // 2.5, 15
		{model: "openai/gpt-5.4", usage: price.Usage{Input: 272_001, Output: 1}, want: "1.3600275"},                             // 5, 22.5
	})
}

// Yesterday's calls were priced again, at today's price (CodexBar#2671, tokentelemetry#307, genai-prices' own rule).
func TestTracker32HistoryKeepsItsPrice(t *testing.T) {
	usage := price.Usage{Input: 1000, Output: 1000}
	costAll(t, []costing{
		{model: "openai/o3", at: "2025-06-09T23:59:59.999999999Z", usage: usage, want: "0.05"}, // 10, 40
		{model: "openai/o3", at: "2025-06-10T00:00:00Z", usage: usage, want: "0.01"},           // 2, 8
		{model: "openai/o3", at: "2025-06-09T17:00:00-07:00", usage: usage, want: "0.01"},      // the same moment, elsewhere
		{model: "openai/o3", at: "2025-04-15T12:00:00Z", usage: usage, want: "no price at 2025-04-15"},
	})
	// gemini-4-argon doubles on December 1. A call has the price of its beginning, though it ends in the new month, and
	// its row stays as it is, whatever comes after it.
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(moment(t, "2026-11-30T23:59:59Z")))
		base := newAPI()
		url := strings.Replace(geminiURL, "2.5-flash", "4-argon", 1)
		answer := says(200, jsonType, gemini("gemini-4-argon", `"promptTokenCount":1000,"candidatesTokenCount":1000,"totalTokenCount":2000`))
		base.on("POST "+url, later(2*time.Second, answer))
		stack := stackOver(t, base, policy.Policy{})
		mustDo(t, stack, "POST", url, `{}`)
		mustDo(t, stack, "POST", url, `{}`)
		stack.Prices().SetUser(catalogOf(t, "gemini", `"gemini-4-argon":{"periods":[{"source":"test","tiers":{"standard":[{"usd_per_million":{"input":"0","output":"0"}}]}}]}`))
		mustDo(t, stack, "POST", url, `{}`)
		rows := stack.Rows()
		for i, want := range []struct{ cost, id string }{
			{"0.012", "embedded/gemini/gemini-4-argon/2026-10-13/standard"}, // 2, 10
			{"0.024", "embedded/gemini/gemini-4-argon/2026-12-01/standard"}, // 4, 20
			{"0", "test/gemini/gemini-4-argon/-/standard"},
		} {
			if len(rows) != 3 || rows[i].Cost.String() != want.cost || rows[i].PriceID != want.id {
				t.Fatalf("row %d, want %s by %s: %+v", i, want.cost, want.id, rows)
			}
		}
		if got := stack.Totals().Cost.String(); got != "0.036" {
			t.Errorf("in all %s", got)
		}
	})
}

// Prices by the hour could not be for some days of the week, or from some date on (genai-prices#581, bifrost#6255,
// oh-my-pi#11542).
func TestTracker33HoursDaysAndDates(t *testing.T) {
	// deepseek-v4-pro: input at $0.435 until 2026-08-16T16:00Z, then $0.66, and $1.32 from 01:00 to 04:00 and from 06:00 to
	// 10:00 UTC; on every day at first, and since 2026-08-23 from Monday to Friday.
	million := price.Usage{Input: 1_000_000}
	for at, want := range map[string]string{
		"2026-08-14T02:00:00Z":           "0.435", // a Friday, before there were peaks
		"2026-08-16T15:59:59.999999999Z": "0.435",
		"2026-08-16T16:00:00Z":           "0.66",
		"2026-08-22T02:00:00Z":           "1.32", // a Saturday, still
		"2026-08-23T02:00:00Z":           "0.66", // a Sunday, no more
		"2026-08-24T02:00:00Z":           "1.32",
		"2026-11-16T00:59:59.999999999Z": "0.66", // a Monday
		"2026-11-16T01:00:00Z":           "1.32",
		"2026-11-16T03:59:59.999999999Z": "1.32",
		"2026-11-16T04:00:00Z":           "0.66",
		"2026-11-16T05:59:59Z":           "0.66",
		"2026-11-16T06:00:00Z":           "1.32",
		"2026-11-16T09:59:59Z":           "1.32",
		"2026-11-16T10:00:00Z":           "0.66",
		"2026-11-16T12:00:00+09:00":      "1.32", // 03:00 UTC
		"2026-11-15T22:00:00-05:00":      "1.32", // 03:00 UTC, though it is Sunday there
		"2026-11-16T02:00:00+09:00":      "0.66", // 17:00 UTC of a Sunday, though it is Monday there
		"2026-11-21T02:00:00Z":           "0.66", // a Saturday
		"2026-11-22T07:00:00Z":           "0.66", // a Sunday
	} {
		costing{model: "deepseek/deepseek-v4-pro", at: at, usage: million, want: want}.check(t, price.Embedded())
	}
	// Through the stack, it is the beginning that counts: 600 x 1.32 + 400 x 0.044 + 100 x 3.96, or half of it.
	const answer = `{"model":"deepseek-v4-pro","usage":{"prompt_tokens":1000,"prompt_cache_hit_tokens":400,"prompt_cache_miss_tokens":600,"completion_tokens":100,"total_tokens":1100}}`
	const url = "https://api.deepseek.com/chat/completions"
	checkAll(t, []billedCall{
		{name: "begins in the peak", at: "2026-11-16T03:59:59Z", takes: time.Minute, url: url, request: `{"model":"deepseek-v4-pro"}`, answer: answer, cost: "0.0012056"},
		{name: "ends in the peak", at: "2026-11-16T05:59:59Z", takes: time.Minute, url: url, request: `{"model":"deepseek-v4-pro"}`, answer: answer, cost: "0.0006028"},
	})
}

// A promotion was taken for the price, for good, or was not noticed (gramext/dist v0.1.0; gpt-5.6-sol).
func TestTracker34Promotion(t *testing.T) {
	usage := price.Usage{Input: 1000, Output: 1000}
	costAll(t, []costing{
		{model: "openai/gpt-5.6-sol", at: "2026-08-20T12:00:00Z", usage: usage, want: "0.035"}, // 5, 30
		{model: "openai/gpt-5.6-sol", at: "2026-08-21T00:00:00Z", usage: usage, want: "0.024"}, // 4, 20: promotional
	})
	// That price is guaranteed through 2026-11-21 only: it is to be looked at again then, and not before.
	if due := price.Embedded().Reviews(moment(t, "2026-11-20T23:59:59Z")); slices.Contains(due, "openai/gpt-5.6-sol") {
		t.Errorf("the promotion is to be reviewed while it is guaranteed: %v", due)
	}
	if due := price.Embedded().Reviews(moment(t, "2026-11-21T00:00:00Z")); !slices.Contains(due, "openai/gpt-5.6-sol") {
		t.Errorf("the promotion is not to be reviewed: %v", due)
	}
	// One that has an end, and nothing behind it, is no price afterwards; with the list price behind it, that is.
	for after, want := range map[string]string{
		``: "no price at 2026-12-01T00:00:00Z",
		`,{"from":"2026-12-01","source":"list","tiers":{"standard":[{"usd_per_million":{"input":"4","output":"16"}}]}}`: "0.02",
	} {
		prices := catalogOf(t, "acme", `"m":{"periods":[{"until":"2026-12-01","review_by":"2026-12-01","source":"promotion",
			"tiers":{"standard":[{"usd_per_million":{"input":"1","output":"4"}}]}}`+after+`]}`)
		costing{model: "acme/m", at: "2026-11-30T23:59:59Z", usage: usage, want: "0.005"}.check(t, prices)
		costing{model: "acme/m", at: "2026-12-01T00:00:00Z", usage: usage, want: want}.check(t, prices)
	}
}

// Models whose list has only prices for ranges of the prompt's length cost $0 (BerriAI/litellm#30346).
func TestTracker35TieredPricingOnly(t *testing.T) {
	feed, err := price.LoadLiteLLM("feed", strings.NewReader(`{
		"qwen-ranges": {"litellm_provider": "openai", "mode": "chat", "tiered_pricing": [
			{"range": [0, 32000], "input_cost_per_token": 1e-06, "output_cost_per_token": 4e-06},
			{"range": [32000, 128000], "input_cost_per_token": 2e-06, "output_cost_per_token": 8e-06}]},
		"qwen-moons": {"litellm_provider": "openai", "mode": "chat", "cost_by_phase_of_the_moon": {"full": 1e-06}}}`), price.FeedConfig{})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(model, prompt, total string) string {
		return `{"model":"` + model + `","service_tier":"default","usage":{"prompt_tokens":` + prompt + `,"completion_tokens":1000,"total_tokens":` + total + `}}`
	}
	checkAll(t, []billedCall{
		{name: "the first range", url: openaiURL, request: `{"model":"qwen-ranges"}`, answer: answer("qwen-ranges", "1000", "2000"), cost: "0.005"}, // 1, 4
		{name: "its end", url: openaiURL, request: `{"model":"qwen-ranges"}`, answer: answer("qwen-ranges", "32000", "33000"), cost: "0.036"},       // 1, 4
		{name: "the second", url: openaiURL, request: `{"model":"qwen-ranges"}`, answer: answer("qwen-ranges", "100000", "101000"), cost: "0.208"},  // 2, 8
		{name: "beyond the last", url: openaiURL, request: `{"model":"qwen-ranges"}`, answer: answer("qwen-ranges", "200000", "201000"), cost: "unknown"},
		{name: "an unknown shape", url: openaiURL, request: `{"model":"qwen-moons"}`, answer: answer("qwen-moons", "1000", "2000"), cost: "unknown"},
	}, middleware.WithPrices(feed.Catalog))
}

// A dated name was priced as another model, or without its model's discount on cached tokens (genai-prices#173,
// BerriAI/litellm#38423).
func TestTracker36NamesOfModels(t *testing.T) {
	usage := price.Usage{Input: 600, CachedInput: 400}
	costAll(t, []costing{
		{model: "openai/gpt-5-2025-08-07", usage: usage, want: "0.0008"},                // as gpt-5: 1.25, 0.125
		{model: "openai/gpt-4o", usage: usage, want: "0.002"},                           // 2.5, 1.25
		{model: "openai/gpt-4o-2024-05-13", usage: usage, want: "0.005"},                // its own: 5, and no discount
		{model: "openai/gpt-4o-2024-08-06", usage: usage, want: "0.002"},                // 2.5, 1.25
		{model: "openai/gpt-5-mini-2025-08-07", usage: usage, want: "0.00016"},          // 0.25, 0.025: not gpt-5's
		{model: "anthropic/claude-sonnet-4-5-20250929", usage: usage, want: "0.00192"},  // 3, 0.3
		{model: "gemini/models/gemini-2.5-flash", usage: usage, want: "0.000192"},       // 0.3, 0.03
		{model: "gemini/gemini-flash-latest", usage: usage, want: "no such model"},      // whichever that is
		{model: "openai/gpt-5-turbo", usage: usage, want: "no such model"},              // no prefix will do
		{model: "openai/gpt-5-2025-08-07-preview", usage: usage, want: "no such model"}, // nor a date in the middle
		{model: "openai/GPT-5", usage: usage, want: "no such model"},
		{model: "azure/gpt-5", usage: usage, want: "no such model"},
	})
	// What an answer calls the model counts, where the request's name stands for one or the other.
	latest := strings.Replace(geminiURL, "gemini-2.5-flash", "gemini-flash-latest", 1)
	checkAll(t, []billedCall{
		{name: "the answer says which", url: latest, request: `{}`, cost: "0.000192",
			answer: gemini("gemini-2.5-flash", `"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":0,"totalTokenCount":1000`)},
		{name: "without a statement of which", url: latest, request: `{}`, cost: "unknown",
			answer: gemini("", `"promptTokenCount":1000,"cachedContentTokenCount":400,"candidatesTokenCount":0,"totalTokenCount":1000`)},
	})
}

// Costs had the noise of binary fractions in them, and small ones were rounded to nothing (BerriAI/litellm#8867,
// langfuse#1041, PostHog#50294, genblaze#63, llmgateway#2255).
func TestTracker37SmallAmounts(t *testing.T) {
	costAll(t, []costing{
		{model: "openai/gpt-5-nano", usage: price.Usage{Input: 1}, want: "0.00000005"},
		{model: "openai/gpt-5-nano", tier: "flex", usage: price.Usage{CachedInput: 1}, want: "0.0000000025"},
		{model: "openai/gpt-5-nano", tier: "flex", usage: price.Usage{CachedInput: 3}, want: "0.0000000075"},
		{model: "gemini/gemini-2.5-flash", usage: price.Usage{CachedInput: 1}, want: "0.00000003"},
		{model: "deepseek/deepseek-v4-pro", at: "2026-08-14T02:00:00Z", usage: price.Usage{CachedInput: 1}, want: "0.000000003625"},
		{model: "gemini/gemini-2.5-flash", usage: price.Usage{Input: 1, CachedInput: 1, Output: 1}, want: "0.00000283"},
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(moment(t, noon)))
		base := newScript(says(200, jsonType,
			`{"model":"gpt-5-nano","service_tier":"flex","usage":{"prompt_tokens":1,"completion_tokens":0,"total_tokens":1,"prompt_tokens_details":{"cached_tokens":1}}}`))
		stack := stackOver(t, base, policy.Policy{})
		const calls = 1000
		for range calls {
			if _, err := chat(t, t.Context(), stack, `{"model":"gpt-5-nano","service_tier":"flex"}`); err != nil {
				t.Fatal(err)
			}
		}
		row := stack.Rows()[0]
		if row.Cost != ledger.Known(2500) { // picodollars
			t.Errorf("one call costs %v", row.Cost)
		}
		text, err := json.Marshal(row)
		if err != nil || !strings.Contains(string(text), `"cost_usd":"0.0000000025"`) {
			t.Errorf("%s, %v", text, err)
		}
		if got := stack.Totals().Cost.String(); got != "0.0000025" {
			t.Errorf("%d calls cost %s", calls, got)
		}
	})
}

// A price in a list was off by a factor of a million, as for one token where it is of a million, or a cell had another's
// (LiteLLM's rows of wandb at $540,000 per million; Portkey's cached gemini-3.1-pro at $4.50).
func TestTracker38UnitSlipInTheFeed(t *testing.T) {
	list := func(model, input, cached string) string {
		return `"` + model + `": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": ` + input + `, "cache_read_input_token_cost": ` + cached + `, "output_cost_per_token": 1.2e-05}`
	}
	load := func(entries []string, c price.FeedConfig) (*price.Feed, error) {
		return price.LoadLiteLLM("feed", strings.NewReader("{"+strings.Join(entries, ",")+"}"), c)
	}
	right := list("right", "2e-06", "2e-07")
	feed, err := load([]string{list("wandb", "0.54", "2e-07"), right}, price.FeedConfig{})
	if err != nil || feed.Models != 1 || feed.Skipped != 1 || len(feed.Warnings) != 1 || feed.Warnings[0].Kind != price.Refused || feed.Warnings[0].Model != "wandb" {
		t.Fatalf("%+v, %v", feed, err)
	}
	answer := func(model string) string {
		return `{"model":"` + model + `","service_tier":"default","usage":{"prompt_tokens":1000,"completion_tokens":100,"total_tokens":1100,"prompt_tokens_details":{"cached_tokens":500}}}`
	}
	checkAll(t, []billedCall{
		{name: "the slip", url: openaiURL, request: `{"model":"wandb"}`, answer: answer("wandb"), cost: "unknown"},
		{name: "the others", url: openaiURL, request: `{"model":"right"}`, answer: answer("right"), cost: "0.0023"}, // 500 x 2 + 500 x 0.2 + 100 x 12
	}, middleware.WithPrices(feed.Catalog))
	if _, err := load([]string{list("wandb", "0.54", "2e-07"), right}, price.FeedConfig{Strict: true}); err == nil || !strings.Contains(err.Error(), "wandb") {
		t.Errorf("a strict loader took it: %v", err)
	}
	// A jump of more than ten times against what was known before.
	again, err := load([]string{list("right", "2e-06", "4.5e-06"), list("new", "1e-06", "1e-07")}, price.FeedConfig{Previous: feed.Catalog})
	if err != nil || again.Models != 1 || len(again.Warnings) != 1 || again.Warnings[0].Kind != price.Refused || again.Warnings[0].Model != "right" {
		t.Errorf("%+v, %v", again, err)
	}
	// And a catalog of one's own.
	_, err = price.Parse("own", strings.NewReader(`{"providers":{"openai":{"models":{"m":{"periods":[{"source":"x","tiers":{"standard":[{"usd_per_million":{"input":"540000"}}]}}]}}}}}`))
	if err == nil || !strings.Contains(err.Error(), "above 1000 per million tokens") {
		t.Errorf("%v", err)
	}
}
