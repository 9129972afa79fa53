package price

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// A rawCatalog is a catalog as it is written: without the defaults that the parser fills in.
type rawCatalog struct {
	Providers map[string]struct{ Models map[string]rawModel }
}

type rawModel struct {
	Periods []rawPeriod
	Caching []rawOffer
}

type rawOffer struct {
	From, Until, Source string
	ReviewBy            string `json:"review_by"`
}

type rawPeriod struct {
	From, Until, Source string
	ReviewBy            string `json:"review_by"`
	Tiers               rawTiers
	Windows             []struct{ Tiers rawTiers }
}

type rawTiers map[string][]rawBand

type rawBand struct {
	UpTo     int64             `json:"up_to"`
	Prices   map[string]string `json:"usd_per_million"`
	Fees     map[string]string `json:"usd_per_thousand"`
	Unpriced string            `json:"unpriced"`
}

// counters returns the names of all prices that the band states.
func (b *rawBand) counters() []string {
	return slices.Sorted(maps.Keys(merged(b.Prices, b.Fees)))
}

// merged returns the entries of both maps.
func merged[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	if all == nil {
		all = make(map[string]V)
	}
	maps.Copy(all, b)
	return all
}

// gaps returns what the model's prices lack by the rule that the catalog keeps: at every date, every tier has every price
// that the standard tier has, in every band, or says why it ends before; and what a model has once, it keeps.
func (m *rawModel) gaps() (gaps []string) {
	for i, p := range m.Periods {
		add := func(where string, found []string) {
			for _, gap := range found {
				gaps = append(gaps, fmt.Sprintf("from %s%s: %s", p.From, where, gap))
			}
		}
		add("", p.Tiers.gaps())
		for w := range p.Windows {
			add(" in a window", rawTiers(merged(p.Tiers, p.Windows[w].Tiers)).gaps())
		}
		if i > 0 {
			add("", m.Periods[i-1].lostIn(&p))
		}
	}
	return gaps
}

// gaps returns what tiers lack that are in force together.
func (ts rawTiers) gaps() (gaps []string) {
	normal := ts["standard"]
	if len(normal) == 0 {
		return []string{"no standard tier"}
	}
	first := normal[0].counters()
	for name, bands := range ts {
		for i, b := range bands {
			switch {
			case b.Unpriced != "":
				bands = append(slices.Clone(bands[:i]), make([]rawBand, len(normal))...) // the reason stands for the rest
			case i < len(normal) && normal[i].UpTo != b.UpTo:
				gaps = append(gaps, fmt.Sprintf("%s has a band up to %d, where standard has one up to %d", name, b.UpTo, normal[i].UpTo))
			default:
				gaps = append(gaps, missing(name, first, b.counters())...)
			}
		}
		if len(bands) < len(normal) {
			gaps = append(gaps, fmt.Sprintf("%s ends before standard, and does not say why", name))
		}
	}
	return gaps
}

// lostIn returns what the next period lacks that this one has.
func (p *rawPeriod) lostIn(next *rawPeriod) (gaps []string) {
	if p.Until != next.From {
		gaps = append(gaps, "there is a time without a price before it")
	}
	gaps = append(gaps, missing("the model", slices.Sorted(maps.Keys(p.Tiers)), slices.Sorted(maps.Keys(next.Tiers)))...)
	if before, after := p.Tiers["standard"], next.Tiers["standard"]; len(before) > 0 && len(after) > 0 {
		gaps = append(gaps, missing("standard", before[0].counters(), after[0].counters())...)
	}
	return gaps
}

// missing returns what is wanted and not there.
func missing(name string, want, got []string) (gaps []string) {
	for _, w := range want {
		if !slices.Contains(got, w) {
			gaps = append(gaps, name+" has no "+w)
		}
	}
	return gaps
}

