package price

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// audioList is a list of LiteLLM's with one model, which states no cached price of audio and no uplift.
func audioList(t testing.TB, fields string) *Catalog {
	t.Helper()
	list := `{"gemini/m": {"litellm_provider": "gemini", "mode": "chat", ` + fields + `}}`
	return loaded(t)(LoadLiteLLM("feed", strings.NewReader(list), FeedConfig{})).Catalog
}

const audioBase = `"gemini":{"models":{"m":{"regional_uplift":"1.1","periods":[{"source":"s","tiers":{"standard":[
	{"up_to":200000,"usd_per_million":{"input":"0.3","cached_input":"0.03","audio_input":"1","cached_audio_input":"0.1","output":"2.5"},"usd_per_thousand":{"web_searches":"35"}},
	{"usd_per_million":{"input":"0.6","cached_input":"0.06","audio_input":"2","cached_audio_input":"0.2","output":"5"}}]},
	"windows":[{"from":"01:00","until":"05:00","tiers":{"standard":[{"usd_per_million":{"input":"0.15","cached_input":"0.015","audio_input":"0.5","cached_audio_input":"0.05","output":"1.25"}}]}}]}]}}}`

func TestFeedOverCatalog(t *testing.T) {
	base := namedCatalog(t, "base", audioBase)
	agrees := audioList(t, `"input_cost_per_token": 3e-7, "cache_read_input_token_cost": 3e-8, "input_cost_per_audio_token": 1e-6, "output_cost_per_token": 25e-7`)
	differs := audioList(t, `"input_cost_per_token": 4e-7, "cache_read_input_token_cost": 3e-8, "input_cost_per_audio_token": 1e-6, "output_cost_per_token": 25e-7`)
	banded := audioList(t, `"input_cost_per_token": 3e-7, "input_cost_per_token_above_200k_tokens": 6e-7, "output_cost_per_token": 25e-7`)
	longer := audioList(t, `"input_cost_per_token": 3e-7, "input_cost_per_token_above_200k_tokens": 7e-7, "output_cost_per_token": 25e-7`)
	flat := audioList(t, `"input_cost_per_token": 6e-7, "output_cost_per_token": 5e-6`)
	nothing := audioList(t, `"output_cost_per_image_token": 1e-6`)
	noon, night := "2026-09-20T12:00:00Z", "2026-09-20T02:00:00Z"
	for _, c := range []struct {
		name string
		feed *Catalog
		at   string
		u    Usage
		want string // the cost and the catalog that has the price, or a part of the error
	}{
		{"all is stated", agrees, noon, Usage{Input: 1000, Output: 100}, "0.00055 feed"},
		{"a counter is not", agrees, noon, Usage{Input: 1000, CachedAudioInput: 1000}, "0.0004 base"},
		{"a tool is not", agrees, noon, Usage{WebSearches: 1}, "0.035 base"},
		{"nor below", agrees, noon, Usage{CacheWrite: 1}, "no price for cache_write"},
		{"a counter is not, and the rest differs", differs, noon, Usage{Input: 1000, CachedAudioInput: 1000}, "no price for cached_audio_input"},
		{"what is stated counts, if it differs", differs, noon, Usage{Input: 1000, Output: 100}, "0.00065 feed"},
		{"a long prompt, of a list without bands", agrees, noon, Usage{Input: 300_000}, "0.18 base"},
		{"a long prompt, of a list without bands, and a gap", agrees, noon, Usage{Input: 200_000, CachedAudioInput: 100_000}, "0.14 base"},
		{"a long prompt, and the short one's price differs", differs, noon, Usage{Input: 300_000}, "one price for prompts of any length"},
		{"the first band ends there", differs, noon, Usage{Input: 200_000}, "0.08 feed"},
		{"the price of the long prompt for any length", flat, noon, Usage{Input: 300_000}, "0.18 feed"},
		{"and a gap there", flat, noon, Usage{Input: 299_000, CachedInput: 1_000}, "0.17946 base"},
		{"and a gap in a short prompt", flat, noon, Usage{Input: 1000, CachedInput: 1_000}, "no price for cached_input"},
		{"a band is stated", banded, noon, Usage{Input: 300_000}, "0.18 feed"},
		{"a band is stated, and a counter in it is not", banded, noon, Usage{Input: 300_000, Output: 1000}, "0.185 base"},
		{"another price of the band", longer, noon, Usage{Input: 300_000}, "0.21 feed"},
		{"another price of the band, and a counter in it is not", longer, noon, Usage{Input: 300_000, Output: 1000}, "no price for output"},
		{"an hour of another price", agrees, night, Usage{Input: 1000}, "0.00015 base"},
		{"an hour of another price, and a gap", agrees, night, Usage{Input: 1000, CachedAudioInput: 1000}, "0.0002 base"},
		{"an hour of another price, and the others differ", differs, night, Usage{Input: 1000}, "at any hour"},
		{"nothing in common", nothing, noon, Usage{Input: 1000}, "no price for input"},
	} {
		got, err := Layers(c.feed, base).Cost(Query{Provider: "gemini", Model: "m", Tier: "standard", At: at(c.at)}, c.u)
		text := got.Cost.String() + " " + strings.Split(got.PriceID, "/")[0]
		if err != nil {
			wantUnpriced(t, err, c.want)
		} else if text != c.want {
			t.Errorf("%s: %s, want %s", c.name, text, c.want)
		}
	}
}

