package price

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// query asks the embedded catalog at noon UTC on the day that its tables are from.
func query(provider, model, tier string) Query {
	return Query{Provider: provider, Model: model, Tier: tier, At: at("2026-11-21T12:00:00Z")}
}

// perMillionOf is what a million tokens of each kind cost in the embedded catalog, as "input/cached/output".
func perMillionOf(t *testing.T, q Query) string {
	t.Helper()
	var texts []string
	for _, u := range []Usage{{Input: 1}, {CachedInput: 1}, {Output: 1}} {
		got, err := Embedded().Cost(q, u)
		if err != nil {
			return "unpriced"
		}
		texts = append(texts, (got.Cost * 1_000_000).String())
	}
	return strings.Join(texts, "/")
}

// mustCost is [Catalog.Cost] for what has a price.
func mustCost(t testing.TB, c *Catalog, q Query, u Usage) Cost {
	t.Helper()
	got, err := c.Cost(q, u)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// wantUnpriced wants an [*Unpriced] whose reason has all the words.
func wantUnpriced(t *testing.T, err error, words ...string) {
	t.Helper()
	var unpriced *Unpriced
	if !errors.As(err, &unpriced) {
		t.Errorf("the error is %v, want it unpriced with %q", err, words)
		return
	}
	for _, word := range words {
		if !strings.Contains(unpriced.Reason, word) || !strings.Contains(err.Error(), word) {
			t.Errorf("the reason does not name %q: %v", word, err)
		}
	}
}

// A dated price, as "input/cached/output" in dollars per million.
type dated struct{ tier, at, want string }

// checkDated looks up a model at several times.
func checkDated(t *testing.T, provider, model string, tests []dated) {
	t.Helper()
	for _, test := range tests {
		q := Query{Provider: provider, Model: model, Tier: test.tier, At: at(test.at)}
		if got := perMillionOf(t, q); got != test.want {
			t.Errorf("%s %s at %s is %s, want %s", model, test.tier, test.at, got, test.want)
		}
	}
}

func TestO3OnLaunchDay(t *testing.T) {
	checkDated(t, "openai", "o3", []dated{
		{"standard", "2025-04-15T23:59:59Z", "unpriced"},
		{"standard", "2025-04-16", "10/2.5/40"},
		{"flex", "2025-04-16", "unpriced"},
		{"standard", "2025-04-17", "10/2.5/40"},
		{"flex", "2025-04-17", "5/1.25/20"},
		{"priority", "2025-04-17", "unpriced"},
		{"batch", "2025-04-17", "unpriced"},
	})
}

func TestO3AfterTheCut(t *testing.T) {
	checkDated(t, "openai", "o3", []dated{
		{"standard", "2025-06-09T23:59:59.999999999Z", "10/2.5/40"},
		{"flex", "2025-06-09T23:59:59.999999999Z", "5/1.25/20"},
		{"standard", "2025-06-10", "2/0.5/8"},
		{"flex", "2025-06-10", "1/0.25/4"},
		{"priority", "2025-06-10", "3.5/0.875/14"},
		{"batch", "2025-06-10", "1/1/4"},
		{"flex", "2026-11-21", "1/0.25/4"},
	})
	// The moment counts, not the zone in which it is written.
	checkDated(t, "openai", "o3", []dated{
		{"standard", "2025-06-10T01:59:59+02:00", "10/2.5/40"},
		{"standard", "2025-06-09T20:00:00-04:00", "2/0.5/8"},
	})
}

func TestO4Mini(t *testing.T) {
	checkDated(t, "openai", "o4-mini", []dated{
		{"standard", "2025-04-16", "1.1/0.275/4.4"},
		{"flex", "2025-04-16", "unpriced"},
		{"flex", "2025-04-17", "0.55/0.138/2.2"},
		{"standard", "2026-11-21", "1.1/0.275/4.4"},
		{"flex", "2026-11-21", "0.55/0.138/2.2"},
		{"priority", "2026-11-21", "2/0.5/8"},
	})
}

func TestDatedPrices(t *testing.T) {
	checkDated(t, "openai", "gpt-5.6-sol", []dated{
		{"standard", "2026-07-08T23:59:59Z", "unpriced"},
		{"standard", "2026-08-20T23:59:59Z", "5/0.5/30"},
		{"flex", "2026-08-20T23:59:59Z", "2.5/0.25/15"},
		{"standard", "2026-08-21", "4/0.4/20"},
		{"flex", "2026-08-21", "2/0.2/10"},
	})
	checkDated(t, "gemini", "gemini-4-argon", []dated{
		{"standard", "2026-11-30T23:59:59Z", "2/0.1/10"},
		{"batch", "2026-11-30T23:59:59Z", "1/0.05/5"},
		{"priority", "2026-11-30T23:59:59Z", "3.6/0.18/18"},
		{"standard", "2026-12-01", "4/0.2/20"},
		{"batch", "2026-12-01", "2/0.1/10"},
		{"flex", "2026-12-01", "2/0.1/10"},
		{"priority", "2026-12-01", "7.2/0.36/36"},
	})
	checkDated(t, "gemini", "gemini-3.6-flash", []dated{
		{"standard", "2026-08-13T23:59:59Z", "1.5/0.15/7.5"},
		{"standard", "2026-08-14", "0.75/0.075/3.75"},
		{"standard", "2027-01-01", "1.5/0.15/7.5"},
		{"flex", "2027-01-01", "0.75/0.075/3.75"},
		{"batch", "2027-01-01", "0.75/0.075/3.75"},
		{"priority", "2027-01-01", "2.7/0.27/13.5"},
	})
}

func TestPriceID(t *testing.T) {
	for want, q := range map[string]Query{
		"embedded/openai/o3/2025-06-10/flex":             query("openai", "o3-2025-04-16", "flex"),
		"embedded/openai/gpt-5/-/standard":               query("openai", "gpt-5", "standard"),
		"embedded/groq/openai/gpt-oss-120b/-/standard":   query("groq", "openai/gpt-oss-120b", "standard"),
		"embedded/xai/grok-4.5/-/standard":               query("xai", "grok-4.5", "standard"),
		"embedded/deepseek/deepseek-chat/-/standard":     {Provider: "deepseek", Model: "deepseek-chat", Tier: "standard", At: at("2026-01-01")},
		"embedded/gemini/gemini-2.5-pro/-/priority":      query("gemini", "models/gemini-2.5-pro", "priority"),
		"embedded/moonshotai/kimi-k2.5/-/standard":       query("moonshotai", "kimi-k2.5", "standard"),
		"embedded/openai/gpt-5.6-sol/2026-08-21/batch":   query("openai", "gpt-5.6-sol", "batch"),
		"embedded/anthropic/claude-haiku-4-5/-/standard": query("anthropic", "claude-haiku-4-5-20251001", "standard"),
		"embedded/deepseek/deepseek-v4-pro/2026-08-16T16:00:00Z/standard@06:00-10:00": {
			Provider: "deepseek", Model: "deepseek-v4-pro", Tier: "standard", At: at("2026-08-17T06:00:00Z"),
		},
		"embedded/deepseek/deepseek-v4-pro/2026-08-23/standard@mon-fri,01:00-04:00": {
			Provider: "deepseek", Model: "deepseek-v4-pro", Tier: "standard", At: at("2026-08-24T01:00:00Z"),
		},
	} {
		if got := mustCost(t, Embedded(), q, Usage{}); got.PriceID != want {
			t.Errorf("%+v is priced by %q, want %q", q, got.PriceID, want)
		}
	}
}

func TestLongContext(t *testing.T) {
	for _, test := range []struct {
		provider, model string
		last            int64 // prompt of the short band
		short, long     string
	}{
		{"openai", "gpt-5.4", 272_000, "2.5", "5"},
		{"openai", "gpt-5.6-sol", 272_000, "4", "8"},
		{"gemini", "gemini-2.5-pro", 200_000, "1.25", "2.5"},
		{"gemini", "gemini-3.1-pro-preview", 200_000, "2", "4"},
		{"xai", "grok-4.20", 199_999, "1.25", "2.5"},
		{"xai", "grok-4.6", 199_999, "2", "4"},
		{"anthropic", "claude-sonnet-4-5", 200_000, "3", "6"},
	} {
		q := query(test.provider, test.model, "standard")
		for prompt, want := range map[int64]string{
			test.last - 1: test.short,
			test.last:     test.short,
			test.last + 1: test.long,
		} {
			// The whole request is priced by the band, not what is beyond the threshold.
			want := MustUSD(want) / 1_000_000 * Pico(prompt)
			if got := mustCost(t, Embedded(), q, Usage{Input: prompt}); got.Cost != want {
				t.Errorf("%s: a prompt of %d costs %s, want %s", test.model, prompt, got.Cost, want)
			}
		}
	}
}

// Cached and written tokens are part of the prompt that selects the band, and go by it; the output is not.
func TestLongContextCountsTheWholePrompt(t *testing.T) {
	q := query("openai", "gpt-6-sol", "standard")
	u := Usage{Input: 270_000, CachedInput: 1_000, CacheWrite: 1_000, Output: 500_000}
	if got, want := mustCost(t, Embedded(), q, u).Cost, MustUSD("5.5427"); got != want {
		t.Errorf("at the threshold it costs %s, want %s", got, want)
	}
	u.CachedInput++
	if got, want := mustCost(t, Embedded(), q, u).Cost, MustUSD("8.5854004"); got != want {
		t.Errorf("beyond the threshold it costs %s, want %s", got, want)
	}
}

// A tier that ends before the standard tier does says why.
func TestEndOfPricesHasAReason(t *testing.T) {
	for _, test := range []struct{ model, tier, reason string }{
		{"gpt-5.4", "priority", "OpenAI lists no long context for priority"},
		{"gpt-5.5", "priority", "OpenAI lists no long context for priority"},
		{"gpt-5.5-pro", "flex", "OpenAI lists no long context for flex"},
		{"gpt-5.6-cyber", "standard", "the price of a long context was not seen on the page"},
	} {
		q := query("openai", test.model, test.tier)
		mustCost(t, Embedded(), q, Usage{Input: 272_000})
		_, err := Embedded().Cost(q, Usage{Input: 271_999, CachedInput: 2})
		wantUnpriced(t, err, "openai/"+test.model, test.tier, "no price for a long context", test.reason)
	}
	c := mustParse(t, standardTier(`{"up_to":10,"usd_per_million":{"input":"1"}}`))
	_, err := c.Cost(Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: at("2026-01-01")}, Usage{Input: 11})
	wantUnpriced(t, err, "no price for a long context: the prompt is beyond the last band")
}

