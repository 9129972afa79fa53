package price

import (
	"math"
	"slices"
	"time"
)

// Catalog is a set of prices by provider, model, time, tier, length of the prompt and counter. [Embedded] returns the one
// that comes with this package; [Parse] reads another. The zero Catalog has no prices. A Catalog is immutable and safe for
// concurrent use.
//
// # Format
//
// A catalog is one JSON document:
//
//	{"providers": {"openai": {"models": {"gpt-5.4": {
//		"limits": {"max_input": 1050000, "max_output": 128000},
//		"regional_uplift": "1.10",
//		"caching": [{"from": "2026-03-05", "source": "where and when this was read",
//			"min_explicit": 4096, "min_implicit": 1024, "min_write": 1024, "write_ttl": "30m"}],
//		"periods": [{
//			"from": "2026-03-05", "until": "2027-01-01T00:00:00Z", "review_by": "2026-12-01",
//			"source": "where and when these prices were read",
//			"storage_usd_per_million_hours": "4.5",
//			"tiers": {
//				"standard": [
//					{"up_to": 272000, "usd_per_million": {"input": "2.5", "cached_input": "0.25", "output": "15"}},
//					{"usd_per_million": {"input": "5", "cached_input": "0.5", "output": "22.5"},
//					 "usd_per_thousand": {"web_searches": "10"}}
//				],
//				"flex": [{"up_to": 272000, "usd_per_million": {"input": "1.25", "output": "7.5"}}]
//			},
//			"windows": [{"from": "01:00", "until": "04:00", "days": "mon-fri", "tiers": {}}]
//		}]
//	}}}}}
//
// Prices are strings with exact decimals, in US dollars, from "0" (free). Prices in usd_per_million are per million tokens:
// at most "1000", and a whole number of picodollars per token. Prices in usd_per_thousand are per thousand requests of a
// tool: at most "10000", and a whole number of picodollars per request. A band has one of the two, or both. The names of
// the prices are those of [Usage]'s JSON. Per million are input, cached_input, cache_write, cache_write_1h,
// cache_write_12h, output, audio_input, cached_audio_input, audio_output, image_input, cached_image_input, image_output,
// video_input and video_output; per thousand are web_searches, map_searches, file_searches, code_sessions and requests.
//
// A missing cached_input means no discount: the band's input price applies. In the same way cached_audio_input and
// cached_image_input default to audio_input and image_input. Any other missing price is not known, and a usage that needs
// it is [*Unpriced]. A price of cached or cache-written tokens requires the plain price in the same band.
//
// A tier (one of those of [Query]) is a list of bands. A band applies to prompts of at most up_to tokens, as counted by
// [Usage.Prompt], and prices the whole request. Bands ascend. The last one may have no up_to, and then applies to all longer
// prompts. Beyond the last band no price is known. A last element {"unpriced": "OpenAI lists no long context for priority"}
// says why, and the error for such a prompt has the reason.
//
// A period begins at its from and ends just before its until. Both are dates (midnight UTC) or RFC 3339 times; a missing
// one is open. Periods of a model must not overlap. Between periods no price is known. The review_by says when the price
// should be checked again, for example because a promotion ends: see [Catalog.Reviews].
//
// A window is a part of the day, in UTC, in which other prices apply: at most from "00:00" to "24:00", on the days listed
// ("mon-fri", "sat,sun"; all days if missing). Its tiers replace those of the period; a tier that the window does not name
// keeps the period's price. Windows of a period must not overlap.
//
// The storage_usd_per_million_hours of a period, at most "1000", is the price of a million tokens for each hour that a
// context cache holds them, at any tier and in any window: see [Catalog.Storage]. If it is missing, it is not known.
//
// The limits are the model's largest prompt and largest output in tokens. Of a model that embeds, the largest prompt is that
// of one input, of which a request may have many. A limit that is 0 or missing is not known. The regional_uplift, from "1"
// to "10" with at most six decimals, multiplies the total of a call to a region-bound host, requests of tools included, and
// of storage there.
//
// The caching of a model is a list of what it offers to cache prefixes of prompts: how many tokens a prefix has at least for an
// explicit cache (min_explicit), for an implicit hit (min_implicit) and for a priced write (min_write). An entry holds from its
// from until just before its until, as a period does, and entries must not overlap; it also has a source, and may have a review_by. A missing minimum means that the model
// does not offer that kind. The write_ttl is the time to live, of less than an hour, that cache_write is the price of. Without
// an entry for a time, it is not known what the model caches then: see [Catalog.Caching].
//
// # Aliases
//
// A model may have another name, such as that of a deployment, and a provider may have another provider's models and
// prices:
//
//	{"providers": {"azure": {
//		"same_as": "openai",
//		"models": {"prod-chat": {"same_as": "openai/gpt-5.4"}}
//	}}}
//
// The price is then looked up under the other name, in the same catalog and, if the catalog is a layer, in the layers below
// it: see [Layers]. A model's alias is "provider/model", and the model has no other fields. A provider's alias applies to
// the models that the provider does not list itself. An alias must not lead to another alias.
type Catalog struct {
	name      string
	models    map[modelKey]*model
	providers map[string]string // the aliases of providers: "azure" is the same as "openai"
	layers    []*Catalog        // only of a catalog that [Layers] made, which has no models and no providers of its own

	memo memo[candidate]
}