// rawOf reads a catalog.
func rawOf(t *testing.T, text []byte) (c rawCatalog) {
	t.Helper()
	if err := json.Unmarshal(text, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// Every tier of a model has every counter that its standard tier has, at every date.
func TestEmbeddedIsComplete(t *testing.T) {
	tiersSeen := make(map[string]int)
	for provider, p := range rawOf(t, embeddedJSON).Providers {
		for name, m := range p.Models {
			for _, gap := range m.gaps() {
				t.Errorf("%s/%s: %s", provider, name, gap)
			}
			for _, period := range m.Periods {
				for tier := range period.Tiers {
					tiersSeen[tier]++
				}
			}
		}
	}
	for _, tier := range tierNames {
		if tiersSeen[tier] == 0 {
			t.Errorf("no model has the tier %s", tier)
		}
	}
}

// The rule finds what is missing.
func TestGaps(t *testing.T) {
	const short, long = `{"up_to":9,"usd_per_million":{"input":"2","output":"4"},"usd_per_thousand":{"web_searches":"1"}}`,
		`{"usd_per_million":{"input":"4","output":"6"},"usd_per_thousand":{"web_searches":"1"}}`
	whole := `{"source":"s","tiers":{"standard":[` + short + `,` + long + `],"flex":[` + short + `,` + long + `]}}`
	for _, test := range []struct{ from, to, want string }{
		{``, ``, ``},
		{`"flex":[` + short + `,` + long + `]`, `"flex":[` + short + `]`, "flex ends before standard, and does not say why"},
		{`"flex":[` + short + `,` + long + `]`, `"flex":[` + short + `,{"unpriced":"r"}]`, ""},
		{`"flex":[` + short, `"flex":[{"up_to":9,"usd_per_million":{"input":"1"},"usd_per_thousand":{"web_searches":"1"}}`, "flex has no output"},
		{`"flex":[` + short, `"flex":[{"up_to":9,"usd_per_million":{"input":"1","output":"1"}}`, "flex has no web_searches"},
		{`"flex":[{"up_to":9`, `"flex":[{"up_to":8`, "flex has a band up to 8, where standard has one up to 9"},
		{`"standard"`, `"priority"`, "no standard tier"},
		{`"output":"6"`, `"cached_input":"6"`, "standard has no output"},
		{`"source":"s",`, `"source":"s","windows":[{"tiers":{"flex":[` + short + `]}}],`, "in a window: flex ends before standard"},
		{whole, whole[:len(whole)-1] + `,"until":"2026-01-01"},{"from":"2026-01-01","tiers":{"standard":[` + short + `]}}`, "the model has no flex"},
		{whole, whole[:len(whole)-1] + `,"until":"2026-01-01"},{"from":"2026-01-02",` + whole[1:], "a time without a price"},
		{whole, whole[:len(whole)-1] + `,"until":"2026-01-01"},{"from":"2026-01-01","tiers":{"standard":[{"usd_per_million":{"input":"1"}}],"flex":[{"usd_per_million":{"input":"1"}}]}}`, "standard has no output"},
	} {
		periods := `[` + strings.Replace(whole, test.from, test.to, 1) + `]`
		var m rawModel
		if err := json.Unmarshal([]byte(`{"periods":`+periods+`}`), &m); err != nil {
			t.Fatal(err)
		}
		got := strings.Join(m.gaps(), "\n")
		if test.want == "" && got != "" || !strings.Contains(got, test.want) {
			t.Errorf("%s\nlacks %q, want %q", periods, got, test.want)
		}
	}
}

// cachingDiffers says of which models the prices and the minima of caching do not fit.
var cachingDiffers = map[string]string{
	"gemini/gemini-2.0-flash":      "explicit caches are of Gemini 2.5 and 3 only, and its prices are older than that",
	"gemini/gemini-2.0-flash-lite": "the same",
}

// Whatever has a price of caching has a minimum, at every date, and the other way round: storage one of explicit caches, writes
// one of writes, and a discount for cached input one of any kind.
func TestEmbeddedCachingIsComplete(t *testing.T) {
	seen := make(map[string]int)
	for _, provider := range []string{"gemini", "openai", "anthropic"} {
		for _, name := range Embedded().Models(provider) {
			id := provider + "/" + name
			m := Embedded().models[modelKey{provider, name}]
			for i := range m.periods {
				for _, moment := range m.periods[i].moments() {
					found := m.cachingGaps(&m.periods[i], moment, seen)
					if len(found) > 0 != (cachingDiffers[id] != "") && !(name == "gemini-3.6-flash" && moment.Before(at("2026-08-14"))) {
						t.Errorf("%s at %s: %q, and the reason %q", id, moment, found, cachingDiffers[id])
					}
				}
			}
		}
	}
	if seen["explicit"] < 30 || seen["write"] < 60 || seen["implicit"] < 80 {
		t.Errorf("too few were seen: %v", seen)
	}
}

// cachingGaps returns what the prices of a period and the minima at a moment lack of each other. It counts the minima in seen.
func (m *model) cachingGaps(p *period, moment time.Time, seen map[string]int) (gaps []string) {
	prices, o := &p.tiers[standard].bands[0].prices, m.offerAt(moment)
	if o == nil {
		o = &offer{}
	}
	created := strings.Contains(m.id, "/gemini/") // its cache_write is the creation of an explicit cache
	for _, kind := range []struct {
		name    string
		priced  bool
		minimum int64
	}{
		{"explicit", p.storage >= 0 && prices[cacheWrite] >= 0, o.minExplicit},
		{"write", prices[cacheWrite] >= 0 && !created, o.minWrite},
		{"any", prices[cachedInput] >= 0 && prices[cachedInput] < prices[input], o.minExplicit + o.minImplicit + o.minWrite},
		{"implicit", o.minImplicit > 0, o.minImplicit},
	} {
		if kind.minimum > 0 {
			seen[kind.name]++
		}
		if kind.priced != (kind.minimum > 0) {
			gaps = append(gaps, fmt.Sprintf("%s: a price: %t, the minimum: %d", kind.name, kind.priced, kind.minimum))
		}
	}
	return gaps
}

// moments returns the first and the last moment of a period; of an open one, moments long before and after.
func (p *period) moments() []time.Time {
	first, last := p.from, p.until.Add(-1)
	if first.IsZero() {
		first = at("2025-01-01")
	}
	if p.until.IsZero() {
		last = at("2027-06-01")
	}
	return []time.Time{first, last}
}

// A price of medium or low confidence says so in its source, and has a day on which it is to be checked. With -v the test
// prints what is due when.
func TestEmbeddedReviews(t *testing.T) {
	due, doubtful := make(map[string][]string), 0
	for provider, p := range rawOf(t, embeddedJSON).Providers {
		for name, m := range p.Models {
			days := make(map[string]bool)
			for _, period := range m.Periods {
				if strings.Contains(period.Source, "low confidence: ") || strings.Contains(period.Source, "medium confidence: ") {
					doubtful++
					if period.ReviewBy == "" {
						t.Errorf("%s/%s from %s has no review_by: %s", provider, name, period.From, period.Source)
					}
				} else if strings.Contains(period.Source, "derived") {
					t.Errorf("%s/%s from %s has derived prices, and does not say how sure they are: %s", provider, name, period.From, period.Source)
				}
				if period.ReviewBy != "" {
					days[period.ReviewBy] = true
				}
			}
			for day := range days {
				due[day] = append(due[day], provider+"/"+name)
			}
		}
	}
	if doubtful < 50 {
		t.Errorf("only %d periods have prices of medium or low confidence", doubtful)
	}
	for _, day := range slices.Sorted(maps.Keys(due)) {
		slices.Sort(due[day])
		t.Logf("%s: %d models: %s", day, len(due[day]), strings.Join(due[day], ", "))
		for _, name := range due[day] {
			if !slices.Contains(Embedded().Reviews(at(day)), name) {
				t.Errorf("Reviews does not have %s on %s", name, day)
			}
		}
	}
}

// The same for what models cache.
func TestEmbeddedCachingReviews(t *testing.T) {
	doubtful := 0
	for provider, p := range rawOf(t, embeddedJSON).Providers {
		for name, m := range p.Models {
			for _, o := range m.Caching {
				if strings.Contains(o.Source, "confidence: ") != (o.ReviewBy != "") {
					t.Errorf("%s/%s from %s: the review_by is %q, and the source: %s", provider, name, o.From, o.ReviewBy, o.Source)
				}
				if o.ReviewBy == "" {
					continue
				}
				doubtful++
				if !slices.Contains(Embedded().Reviews(at(o.ReviewBy)), provider+"/"+name) {
					t.Errorf("Reviews does not have %s/%s on %s", provider, name, o.ReviewBy)
				}
			}
		}
	}
	if doubtful == 0 {
		t.Error("no minimum is doubtful")
	}
}