func TestUnpriced(t *testing.T) {
	for name, test := range map[string]struct {
		q     Query
		u     Usage
		words []string
	}{
		"model":               {query("openai", "gpt-9", "standard"), Usage{}, []string{"openai/gpt-9", "no such model", `"embedded"`}},
		"model in capitals":   {query("openai", "GPT-5", "standard"), Usage{}, []string{"openai/GPT-5", "no such model"}},
		"provider":            {query("acme", "gpt-5", "standard"), Usage{}, []string{"acme/gpt-5", "no such model"}},
		"other's model":       {query("gemini", "gpt-5", "standard"), Usage{}, []string{"gemini/gpt-5", "no such model"}},
		"moving alias":        {query("gemini", "gemini-flash-latest", "standard"), Usage{}, []string{"gemini-flash-latest", "no such model"}},
		"tier of the model":   {query("openai", "o3-pro", "flex"), Usage{}, []string{"openai/o3-pro", "flex", "no price for this tier"}},
		"tier":                {query("openai", "o3", "turbo"), Usage{}, []string{"openai/o3", "turbo", "no price for this tier"}},
		"tier in capitals":    {query("openai", "o3", "Flex"), Usage{}, []string{"Flex", "no price for this tier"}},
		"tier not known":      {query("openai", "o3", ""), Usage{}, []string{"openai/o3", "tier that served is not known"}},
		"time not known":      {Query{Provider: "openai", Model: "o3", Tier: "flex"}, Usage{}, []string{"openai/o3", "start of the request"}},
		"time before":         {Query{Provider: "openai", Model: "o3", Tier: "flex", At: at("2025-01-01")}, Usage{}, []string{"openai/o3", "2025-01-01T00:00:00Z"}},
		"cache write":         {query("openai", "gpt-5", "standard"), Usage{CacheWrite: 1}, []string{"openai/gpt-5", "standard", "cache_write"}},
		"cache write at flex": {query("openai", "gpt-5", "flex"), Usage{CacheWrite: 1}, []string{"gpt-5", "flex", "cache_write"}},
		"hour's cache write":  {query("openai", "gpt-6-sol", "standard"), Usage{CacheWrite1h: 1}, []string{"cache_write_1h"}},
		"audio":               {query("openai", "gpt-5", "standard"), Usage{AudioInput: 1}, []string{"openai/gpt-5", "audio_input"}},
		"cached audio":        {query("openai", "gpt-5", "standard"), Usage{CachedAudioInput: 1}, []string{"cached_audio_input"}},
		"audio at batch":      {query("gemini", "gemini-2.5-pro", "batch"), Usage{AudioInput: 1}, []string{"gemini-2.5-pro", "batch", "audio_input"}},
		"spoken output":       {query("gemini", "gemini-2.5-flash", "standard"), Usage{AudioOutput: 1}, []string{"audio_output"}},
		"output":              {query("cohere", "embed-v4.0", "standard"), Usage{Input: 1, Output: 1}, []string{"embed-v4.0", "no price for output"}},
		"negative":            {query("openai", "o3", "flex"), Usage{Input: 9, CachedInput: -1}, []string{"openai/o3", "cached_input is negative: -1"}},
		"too much reasoning":  {query("openai", "o3", "flex"), Usage{Output: 9, Reasoning: 10}, []string{"openai/o3", "reasoning is 10 of 9"}},
		"negative reasoning":  {query("openai", "o3", "flex"), Usage{Output: 9, Reasoning: -1}, []string{"reasoning is -1 of 9"}},
		"cost beyond int64":   {query("openai", "o3", "flex"), Usage{Input: math.MaxInt64}, []string{"openai/o3", "more than"}},
		"costs beyond int64":  {query("openai", "gpt-4o", "standard"), Usage{Input: 2_000_000_000_000, Output: 500_000_000_000}, []string{"more than"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Embedded().Cost(test.q, test.u)
			wantUnpriced(t, err, test.words...)
			if got != (Cost{}) {
				t.Errorf("and still it costs %+v", got)
			}
		})
	}
}