// A user's catalog says what it means: a price for prompts of any length is one.
func TestUserOverCatalog(t *testing.T) {
	user := namedCatalog(t, "user", `"gemini":{"models":{`+flat("m", "0.3", "")+`}}`)
	c := Layers(user, namedCatalog(t, "base", audioBase))
	q := Query{Provider: "gemini", Model: "m", Tier: "standard", At: feedTime}
	for n, want := range map[int64]string{1000: "0.0003", 300_000: "0.09"} {
		if got := mustCost(t, c, q, Usage{Input: n}); got.Cost != MustUSD(want) {
			t.Errorf("%d tokens cost %s by %s, want %s", n, got.Cost, got.PriceID, want)
		}
	}
	// It also says that cached tokens have no discount, which the other catalog denies.
	_, err := c.Cost(q, Usage{Input: 1000, Output: 1000})
	wantUnpriced(t, err, "no price for output")
	q.Regional = true
	if got := mustCost(t, c, q, Usage{Input: 1000}); got.Cost != MustUSD("0.0003") {
		t.Errorf("a region costs %s by %s", got.Cost, got.PriceID)
	}
}

// A layer that disagrees ends the search, even if the one below it agrees again.
func TestThirdLayer(t *testing.T) {
	base := namedCatalog(t, "base", audioBase)
	first := audioList(t, `"input_cost_per_token": 3e-7`)
	agrees := audioList(t, `"input_cost_per_token": 3e-7, "input_cost_per_audio_token": 1e-6`)
	differs := audioList(t, `"input_cost_per_token": 3e-7, "input_cost_per_audio_token": 9e-6`)
	q := Query{Provider: "gemini", Model: "m", Tier: "standard", At: feedTime}
	u := Usage{Input: 1000, CachedAudioInput: 1000}
	if got := mustCost(t, Layers(first, agrees, base), q, u); got.Cost != MustUSD("0.0004") {
		t.Errorf("%s by %s", got.Cost, got.PriceID)
	}
	_, err := Layers(first, differs, base).Cost(q, u)
	wantUnpriced(t, err, "no price for cached_audio_input")
}

func TestFeedUplift(t *testing.T) {
	base := namedCatalog(t, "base", audioBase)
	silent := audioList(t, `"input_cost_per_token": 4e-7`)
	stated := audioList(t, `"input_cost_per_token": 4e-7, "regional_processing_uplift_multiplier_eu": 1.2`)
	none := audioList(t, `"input_cost_per_token": 4e-7, "regional_processing_uplift_multiplier_eu": 1`)
	q := Query{Provider: "gemini", Model: "m", Tier: "standard", At: feedTime, Regional: true}
	for _, c := range []struct {
		c    *Catalog
		want string
	}{
		{Layers(silent, base), "0.00044"},
		{Layers(stated, base), "0.00048"},
		{Layers(none, base), "0.0004"},
	} {
		if got := mustCost(t, c.c, q, Usage{Input: 1000}); got.Cost != MustUSD(c.want) {
			t.Errorf("%s by %s, want %s", got.Cost, got.PriceID, c.want)
		}
		if bound, err := c.c.Bound(q, Size{Input: 1000, Output: 0}); err != nil || bound < MustUSD(c.want) {
			t.Errorf("the bound is %s, %v, below the cost of %s", bound, err, c.want)
		}
	}
	_, err := silent.Cost(q, Usage{Input: 1000})
	wantUnpriced(t, err, "region-bound host")
	_, err = silent.Bound(q, Size{Input: 1000, Output: 0})
	wantUnpriced(t, err, "region-bound host")
	q.Regional = false
	mustCost(t, silent, q, Usage{Input: 1000})
}