// candidate is a model that has the name of a query, in one of the layers.
type candidate struct {
	model *model
	via   *Catalog // the layer whose alias led to the model; nil if none did
}

// modelKey finds a model without building a string.
type modelKey struct{ provider, name string }

// model is what a catalog knows about one model.
type model struct {
	id                  string   // the part of a PriceID before the period
	sameAs              modelKey // the target of an alias, which has no other field than id; else zero
	maxInput, maxOutput int64
	uplift              ratio
	fromList            bool     // made from a published list, which does not state everything
	upliftUnknown       bool     // the list states no uplift; in a catalog, none means that there is none
	periods             []period // ascending
	offers              []offer  // ascending: what it caches
}

// period is a span of time in which prices hold. A zero from or until is open.
type period struct {
	from, until, reviewBy time.Time
	tiers                 tierSet
	windows               []window
	storage               int64 // picodollars per token and hour in a context cache, or unknown
}

// window is a part of some days of the week, in seconds since midnight UTC, in which other prices hold.
type window struct {
	from, until int
	days        weekdays
	tiers       tierSet
}

// weekdays is a set of days: bit n is [time.Weekday] n.
type weekdays uint8

const everyDay weekdays = 1<<7 - 1

// tierSet has the prices of each tier, nil where there are none.
type tierSet [tiers]*tier

// tier is one tier's prices: its bands, ascending, and their PriceID.
type tier struct {
	id     string
	bands  []band
	beyond error // why a prompt beyond the last band has no price
}

// band is the prices of prompts of at most upTo tokens.
type band struct {
	upTo   int64
	prices prices
	plain  prices // of the same tokens without any cache
}

// prices has the price of each counter, in picodollars per token or request. A negative number is an unknown price.
type prices [counters]int64

const (
	// unknown stands for a price that is not known.
	unknown = -1
	// endless is the upTo of a band without an end.
	endless = math.MaxInt64
)

// A tierName is an index of a [tierSet].
type tierName int

const (
	standard tierName = iota
	flex
	priority
	batch
	ultrafast
	fast
	window2h
	window8h

	tiers // how many there are
)

// tierNames are the tiers as the catalog and a [Query] call them.
var tierNames = [tiers]string{
	standard:  "standard",
	flex:      "flex",
	priority:  "priority",
	batch:     "batch",
	ultrafast: "ultrafast",
	fast:      "fast",
	window2h:  "window_2h",
	window8h:  "window_8h",
}

// tierOf returns the tier of that name, if there is one.
func tierOf(name string) (tierName, bool) {
	i := slices.Index(tierNames[:], name)
	return tierName(i), i >= 0
}

// dueBy reports whether something of the model should have been reviewed by the given time.
func (m *model) dueBy(at time.Time) bool {
	due := func(reviewBy time.Time) bool { return !reviewBy.IsZero() && !at.Before(reviewBy) }
	return slices.ContainsFunc(m.periods, func(p period) bool { return due(p.reviewBy) }) ||
		slices.ContainsFunc(m.offers, func(o offer) bool { return due(o.reviewBy) })
}

// isAlias reports whether the model is an alias.
func (m *model) isAlias() bool { return m.sameAs != modelKey{} }

// band returns the band that prices a prompt of this many tokens, or nil.
func (t *tier) band(prompt int64) *band {
	for i := range t.bands {
		if prompt <= t.bands[i].upTo {
			return &t.bands[i]
		}
	}
	return nil
}

// at returns the prices in force, or nil.
func (m *model) at(t time.Time) *tierSet {
	if i := m.periodAt(t); i >= 0 {
		return m.periods[i].at(t)
	}
	return nil
}

// periodAt returns the index of the period in force, or -1.
func (m *model) periodAt(t time.Time) int {
	for i := len(m.periods) - 1; i >= 0; i-- {
		if p := &m.periods[i]; !t.Before(p.from) {
			if !p.until.IsZero() && !t.Before(p.until) {
				return -1
			}
			return i
		}
	}
	return -1
}

// at returns the prices in force at a time within the period.
func (p *period) at(t time.Time) *tierSet {
	if len(p.windows) == 0 {
		return &p.tiers
	}
	t = t.UTC()
	hour, minute, second := t.Clock()
	seconds, day := (hour*60+minute)*60+second, weekdays(1)<<t.Weekday()
	for i := range p.windows {
		if w := &p.windows[i]; w.days&day != 0 && w.from <= seconds && seconds < w.until {
			return &w.tiers
		}
	}
	return &p.tiers
}