func TestUnpricedAfterTheLastPeriod(t *testing.T) {
	c := mustParse(t, `"periods":[{"until":"2026-09-10","source":"test","tiers":{"standard":[{"usd_per_million":{"input":"1"}}]}}]`)
	q := Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: at("2026-09-10")}
	_, err := c.Cost(q, Usage{Input: 1})
	wantUnpriced(t, err, "acme/roadrunner", "no price at 2026-09-10T00:00:00Z")
	q.At = q.At.Add(-1)
	mustCost(t, c, q, Usage{Input: 1})
}

func TestRegionalUplift(t *testing.T) {
	q := query("openai", "gpt-5.6-sol", "flex")
	u := Usage{Input: 7, CachedInput: 3}
	want := Cost{
		Cost: MustUSD("0.0000146"), Uncached: MustUSD("0.00002"), List: MustUSD("0.00004"), ListKnown: true,
		PriceID: "embedded/openai/gpt-5.6-sol/2026-08-21/flex",
	}
	if got := mustCost(t, Embedded(), q, u); got != want {
		t.Errorf("it costs %+v, want %+v", got, want)
	}
	q.Regional = true
	want.Cost, want.Uncached, want.List = MustUSD("0.00001606"), MustUSD("0.000022"), MustUSD("0.000044")
	if got := mustCost(t, Embedded(), q, u); got != want {
		t.Errorf("in a region it costs %+v, want %+v", got, want)
	}
	older := query("openai", "gpt-5", "standard")
	plain := mustCost(t, Embedded(), older, u)
	if older.Regional = true; mustCost(t, Embedded(), older, u) != plain {
		t.Error("a model without an uplift has one")
	}
}

