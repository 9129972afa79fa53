package price

import (
	"strings"
	"testing"
	"time"
)

// minutes and hours are shorthands for times to live.
const (
	minutes = time.Minute
	hours   = time.Hour
)

func TestCaching(t *testing.T) {
	for _, test := range []struct {
		name, tier, at string
		prompt         int64
		want           Caching
	}{
		{"gemini/gemini-2.5-pro", "standard", "2026-11-28", 100_000,
			Caching{MinExplicit: 2048, MinImplicit: 2048, NoWrites: noWrites, Input: 1_250_000, Cached: 125_000, Create: 1_250_000, Storage: 4_500_000}},
		{"gemini/models/gemini-2.5-pro-002", "standard", "2026-11-28", 200_001,
			Caching{MinExplicit: 2048, MinImplicit: 2048, NoWrites: noWrites, Input: 2_500_000, Cached: 250_000, Create: 2_500_000, Storage: 4_500_000}},
		// A cache that is read on flex is created at the standard price.
		{"gemini/gemini-2.5-flash", "flex", "2026-11-28", 1,
			Caching{MinExplicit: 2048, MinImplicit: 2048, NoWrites: noWrites, Input: 150_000, Cached: 15_000, Create: 300_000, Storage: 1_000_000}},
		{"gemini/gemini-2.5-flash", "standard", "2026-07-06T23:59:59Z", 1,
			Caching{MinExplicit: 1024, MinImplicit: 1024, NoWrites: noWrites, Input: 300_000, Cached: 30_000, Create: 300_000, Storage: 1_000_000}},
		{"gemini/gemini-3.8-flash", "standard", "2026-12-31", 1,
			Caching{MinExplicit: 4096, MinImplicit: 4096, NoWrites: noWrites, Input: 750_000, Cached: 75_000, Create: 750_000, Storage: 500_000}},
		{"gemini/gemini-3.8-flash", "standard", "2027-01-01", 1,
			Caching{MinExplicit: 4096, MinImplicit: 4096, NoWrites: noWrites, Input: 1_500_000, Cached: 150_000, Create: 1_500_000, Storage: 1_000_000}},
		{"gemini/gemini-4-argon", "standard", "2026-11-28", 1,
			Caching{NoExplicit: noExplicit, MinImplicit: 4096, NoWrites: noWrites, Input: 2_000_000, Cached: 100_000}},
		{"gemini/gemini-3.6-flash", "standard", "2026-07-02", 1,
			Caching{NoExplicit: noStoragePrice, MinImplicit: 4096, NoWrites: noWrites, Input: 1_500_000, Cached: 150_000}},
		{"openai/gpt-5", "standard", "2026-11-28", 1,
			Caching{NoExplicit: noExplicit, MinImplicit: 1024, NoWrites: noWrites, Input: 1_250_000, Cached: 125_000}},
		{"openai/gpt-6.1-terra", "standard", "2026-11-28", 1,
			Caching{NoExplicit: noExplicit, MinImplicit: 1024, MinWrite: 1024, Input: 1_000_000, Cached: 50_000,
				Writes: [3]WriteRate{{30 * minutes, 1_250_000}, {12 * hours, 2_500_000}}}},
		{"openai/gpt-6.1-terra", "flex", "2026-11-28", 1,
			Caching{NoExplicit: noExplicit, MinImplicit: 1024, MinWrite: 1024, Input: 500_000, Cached: 25_000,
				Writes: [3]WriteRate{{30 * minutes, 625_000}, {12 * hours, 1_250_000}}}},
		{"anthropic/claude-opus-5", "standard", "2026-11-28", 1,
			Caching{NoExplicit: noExplicit, MinWrite: 512, Input: 5_000_000, Cached: 500_000,
				Writes: [3]WriteRate{{5 * minutes, 6_250_000}, {hours, 10_000_000}}}},
		{"anthropic/claude-haiku-4-5", "standard", "2026-11-28", 1,
			Caching{NoExplicit: noExplicit, MinWrite: 4096, Input: 1_000_000, Cached: 100_000,
				Writes: [3]WriteRate{{5 * minutes, 1_250_000}, {hours, 2_000_000}}}},
	} {
		provider, model, _ := strings.Cut(test.name, "/")
		got, err := Embedded().Caching(Query{Provider: provider, Model: model, Tier: test.tier, At: at(test.at)}, test.prompt)
		if err != nil || got != test.want {
			t.Errorf("%s %s at %s:\ngot  %+v, %v\nwant %+v", test.name, test.tier, test.at, got, err, test.want)
		}
	}
}

