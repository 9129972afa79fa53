package price

import (
	"encoding/json"
	"errors"
	"maps"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// The oracle prices a usage in rational numbers, straight from the catalog's JSON, and shares no code with the package.
type oracle struct {
	Providers map[string]struct {
		Models map[string]*oracleModel
	}
}

type oracleModel struct {
	SameAs  string `json:"same_as"`
	Limits  map[string]int64
	Uplift  string `json:"regional_uplift"`
	Periods []struct {
		From, Until string
		Tiers       oracleTiers
		Windows     []struct {
			From, Until, Days string
			Tiers             oracleTiers
		}
	}
}

type oracleTiers map[string][]struct {
	UpTo   *int64            `json:"up_to"`
	Prices map[string]string `json:"usd_per_million"`
	Fees   map[string]string `json:"usd_per_thousand"`
}

// newOracle reads the embedded catalog.
func newOracle(t *testing.T) oracle {
	t.Helper()
	var o oracle
	if err := json.Unmarshal(embeddedJSON, &o); err != nil {
		t.Fatal(err)
	}
	for _, p := range o.Providers {
		for name, m := range p.Models {
			if provider, other, alias := strings.Cut(m.SameAs, "/"); alias {
				p.Models[name] = o.Providers[provider].Models[other]
			}
		}
	}
	return o
}

// instant makes times of one length, which compare as text.
func instant(text string) string { return strings.TrimSuffix(text, "T00:00:00Z") }

// tiersAt is what is in force at the time; nil is nothing.
func (m *oracleModel) tiersAt(when time.Time) oracleTiers {
	now := when.UTC().Format(time.RFC3339)
	for _, p := range m.Periods {
		if instant(p.From) > now || p.Until != "" && instant(p.Until) <= now {
			continue
		}
		tiers := oracleTiers{}
		maps.Copy(tiers, p.Tiers)
		for _, w := range p.Windows {
			clock, weekend := now[11:16], strings.HasPrefix(when.UTC().Format("Mon"), "S")
			if w.From <= clock && clock < w.Until && !(weekend && w.Days == "mon-fri") {
				maps.Copy(tiers, w.Tiers)
			}
		}
		return tiers
	}
	return nil
}

// cost is what the usage costs at that tier, in picodollars, or nil.
func (ts oracleTiers) cost(tier, uplift string, u map[string]int64) *big.Rat {
	prompt := u["input"] + u["cached_input"] + u["cache_write"] + u["cache_write_1h"] + u["cache_write_12h"] +
		u["audio_input"] + u["cached_audio_input"] + u["image_input"] + u["cached_image_input"] + u["video_input"]
	for _, band := range ts[tier] {
		if band.UpTo != nil && prompt > *band.UpTo {
			continue
		}
		total := new(big.Rat)
		for name, tokens := range u {
			price, ok := band.Prices[name]
			each := int64(1)
			if fee, isFee := band.Fees[name]; isFee {
				price, ok, each = fee, true, 1_000
				tokens *= 1_000_000 // as the prices are per million
			}
			if plain, found := strings.CutPrefix(name, "cached_"); !ok && found {
				price, ok = band.Prices[plain]
			}
			if !ok && tokens > 0 {
				return nil
			}
			if tokens > 0 {
				usd, _ := new(big.Rat).SetString(price)
				total.Add(total, usd.Mul(usd, big.NewRat(tokens, each)))
			}
		}
		total.Mul(total, big.NewRat(1_000_000, 1))
		if uplift != "" {
			factor, _ := new(big.Rat).SetString(uplift)
			total.Mul(total, factor)
		}
		return total
	}
	return nil
}

// plainUsage is the usage without a cache.
func plainUsage(u map[string]int64) map[string]int64 {
	return map[string]int64{
		"input":         u["input"] + u["cached_input"] + u["cache_write"] + u["cache_write_1h"] + u["cache_write_12h"],
		"output":        u["output"],
		"audio_input":   u["audio_input"] + u["cached_audio_input"],
		"audio_output":  u["audio_output"],
		"image_input":   u["image_input"] + u["cached_image_input"],
		"image_output":  u["image_output"],
		"video_input":   u["video_input"],
		"video_output":  u["video_output"],
		"web_searches":  u["web_searches"],
		"map_searches":  u["map_searches"],
		"file_searches": u["file_searches"],
		"code_sessions": u["code_sessions"],
		"requests":      u["requests"],
	}
}

// isNearest says whether p is r rounded to the nearest integer, half to even.
func isNearest(p Pico, r *big.Rat) bool {
	if r == nil {
		return false
	}
	off := new(big.Rat).Sub(big.NewRat(int64(p), 1), r)
	switch off.Abs(off).Cmp(big.NewRat(1, 2)) {
	case -1:
		return true
	case 0:
		return p%2 == 0
	}
	return false
}

// A question is one random thing to price.
type question struct {
	q      Query
	m      *oracleModel
	u      Usage
	uplift string // as it applies
}

// questions asks n of them, of every model, tier, time and counter, most of them of a kind that has a price.
func (o oracle) questions(seed uint64, n int, ask func(question)) {
	random := rand.New(rand.NewPCG(seed, 1))
	var names [][2]string
	for provider, p := range o.Providers {
		for name := range p.Models {
			names = append(names, [2]string{provider, name})
		}
	}
	slices.SortFunc(names, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	start := at("2025-04-01").Unix()
	for range n {
		name := names[random.IntN(len(names))]
		x := question{m: o.Providers[name[0]].Models[name[1]], u: randomUsage(random)}
		x.q = Query{
			Provider: name[0],
			Model:    name[1],
			Tier:     tierNames[max(0, random.IntN(2*len(tierNames))-len(tierNames))], // every second is standard
			At:       time.Unix(start+random.Int64N(2*365*24*60*60), 0).In(time.FixedZone("", 3*60*60)),
			Regional: random.IntN(3) == 0,
		}
		if x.q.Regional {
			x.uplift = x.m.Uplift
		}
		ask(x)
	}
}

// randomUsage fills some counters, often around the thresholds of a long context.
func randomUsage(random *rand.Rand) Usage {
	n := func(chance int) int64 {
		if random.IntN(chance) != 0 {
			return 0
		}
		return random.Int64N(1 << random.IntN(20))
	}
	u := Usage{
		Input: n(1), CachedInput: n(2), CacheWrite: n(6), CacheWrite1h: n(12),
		Output: n(1), AudioInput: n(12), CachedAudioInput: n(24), AudioOutput: n(48),
		CacheWrite12h: n(90), ImageInput: n(90), CachedImageInput: n(90), ImageOutput: n(90), VideoInput: n(90), VideoOutput: n(90),
		WebSearches: n(9), MapSearches: n(90), FileSearches: n(90), CodeSessions: n(90), Requests: int64(random.IntN(30) / 29),
		StorageTokenSeconds: n(8),
	}
	if rest := []int64{200_000, 272_000}[random.IntN(2)] + random.Int64N(3) - 1 - u.Prompt(); rest > 0 && random.IntN(3) == 0 {
		u.Input += rest
	}
	u.Reasoning = u.Output / 2
	return u
}

// fieldsOf is the usage by the names of its JSON, without what is not a counter.
func fieldsOf(u Usage) map[string]int64 {
	b, _ := json.Marshal(u)
	fields := make(map[string]int64)
	_ = json.Unmarshal(b, &fields)
	delete(fields, "reasoning")
	delete(fields, "storage_token_seconds")
	return fields
}

func TestCostAgainstRationals(t *testing.T) {
	o, c := newOracle(t), Embedded()
	priced := 0
	o.questions(3, 80_000, func(x question) {
		tiers, fields := x.m.tiersAt(x.q.At), fieldsOf(x.u)
		want := tiers.cost(x.q.Tier, x.uplift, fields)
		got, err := c.Cost(x.q, x.u)
		if want == nil {
			var unpriced *Unpriced
			if !errors.As(err, &unpriced) || got != (Cost{}) {
				t.Fatalf("%+v of %+v costs %+v, %v; want it unpriced", x.u, x.q, got, err)
			}
			return
		}
		priced++
		plain := plainUsage(fields)
		list := tiers.cost("standard", x.uplift, plain)
		if err != nil || !isNearest(got.Cost, want) || !isNearest(got.Uncached, tiers.cost(x.q.Tier, x.uplift, plain)) ||
			got.ListKnown != (list != nil) || got.ListKnown && !isNearest(got.List, list) {
			t.Fatalf("%+v of %+v costs %+v, %v; want %s, list %v", x.u, x.q, got, err, want.FloatString(3), list)
		}
	})
	if priced < 20_000 {
		t.Errorf("only %d questions had a price", priced)
	}
}

// Where no uplift rounds, a price is the sum of its parts: each counter alone, in the band of the whole prompt.
func TestCostIsTheSumOfItsParts(t *testing.T) {
	o, c := newOracle(t), Embedded()
	o.questions(4, 20_000, func(x question) {
		x.q.Regional = false
		whole, err := c.Cost(x.q, x.u)
		if err != nil {
			return
		}
		f, err := c.find(&x.q)
		if err != nil {
			t.Fatal(err)
		}
		var sum Sum
		for counter, count := range x.u.counts() {
			if count == 0 {
				continue
			}
			var one used
			one.counts[counter], one.some = count, 1<<counter
			part, _, err := f.tier.cost(x.u.Prompt(), &one, ratio{})
			if err != nil {
				t.Fatalf("%s of %+v: %v", counterNames[counter], x.q, err)
			}
			sum.Add(part)
		}
		if total, ok := sum.Pico(); !ok || total != whole.Cost {
			t.Fatalf("%+v of %+v: the parts are %s, the whole is %s", x.u, x.q, sum, whole.Cost)
		}
	})
}

// ends says whether the tier has a last band beyond which nothing is known, or no price of output.
func (ts oracleTiers) ends(tier string) bool {
	bands := ts[tier]
	last := bands[len(bands)-1]
	return last.UpTo != nil || last.Prices["output"] == ""
}