// The uplift rounds once, at the end, and halves go to the even picodollar.
func TestUpliftRounds(t *testing.T) {
	c := mustParse(t, `"regional_uplift":"1.10",`+onePrice(`"input":"0.000001","cached_input":"0.000001","output":"0.000005"`))
	q := Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: at("2026-01-01"), Regional: true}
	for tokens, want := range map[int64]struct{ cost, bound Pico }{
		0:  {0, 0},
		1:  {1, 2},   // 1.1
		4:  {4, 5},   // 4.4
		5:  {6, 6},   // 5.5, to even
		6:  {7, 7},   // 6.6
		10: {11, 11}, // exact
		15: {16, 17}, // 16.5, to even
		25: {28, 28}, // 27.5, to even
	} {
		if got := mustCost(t, c, q, Usage{Input: tokens}); got.Cost != want.cost || got.List != want.cost {
			t.Errorf("%d tokens cost %+v, want %d picodollars", tokens, got, want.cost)
		}
		if got, err := c.Bound(q, Size{Input: tokens, Output: 0}); err != nil || got != want.bound {
			t.Errorf("%d tokens are bound by %d, %v; want %d picodollars", tokens, got, err, want.bound)
		}
	}
	if got := mustCost(t, c, q, Usage{Input: 2, CachedInput: 2}); got.Cost != 4 {
		t.Errorf("two and two tokens cost %d picodollars, want 4: it was rounded twice", got.Cost)
	}
	_, err := c.Cost(q, Usage{Input: math.MaxInt64 - 5})
	wantUnpriced(t, err, "more than")
	_, err = c.Bound(q, Size{Input: math.MaxInt64 - 5, Output: 0})
	wantUnpriced(t, err, "more than")
}