func TestCachingUnpriced(t *testing.T) {
	known := Query{Provider: "gemini", Model: "gemini-2.5-pro", Tier: "standard", At: at("2026-11-28")}
	with := func(change func(*Query)) Query { q := known; change(&q); return q }
	later := mustParse(t, `"caching":[{"from":"2026-02-01","until":"2026-03-01","source":"s"}],`+onePrice(`"input":"1"`))
	acme := func(day string) Query {
		return Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: at(day)}
	}
	for name, test := range map[string]struct {
		c      *Catalog
		q      Query
		prompt int64
		words  []string
	}{
		"model":             {Embedded(), with(func(q *Query) { q.Model = "gemini-9" }), 1, []string{"gemini/gemini-9", "no such model"}},
		"moving alias":      {Embedded(), with(func(q *Query) { q.Model = "gemini-pro-latest" }), 1, []string{"no such model"}},
		"provider":          {Embedded(), with(func(q *Query) { q.Provider = "acme" }), 1, []string{"no such model"}},
		"time":              {Embedded(), with(func(q *Query) { q.At = time.Time{} }), 1, []string{"start of the request is not known"}},
		"tier":              {Embedded(), with(func(q *Query) { q.Tier = "turbo" }), 1, []string{"no price for this tier"}},
		"no tier":           {Embedded(), with(func(q *Query) { q.Tier = "" }), 1, []string{"the tier that served is not known"}},
		"negative prompt":   {Embedded(), known, -1, []string{"negative: -1"}},
		"nothing is cached": {Embedded(), Query{Provider: "openai", Model: "gpt-5-pro", Tier: "standard", At: known.At}, 1, []string{"openai/gpt-5-pro", "not known what the model caches"}},
		"long prompt":       {Embedded(), Query{Provider: "openai", Model: "gpt-5.4", Tier: "priority", At: known.At}, 300_000, []string{"no price for input"}},
		"before":            {later, acme("2026-01-31"), 1, []string{"not known what the model caches at 2026-01-31T00:00:00Z"}},
		"after":             {later, acme("2026-03-01"), 1, []string{"not known what the model caches"}},
	} {
		got, err := test.c.Caching(test.q, test.prompt)
		if got != (Caching{}) {
			t.Errorf("%s: and still %+v", name, got)
		}
		t.Run(name, func(t *testing.T) { wantUnpriced(t, err, test.words...) })
	}
	if _, err := later.Caching(acme("2026-02-01"), 0); err != nil {
		t.Errorf("within the entry: %v", err)
	}
}

// A layer that does not say what a model offers leaves that to the next one, and has its own rates.
func TestCachingLayers(t *testing.T) {
	price := func(more, prices string) string {
		return `"gemini":{"models":{"gemini-2.5-pro":{` + more + `"periods":[{"source":"s","tiers":{"standard":[{"usd_per_million":{` + prices + `}}]}}]}}}`
	}
	q := Query{Provider: "gemini", Model: "gemini-2.5-pro", Tier: "standard", At: at("2026-11-28")}
	embedded, err := Embedded().Caching(q, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, user string
		change     func(*Caching)
	}{
		{"rates of a contract", price("", `"input":"1","cached_input":"0.1","cache_write":"0.9"`),
			func(c *Caching) { c.Input, c.Cached, c.Create = 1_000_000, 100_000, 900_000 }},
		// It disagrees with the embedded catalog about the price of input, so it is not known what creation costs.
		{"no rate of creation", price("", `"input":"1","cached_input":"0.1"`), func(c *Caching) {
			c.Input, c.Cached, c.Create, c.Storage, c.MinExplicit, c.NoExplicit = 1_000_000, 100_000, 0, 0, 0, noCreationPrice
		}},
		{"the same rates, and none of creation", price("", `"input":"1.25","cached_input":"0.125"`), func(*Caching) {}},
		{"what it offers itself", price(`"caching":[{"source":"s","min_explicit":7,"min_write":5,"write_ttl":"10m"}],`, `"input":"1","cached_input":"0.1","cache_write":"3"`),
			func(c *Caching) {
				*c = Caching{MinExplicit: 7, MinWrite: 5, Input: 1_000_000, Cached: 100_000, Create: 3_000_000, Storage: 4_500_000,
					Writes: [3]WriteRate{{10 * minutes, 3_000_000}}}
			}},
		{"nothing, it says", price(`"caching":[{"source":"s"}],`, `"input":"1","cached_input":"0.1"`), func(c *Caching) {
			*c = Caching{NoExplicit: noExplicit, NoWrites: noWrites, Input: 1_000_000, Cached: 100_000}
		}},
		{"until last year", price(`"caching":[{"source":"s","until":"2026-01-01"}],`, `"input":"1.25","cached_input":"0.125"`), func(*Caching) {}},
		{"an alias of its own", `"gemini":{"models":{"gemini-2.5-pro":{"same_as":"gemini/gemini-2.5-flash"}}}`, func(c *Caching) {
			c.Input, c.Cached, c.Create, c.Storage = 300_000, 30_000, 300_000, 1_000_000
		}},
		{"writes without a price", price(`"caching":[{"source":"s","min_write":5,"write_ttl":"10m"}],`, `"input":"1","cached_input":"0.1"`), func(c *Caching) {
			*c = Caching{NoExplicit: noExplicit, NoWrites: noWritePrice, Input: 1_000_000, Cached: 100_000}
		}},
	} {
		want := embedded
		test.change(&want)
		got, err := Layers(namedCatalog(t, "user", test.user), Embedded()).Caching(q, 1)
		if err != nil || got != want {
			t.Errorf("%s:\ngot  %+v, %v\nwant %+v", test.name, got, err, want)
		}
	}
}