// holed returns a copy of the embedded catalog as a list would have it, with cells and bands missing and others changed.
func holed(t *testing.T, name string, random *rand.Rand) *Catalog {
	t.Helper()
	c := thinned(t, name, random)
	for _, m := range c.models {
		m.fromList, m.upliftUnknown = random.IntN(3) > 0, random.IntN(2) == 0
		for i := range m.periods {
			sets := []tierSet{m.periods[i].tiers}
			if random.IntN(2) == 0 {
				m.periods[i].windows = nil
			}
			for _, w := range m.periods[i].windows {
				sets = append(sets, w.tiers)
			}
			for _, set := range sets {
				for _, tier := range set {
					tier.makeHoles(random)
				}
			}
		}
	}
	return c
}

// makeHoles removes and changes prices.
func (t *tier) makeHoles(random *rand.Rand) {
	if t == nil {
		return
	}
	if len(t.bands) > 1 && random.IntN(2) == 0 {
		t.bands = slices.Clone(t.bands[:1])
		if random.IntN(2) == 0 {
			t.bands[0].upTo = endless
		}
	}
	change := random.IntN(4) == 0
	for i := range t.bands {
		b := &t.bands[i]
		for c := range counters {
			switch random.IntN(6) {
			case 0:
				b.prices[c] = unknown
			case 1:
				if change && b.prices[c] > 0 {
					b.prices[c] += int64(random.IntN(3)-1) * (b.prices[c] / 2)
				}
			}
		}
		for c, plain := range plainCounter {
			if b.prices[plain] < 0 {
				b.prices[c] = unknown
			}
			b.plain[c] = b.prices[plain]
		}
	}
}

// Whatever a list lacks, one layer prices the whole call, and the bound covers that.
func TestHolesInLayers(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	layers := []*Catalog{holed(t, "user", random), holed(t, "feed", random), Embedded()}
	c := Layers(layers...)
	by := make(map[string]int)
	below, bounded := 0, 0
	newOracle(t).questions(15, 60_000, func(x question) {
		got, err := c.Cost(x.q, x.u)
		if err != nil {
			return
		}
		name, _, _ := strings.Cut(got.PriceID, "/")
		by[name]++
		first := mustFind(t, c, x.q)
		layer := layers[slices.IndexFunc(layers, func(c *Catalog) bool { return c.name == name })]
		f := mustFind(t, layer, x.q)
		if f.model != first.model {
			below++
		}
		up, err := c.uplift(&x.q, first.model)
		var n used
		n.read(&x.u)
		if cost, wrong := f.cost(&x.q, x.u.Prompt(), &n, up); err != nil || wrong != nil || cost != got {
			t.Fatalf("%+v of %+v: %+v, want what %s alone says: %+v, %v, %v", x.u, x.q, got, name, cost, err, wrong)
		}
		if isBounded(t, c, x) {
			bounded++
		}
	})
	if by["user"] < 1_000 || by["feed"] < 1_000 || by["embedded"] < 5_000 || below < 300 || bounded < 10_000 {
		t.Errorf("the layers answered %v times, %d times below the first; %d bounds", by, below, bounded)
	}
}

// isBounded wants a bound that is not below the cost. It reports whether there is one, for a usage within the limits.
func isBounded(t *testing.T, c *Catalog, x question) bool {
	t.Helper()
	x.u.WebSearches, x.u.MapSearches, x.u.FileSearches, x.u.CodeSessions = 0, 0, 0, 0
	in, out := x.u.Prompt(), x.u.Output+x.u.AudioOutput+x.u.ImageOutput+x.u.VideoOutput
	got, err := c.Cost(x.q, x.u)
	bound, wrong := c.Bound(x.q, Size{Input: in, Output: out})
	maxIn, maxOut, _ := c.Limits(x.q.Provider, x.q.Model)
	if err != nil || wrong != nil || maxIn > 0 && in > maxIn || maxOut > 0 && out > maxOut {
		return false
	}
	if bound < got.Cost {
		t.Fatalf("%+v of %+v costs %s by %s, above the bound of %s", x.u, x.q, got.Cost, got.PriceID, bound)
	}
	return true
}

func mustFind(t *testing.T, c *Catalog, q Query) found {
	t.Helper()
	f, err := c.find(&q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A gap in the first layer costs no allocation.
func TestGapsAllocateNothing(t *testing.T) {
	c := Layers(audioList(t, `"input_cost_per_token": 3e-7`), namedCatalog(t, "base", audioBase))
	q := Query{Provider: "gemini", Model: "m", Tier: "standard", At: feedTime}
	for _, u := range []Usage{{Input: 1}, {Input: 1, CachedAudioInput: 1}, {Input: 300_000}} {
		if n := testing.AllocsPerRun(100, func() { mustCost(t, c, q, u) }); n != 0 {
			t.Errorf("%+v: %v allocations", u, n)
		}
	}
	if n := testing.AllocsPerRun(100, func() { _, _ = c.Bound(q, Size{Input: 1_000, Output: 300}) }); n != 0 {
		t.Errorf("%v allocations for a bound", n)
	}
}