// The largest amount survives an uplift of 1, and the product is never taken for a small one.
func TestUpliftAtTheEnds(t *testing.T) {
	if got, err := ratioOf(USD).timesEven(math.MaxInt64); err != nil || got != math.MaxInt64 {
		t.Errorf("times 1 it is %d, %v", got, err)
	}
	for _, factor := range []Pico{USD + 1, 2 * USD, 2*USD + 1, 10 * USD} {
		even, errEven := ratioOf(factor).timesEven(math.MaxInt64)
		up, errUp := ratioOf(factor).timesUp(math.MaxInt64)
		if even != 0 || up != 0 || errEven == nil || errUp == nil {
			t.Errorf("times %s it is %d and %d, %v and %v", factor, even, up, errEven, errUp)
		}
	}
	// The one product that is just short of the end, so that only rounding it up would pass it.
	if got, err := (ratio{math.MaxInt64, math.MaxInt64 - 1}).timesUp(math.MaxInt64 - 1); err != nil || got != math.MaxInt64 {
		t.Errorf("an exact product is %d, %v", got, err)
	}
	if got, err := (ratio{math.MaxInt64*2 + 1, 4}).timesUp(2); err == nil {
		t.Errorf("a product beyond the end is %d", got)
	}
}

func TestWindows(t *testing.T) {
	for _, test := range []dated{
		{"deepseek-chat", "2026-01-01T00:29:59Z", "0.135/0.035/0.55"},
		{"deepseek-chat", "2026-01-01T00:30:00Z", "0.27/0.07/1.1"},
		{"deepseek-chat", "2026-01-03T16:29:59Z", "0.27/0.07/1.1"}, // a Saturday
		{"deepseek-chat", "2026-01-01T16:30:00Z", "0.135/0.035/0.55"},
		{"deepseek-chat", "2026-01-01T18:29:59+02:00", "0.27/0.07/1.1"},
		{"deepseek-reasoner", "2026-01-01T12:00:00Z", "0.55/0.14/2.19"},
		{"deepseek-v4-flash", "2026-08-16T15:59:59Z", "0.14/0.0028/0.28"},
		{"deepseek-v4-flash", "2026-08-16T16:00:00Z", "0.22/0.007/0.66"},
		{"deepseek-v4-flash", "2026-08-17T01:00:00Z", "0.44/0.014/1.32"},
		{"deepseek-v4-flash", "2026-08-17T04:00:00Z", "0.22/0.007/0.66"},
		{"deepseek-v4-flash", "2026-08-22T09:59:59Z", "0.44/0.014/1.32"}, // a Saturday, before the weekend was spared
		{"deepseek-v4-flash", "2026-08-23T01:00:00Z", "0.22/0.007/0.66"}, // a Sunday
		{"deepseek-v4-flash", "2026-08-24T01:00:00Z", "0.44/0.014/1.32"}, // a Monday
		{"deepseek-v4-flash", "2026-08-28T23:00:00-04:00", "0.22/0.007/0.66"},
		{"deepseek-v4-pro", "2026-11-20T06:00:00Z", "1.32/0.044/3.96"}, // a Friday
		{"deepseek-v4-pro", "2026-11-20T10:00:00Z", "0.66/0.022/1.98"},
		{"deepseek-v4-pro", "2026-11-21T06:00:00Z", "0.66/0.022/1.98"},
		{"deepseek-flash", "2026-11-20T06:00:00Z", "0.3/0.006/1.2"},
		{"deepseek-flash", "2026-11-20T05:59:59Z", "0.15/0.003/0.6"},
	} {
		checkDated(t, "deepseek", test.tier, []dated{{"standard", test.at, test.want}})
	}
}