// A list that does not state the price of cached input or of creation leaves them to the embedded catalog, if it agrees.
func TestCachingFeed(t *testing.T) {
	for input, ok := range map[string]bool{"1.25e-06": true, "1.3e-06": false} {
		list := `{"gemini/gemini-2.5-pro": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": ` + input + `, "output_cost_per_token": 1e-05}}`
		feed, err := LoadLiteLLM("list", strings.NewReader(list), FeedConfig{})
		if err != nil {
			t.Fatal(err)
		}
		c := Layers(feed.Catalog, Embedded())
		for prompt, storage := range map[int64]Pico{1: 4_500_000, 300_000: 4_500_000} {
			q := Query{Provider: "gemini", Model: "gemini-2.5-pro", Tier: "standard", At: at("2026-11-28")}
			got, err := c.Caching(q, prompt)
			if want, _ := Embedded().Caching(q, prompt); ok && (err != nil || got != want || got.Storage != storage) {
				t.Errorf("a prompt of %d: %+v, %v; want %+v", prompt, got, err, want)
			}
			if !ok {
				wantUnpriced(t, err, "gemini-2.5-pro", "no price for")
			}
		}
	}
}

// The rates are what Cost charges: for every model, tier and length of prompt.
func TestCachingIsWhatCostCharges(t *testing.T) {
	compared := 0
	for _, provider := range []string{"gemini", "openai", "anthropic"} {
		for _, model := range Embedded().Models(provider) {
			for _, tier := range tierNames {
				for _, prompt := range []int64{1_000, 100_001, 200_001, 272_001} {
					q := query(provider, model, tier)
					got, err := Embedded().Caching(q, prompt)
					if err != nil {
						continue
					}
					rates := map[Pico]Usage{got.Input: {Input: prompt}, got.Cached: {CachedInput: prompt}}
					for _, w := range got.Writes {
						switch w.TTL {
						case 5 * minutes, 30 * minutes:
							rates[w.Rate] = Usage{CacheWrite: prompt}
						case hours:
							rates[w.Rate] = Usage{CacheWrite1h: prompt}
						case 12 * hours:
							rates[w.Rate] = Usage{CacheWrite12h: prompt}
						}
					}
					for rate, u := range rates {
						compared++
						if cost := mustCost(t, Embedded(), q, u).Cost; cost != rate*Pico(prompt) {
							t.Errorf("%s %s: %+v costs %s, and the rate is %d", model, tier, u, cost, rate)
						}
					}
				}
			}
		}
	}
	if compared < 2_000 {
		t.Errorf("only %d rates were compared", compared)
	}
}

// A regional call has the uplift in each rate.
func TestCachingRegional(t *testing.T) {
	q := Query{Provider: "gemini", Model: "gemini-3.8-flash", Tier: "standard", At: at("2026-11-28"), Regional: true}
	got, err := Embedded().Caching(q, 1)
	want := Caching{MinExplicit: 4096, MinImplicit: 4096, NoWrites: noWrites, Input: 825_000, Cached: 82_500, Create: 825_000, Storage: 550_000}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	c := mustParse(t, `"regional_uplift":"1.000001","caching":[{"source":"s"}],`+onePrice(`"input":"1.000001"`))
	got, err = c.Caching(Query{Provider: "acme", Model: "roadrunner", Tier: "standard", At: q.At, Regional: true}, 1)
	if err != nil || got.Input != 1_000_003 { // 1,000,001 * 1.000001 = 1,000,002.000001
		t.Errorf("the rate of input is %d, %v", got.Input, err)
	}
}

// One look-up has all that the arithmetic of a cache needs, and allocates nothing.
func TestCachingAllocs(t *testing.T) {
	user := namedCatalog(t, "user", `"openai":{"models":{`+flat("gpt-5", "7", "")+`}}`)
	for name, c := range map[string]*Catalog{"embedded": Embedded(), "layers": Layers(user, Embedded())} {
		for _, q := range []Query{query("gemini", "gemini-2.5-pro", "flex"), query("openai", "gpt-6.1-sol", "standard"), query("openai", "gpt-5", "standard")} {
			if n := testing.AllocsPerRun(100, func() {
				if _, err := c.Caching(q, 1_000); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s: %s: %v allocations", name, q.Model, n)
			}
		}
	}
}