// A window changes the tiers that it names, on the days that it names.
func TestWindowKeepsOtherTiers(t *testing.T) {
	c := mustParse(t, onePeriod(`"tiers":{"standard":[{"usd_per_million":{"input":"8"}}],"flex":[{"usd_per_million":{"input":"4"}}]},
		"windows":[{"from":"00:00","until":"24:00","days":"mon,sat-sun","tiers":{"standard":[{"usd_per_million":{"input":"6"}}],"batch":[{"usd_per_million":{"input":"1"}}]}}]`))
	for day, want := range map[string][tiers]string{ // standard, flex, priority, batch; no other
		"2026-11-20T23:59:59Z": {"8", "4", "", ""},
		"2026-11-21T00:00:00Z": {"6", "4", "", "1"},
		"2026-11-22T12:00:00Z": {"6", "4", "", "1"},
		"2026-11-23T23:59:59Z": {"6", "4", "", "1"},
		"2026-11-24T00:00:00Z": {"8", "4", "", ""},
	} {
		for i, tier := range tierNames {
			got, err := c.Cost(Query{Provider: "acme", Model: "roadrunner", Tier: tier, At: at(day)}, Usage{Input: 1_000_000})
			if want[i] == "" && err == nil || want[i] != "" && (err != nil || got.Cost.String() != want[i]) {
				t.Errorf("%s at %s costs %s, %v; want %q", tier, day, got.Cost, err, want[i])
			}
		}
	}
}

func TestCachedWithoutPriceIsInput(t *testing.T) {
	for _, test := range []struct{ model, tier, want string }{
		{"o3", "batch", "1/1/4"},
		{"o1-pro", "standard", "150/150/600"},
		{"gpt-5-pro", "standard", "15/15/120"},
	} {
		checkDated(t, "openai", test.model, []dated{{test.tier, "2026-11-21", test.want}})
	}
	c := mustParse(t, onePrice(`"input":"0","audio_input":"3"`))
	q := Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: at("2026-01-01")}
	if got := mustCost(t, c, q, Usage{CachedInput: 5, CachedAudioInput: 1_000_000}); got.Cost != 3*USD {
		t.Errorf("cached audio costs %s, want 3", got.Cost)
	}
}

// Cached images follow plain ones, as cached audio does; a write of twelve hours follows nothing.
func TestCachedImages(t *testing.T) {
	q := Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: at("2026-01-01")}
	u := Usage{CachedImageInput: 1_000_000}
	c := mustParse(t, onePrice(`"input":"1","image_input":"8"`))
	if got := mustCost(t, c, q, u); got.Cost != 8*USD || got.Uncached != 8*USD {
		t.Errorf("cached images cost %+v, want 8", got)
	}
	c = mustParse(t, onePrice(`"input":"1","image_input":"8","cached_image_input":"2"`))
	if got := mustCost(t, c, q, u); got.Cost != 2*USD || got.Uncached != 8*USD {
		t.Errorf("cached images cost %+v, want 2 of 8", got)
	}
	_, err := c.Cost(q, Usage{CacheWrite12h: 1})
	wantUnpriced(t, err, "no price for cache_write_12h")
	c = mustParse(t, onePrice(`"input":"1","cache_write_12h":"2.5","video_input":"3","video_output":"4"`))
	got := mustCost(t, c, q, Usage{CacheWrite12h: 1_000_000, VideoInput: 1_000_000, VideoOutput: 1_000_000})
	if got.Cost != MustUSD("9.5") || got.Uncached != 8*USD {
		t.Errorf("a write and video cost %+v, want 9.5 of 8", got)
	}
}

// Requests of tools cost the same with a cache as without, select no band, and make output no dearer.
func TestTools(t *testing.T) {
	c := mustParse(t, `"regional_uplift":"1.1","limits":{"max_output":100},`+onePeriod(`"tiers":{
		"standard":[
			{"up_to":10,"usd_per_million":{"input":"4","cached_input":"1","output":"8"},"usd_per_thousand":{"web_searches":"10","requests":"12"}},
			{"usd_per_million":{"input":"5"},"usd_per_thousand":{"web_searches":"20","requests":"15"}}],
		"flex":[{"usd_per_million":{"input":"2"}}],
		"batch":[{"usd_per_thousand":{"web_searches":"10","code_sessions":"0","file_searches":"10000","map_searches":"0.000000001"}}]}`))
	q := Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: at("2026-01-01")}
	for _, test := range []struct {
		tier string
		u    Usage
		want Cost
	}{
		{"standard", Usage{WebSearches: 3}, Cost{Cost: MustUSD("0.03"), Uncached: MustUSD("0.03"), List: MustUSD("0.03"), ListKnown: true}},
		{"standard", Usage{CachedInput: 10, WebSearches: 3}, Cost{Cost: MustUSD("0.03001"), Uncached: MustUSD("0.03004"), List: MustUSD("0.03004"), ListKnown: true}},
		{"standard", Usage{Input: 10, WebSearches: 1, Requests: 1}, Cost{Cost: MustUSD("0.02204"), Uncached: MustUSD("0.02204"), List: MustUSD("0.02204"), ListKnown: true}},
		{"standard", Usage{Input: 11, WebSearches: 1}, Cost{Cost: MustUSD("0.020055"), Uncached: MustUSD("0.020055"), List: MustUSD("0.020055"), ListKnown: true}},
		{"batch", Usage{WebSearches: 1}, Cost{Cost: MustUSD("0.01"), Uncached: MustUSD("0.01"), List: MustUSD("0.01"), ListKnown: true}},
		{"batch", Usage{WebSearches: 1, CodeSessions: 9}, Cost{Cost: MustUSD("0.01"), Uncached: MustUSD("0.01")}},
		{"batch", Usage{FileSearches: 2, MapSearches: 1}, Cost{Cost: 20*USD + 1, Uncached: 20*USD + 1}},
	} {
		q.Tier = test.tier
		got := mustCost(t, c, q, test.u)
		if got.PriceID = ""; got != test.want {
			t.Errorf("%s: %+v costs %+v, want %+v", test.tier, test.u, got, test.want)
		}
	}
	for tier, words := range map[string][]string{"standard": {"no price for map_searches"}, "flex": {"no price for map_searches"}} {
		q.Tier = tier
		_, err := c.Cost(q, Usage{MapSearches: 1})
		wantUnpriced(t, err, words...)
	}
	q.Tier = "batch"
	_, err := c.Cost(q, Usage{Input: 1})
	wantUnpriced(t, err, "no price for input")
	_, err = c.Cost(q, Usage{WebSearches: -1})
	wantUnpriced(t, err, "web_searches is negative: -1")
	_, err = c.Cost(q, Usage{FileSearches: math.MaxInt64, WebSearches: math.MaxInt64})
	wantUnpriced(t, err, "more than")
	_, err = c.Bound(q, Size{Input: 1, Output: 1})
	wantUnpriced(t, err, "any kind of input") // that there is a price of searches does not help

	q = Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: at("2026-01-01"), Regional: true}
	if got := mustCost(t, c, q, Usage{WebSearches: 3}); got.Cost != MustUSD("0.033") {
		t.Errorf("in a region three searches cost %s", got.Cost)
	}
	q.Regional = false
	for in, want := range map[int64]string{10: "0.01212", 11: "0.015135"} {
		// The tokens, and the request itself; searches are not in it, and their price is not taken for one of output.
		if got, err := c.Bound(q, Size{Input: in, Output: 10}); err != nil || got != MustUSD(want) {
			t.Errorf("the bound of %d tokens is %s, %v; want %s", in, got, err, want)
		}
	}
}

// Storage is priced by Catalog.Storage, not by Cost.
func TestCostIgnoresStorage(t *testing.T) {
	q := query("openai", "o3", "flex")
	if got := mustCost(t, Embedded(), q, Usage{Input: 1, StorageTokenSeconds: 1 << 62}); got != mustCost(t, Embedded(), q, Usage{Input: 1}) {
		t.Errorf("with storage it costs %+v", got)
	}
}

func TestUncachedAndList(t *testing.T) {
	for tier, test := range map[string]struct {
		u    Usage
		want Cost
	}{
		"standard": {
			Usage{Input: 100, CachedInput: 2_000, CacheWrite: 400, Output: 50, Reasoning: 20},
			Cost{Cost: MustUSD("0.0021"), Uncached: MustUSD("0.0055"), List: MustUSD("0.0055"), ListKnown: true},
		},
		"flex": {
			Usage{Input: 100, CachedInput: 2_000, Output: 50, Reasoning: 20},
			Cost{Cost: MustUSD("0.00055"), Uncached: MustUSD("0.00235"), List: MustUSD("0.0047"), ListKnown: true},
		},
		"priority": {
			Usage{Input: 100, CachedInput: 2_000, Output: 50, Reasoning: 20},
			Cost{Cost: MustUSD("0.0022"), Uncached: MustUSD("0.0094"), List: MustUSD("0.0047"), ListKnown: true},
		},
	} {
		got := mustCost(t, Embedded(), query("openai", "gpt-6-sol", tier), test.u)
		if got.PriceID = ""; got != test.want {
			t.Errorf("%s: %+v, want %+v", tier, got, test.want)
		}
	}
}

func TestListNotKnown(t *testing.T) {
	q := Query{Provider: "acme", Model: "roadrunner", Tier: "flex", At: at("2026-01-01")}
	for name, standard := range map[string]string{
		"no standard tier":     ``,
		"no price of output":   `"standard":[{"usd_per_million":{"input":"1"}}],`,
		"no price beyond five": `"standard":[{"up_to":5,"usd_per_million":{"input":"1","output":"1"}}],`,
	} {
		c := mustParse(t, onePeriod(`"tiers":{`+standard+`"flex":[{"usd_per_million":{"input":"2","output":"3"}}]}`))
		got := mustCost(t, c, q, Usage{Input: 6, Output: 1})
		want := Cost{Cost: 15_000_000, Uncached: 15_000_000, PriceID: "test/acme/roadrunner/-/flex"}
		if got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func TestCostDoesNotAllocate(t *testing.T) {
	c := Embedded()
	for _, q := range []Query{
		query("openai", "o3", "flex"),
		query("openai", "models/gpt-5-2025-08-07", "priority"),
		query("deepseek", "deepseek-v4-pro", "standard"),
		{Provider: "openai", Model: "gpt-5.6-sol", Tier: "batch", At: at("2026-11-21"), Regional: true},
	} {
		u := Usage{Input: 1_000, CachedInput: 2_000, Output: 300, Reasoning: 100}
		if n := testing.AllocsPerRun(100, func() { mustCost(t, c, q, u) }); n != 0 {
			t.Errorf("%+v: %v allocations", q, n)
		}
		if n := testing.AllocsPerRun(100, func() { _, _ = c.Bound(q, Size{Input: 1_000, Output: 300}) }); n != 0 {
			t.Errorf("%+v: %v allocations for a bound", q, n)
		}
	}
}

func BenchmarkCost(b *testing.B) {
	benchmarkCost(b, Embedded(), map[string][]Query{
		"exact":    {query("openai", "o3", "flex")},
		"snapshot": {query("openai", "gpt-5-2025-08-07", "flex")},
		"window":   {query("deepseek", "deepseek-v4-pro", "standard")},
	})
}

// benchmarkCost asks the catalog for each list of queries in turn.
func benchmarkCost(b *testing.B, c *Catalog, lists map[string][]Query) {
	u := Usage{Input: 1_000, CachedInput: 2_000, Output: 300, Reasoning: 100}
	for name, list := range lists {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			next := 0
			for b.Loop() {
				if _, err := c.Cost(list[next], u); err != nil {
					b.Fatal(err)
				}
				if next++; next == len(list) {
					next = 0
				}
			}
		})
	}
}
