package price

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Catalog is a set of prices: by provider, model, moment, tier, length of the prompt and counter. [Embedded] is ours;
// [Parse] reads another. The zero Catalog knows no price at all. A Catalog never changes and is safe for concurrent use.
//
// # Format
//
// A catalog is one JSON document:
//
//	{"providers": {"openai": {"models": {"gpt-5.4": {
//		"limits": {"max_input": 1050000, "max_output": 128000},
//		"regional_uplift": "1.10",
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
// Prices are exact decimals in strings, in US dollars, from "0" (free). Those of usd_per_million are per million tokens,
// at most "1000", and a whole number of picodollars per token; those of usd_per_thousand are per thousand requests of a
// tool, at most "10000", and a whole number of picodollars per request. A band has one of the two, or both. The names of
// the prices are those of [Usage]'s JSON. Per million are input, cached_input, cache_write, cache_write_1h,
// cache_write_12h, output, audio_input, cached_audio_input, audio_output, image_input, cached_image_input, image_output,
// video_input and video_output; per thousand are web_searches, map_searches, file_searches, code_sessions and requests.
//
// A cached_input that is not there has no discount: the band's input price holds. So do cached_audio_input and
// cached_image_input follow audio_input and image_input. Any other price that is not there is not known, and a usage that
// needs it is [*Unpriced]. A price of cached or cache-written tokens needs the plain price beside it.
//
// A tier (standard, flex, priority or batch) is a list of bands. A band holds for prompts of at most up_to tokens,
// counted by [Usage.Prompt], and it prices the whole request. Bands ascend; the last may have no up_to, and then holds
// for all the rest. Beyond the last band nothing is known.
//
// A period holds from its from, until just before its until; both are dates (midnight UTC) or times as in RFC 3339, and
// one that is missing is open. Periods of a model do not overlap; between them nothing is known. The review_by says when
// someone should look at the price again, for instance because a promotion ends: see [Catalog.Reviews].
//
// A window is a part of the day, in UTC, in which other prices hold: from "00:00" to "24:00" at most, on the days listed
// ("mon-fri", "sat,sun", all when missing). Its tiers stand in for the period's; a tier that the window does not name
// keeps the period's price. Windows of a period do not overlap.
//
// The storage_usd_per_million_hours of a period, at most "1000", is what a million tokens cost for each hour that a
// context cache holds them, at any tier and in any window: see [Catalog.Storage]. One that is missing is not known.
//
// The limits are the model's largest prompt and largest output in tokens; 0, or a missing one, is not known. The
// regional_uplift, from "1" to "10" with at most six decimals, multiplies the total of a call that went to a region-bound
// host, requests of tools included, and of storage there.
//
// # Aliases
//
// A model may have another name, such as a deployment's, and a provider may have another's models and prices:
//
//	{"providers": {"azure": {
//		"same_as": "openai",
//		"models": {"prod-chat": {"same_as": "openai/gpt-5.4"}}
//	}}}
//
// The price is then looked up under the other name, in the same catalog and, where this one is a layer, in those below it:
// see [Layers]. A model's alias is "provider/model" and has nothing beside it. A provider's alias holds for the models
// that the provider does not list itself. An alias does not lead to another.
type Catalog struct {
	name      string
	models    map[modelKey]*model
	providers map[string]string // of each provider that is the same as another, that other
	layers    []*Catalog        // of what [Layers] made, which has nothing else; else nil
}

// modelKey finds a model without building a string.
type modelKey struct{ provider, name string }

// model is what a catalog knows about one model.
type model struct {
	id                  string   // the part of a PriceID before the period
	sameAs              modelKey // of an alias, which has nothing else; else zero
	maxInput, maxOutput int64
	uplift              ratio
	periods             []period // ascending
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

// tier is one tier's prices: its bands, ascending, and the PriceID that they go by.
type tier struct {
	id    string
	bands []band
}

// band is the prices of prompts of at most upTo tokens.
type band struct {
	upTo   int64
	prices prices
	plain  prices // of the same tokens, had nothing been cached
}

// prices has the price of each counter, in picodollars per token or request. A negative one is not known.
type prices [counters]int64

// A tierName is an index of a [tierSet].
type tierName int

const (
	standard tierName = iota
	flex
	priority
	batch

	tiers // how many there are
)

// tierNames are the tiers as the catalog and a [Query] call them.
var tierNames = [tiers]string{standard: "standard", flex: "flex", priority: "priority", batch: "batch"}

// tierOf finds a tier by its name.
func tierOf(name string) (tierName, bool) {
	i := slices.Index(tierNames[:], name)
	return tierName(i), i >= 0
}

// dueBy says whether the period's price should have been reviewed by the time at.
func (p *period) dueBy(at time.Time) bool { return !p.reviewBy.IsZero() && !at.Before(p.reviewBy) }

// maxCatalogBytes bounds what Parse reads. The largest feed of prices that we know is well below a tenth of it.
const maxCatalogBytes = 64 << 20

// Parse reads a catalog in the format that [Catalog] describes. The name is what [Cost.PriceID] starts with. Parse is
// strict: an unknown or repeated field, a price that is not an exact decimal or is out of bounds, a tier or counter that
// does not exist, overlapping periods or windows, and bands out of order are errors that name provider, model and field.
func Parse(name string, r io.Reader) (*Catalog, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxCatalogBytes+1))
	if err == nil && len(text) > maxCatalogBytes {
		err = fmt.Errorf("larger than %d bytes", maxCatalogBytes)
	}
	if err == nil {
		c := &Catalog{name: name, models: make(map[modelKey]*model)}
		if err = c.parse(text); err == nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("price: catalog %q: %w", name, err)
}

// parse fills an empty catalog.
func (c *Catalog) parse(text []byte) error {
	top, err := object(text, "providers")
	if err != nil {
		return err
	}
	err = eachField(top["providers"], "providers", func(provider string, raw []byte) error {
		return inField(provider, c.parseProvider(provider, raw))
	})
	if err != nil {
		return err
	}
	return c.checkAliases()
}

// parseProvider adds one provider's models.
func (c *Catalog) parseProvider(provider string, raw []byte) error {
	fields, err := object(raw, "same_as", "models")
	if err != nil {
		return err
	}
	if as := fields["same_as"]; as != nil {
		if err := c.parseProviderAlias(provider, as); err != nil {
			return inField("same_as", err)
		}
		if fields["models"] == nil {
			return nil
		}
	}
	return eachField(fields["models"], "models", func(name string, raw []byte) error {
		return inField(name, c.parseModel(modelKey{provider, name}, raw))
	})
}

// parseModel adds one model.
func (c *Catalog) parseModel(key modelKey, raw []byte) error {
	fields, err := object(raw, "same_as", "limits", "regional_uplift", "periods")
	if err != nil {
		return err
	}
	m := model{id: c.name + "/" + key.provider + "/" + key.name}
	if as := fields["same_as"]; as != nil {
		err = inField("same_as", m.parseAlias(as, len(fields)))
	} else {
		err = cmp.Or(
			inField("limits", m.parseLimits(fields["limits"])),
			inField("regional_uplift", m.parseUplift(fields["regional_uplift"])),
			m.parsePeriods(fields["periods"]),
		)
	}
	c.models[key] = &m
	return err
}

// parseLimits reads {"max_input": 1, "max_output": 2}.
func (m *model) parseLimits(raw []byte) error {
	if raw == nil {
		return nil
	}
	fields, err := object(raw, "max_input", "max_output")
	if err != nil {
		return err
	}
	return cmp.Or(
		inField("max_input", parseTokens(fields["max_input"], &m.maxInput)),
		inField("max_output", parseTokens(fields["max_output"], &m.maxOutput)),
	)
}

// upliftUnit is the finest part of a factor. What is stored can then be priced in 128 bits: see [Catalog.Storage].
const upliftUnit = USD / 1_000_000

// parseUplift reads a factor such as "1.10".
func (m *model) parseUplift(raw []byte) error {
	if raw == nil {
		return nil
	}
	var factor Pico
	if err := factor.UnmarshalJSON(raw); err != nil {
		return err
	}
	switch {
	case factor < 1*USD || factor > 10*USD:
		return fmt.Errorf("%s is not from 1 to 10", factor)
	case factor%upliftUnit != 0:
		return fmt.Errorf("%s has more than six decimals", factor)
	}
	m.uplift = ratioOf(factor)
	return nil
}

// parsePeriods reads the list of periods and puts it in order.
func (m *model) parsePeriods(raw []byte) error {
	list, err := array(raw)
	if err != nil {
		return inField("periods", err)
	}
	for i, raw := range list {
		var p period
		if err := p.parse(raw, m.id); err != nil {
			return inField(fmt.Sprintf("periods[%d]", i), err)
		}
		m.periods = append(m.periods, p)
	}
	slices.SortStableFunc(m.periods, func(a, b period) int { return a.from.Compare(b.from) })
	for i := 1; i < len(m.periods); i++ {
		if before := m.periods[i-1]; before.until.IsZero() || before.until.After(m.periods[i].from) {
			return inField("periods", fmt.Errorf("the one from %s overlaps the one from %s", before.name(), m.periods[i].name()))
		}
	}
	return nil
}

// parse reads one period; the id names the model.
func (p *period) parse(raw []byte, id string) error {
	fields, err := object(raw, "from", "until", "review_by", "source", "tiers", "windows", "storage_usd_per_million_hours")
	if err != nil {
		return err
	}
	var source string
	p.storage = unknown
	err = cmp.Or(
		inField("from", parseTime(fields["from"], &p.from)),
		inField("until", parseTime(fields["until"], &p.until)),
		inField("review_by", parseTime(fields["review_by"], &p.reviewBy)),
		inField("source", parseText(fields["source"], &source)),
		inField("storage_usd_per_million_hours", p.parseStorage(fields["storage_usd_per_million_hours"])),
	)
	switch {
	case err != nil:
		return err
	case source == "":
		return inField("source", errors.New("is missing"))
	case !p.until.IsZero() && !p.from.Before(p.until):
		return inField("until", errors.New("is not after from"))
	}
	id += "/" + p.name() + "/"
	if err := inField("tiers", p.tiers.parse(fields["tiers"], id, "")); err != nil {
		return err
	}
	return p.parseWindows(fields["windows"], id)
}

// parseStorage reads US dollars per million tokens and hour as picodollars per token and hour.
func (p *period) parseStorage(raw []byte) error {
	if raw == nil {
		return nil
	}
	return parsePrice(raw, &p.storage)
}

// name is the period's part of a PriceID: its beginning, or "-" where it has none.
func (p *period) name() string {
	switch {
	case p.from.IsZero():
		return "-"
	case p.from.Equal(p.from.Truncate(24 * time.Hour)):
		return p.from.Format(time.DateOnly)
	}
	return p.from.Format(time.RFC3339Nano)
}

// parseWindows reads the list of windows.
func (p *period) parseWindows(raw []byte, id string) error {
	if raw == nil {
		return nil
	}
	list, err := array(raw)
	if err != nil {
		return inField("windows", err)
	}
	for i, raw := range list {
		field := fmt.Sprintf("windows[%d]", i)
		w := window{tiers: p.tiers, days: everyDay}
		if err := w.parse(raw, id); err != nil {
			return inField(field, err)
		}
		if slices.ContainsFunc(p.windows, w.overlaps) {
			return inField(field, errors.New("overlaps another window"))
		}
		p.windows = append(p.windows, w)
	}
	return nil
}

// parse reads one window into w, which already has the period's tiers.
func (w *window) parse(raw []byte, id string) error {
	fields, err := object(raw, "from", "until", "days", "tiers")
	if err != nil {
		return err
	}
	var from, until, days string
	err = cmp.Or(
		inField("from", parseClock(fields["from"], &from, &w.from)),
		inField("until", parseClock(fields["until"], &until, &w.until)),
		inField("days", parseDays(fields["days"], &days, &w.days)),
	)
	switch {
	case err != nil:
		return err
	case w.from >= w.until:
		return inField("until", errors.New("is not after from"))
	case days != "":
		days += ","
	}
	return inField("tiers", w.tiers.parse(fields["tiers"], id, "@"+days+from+"-"+until))
}

// overlaps says whether some moment is in both windows.
func (w *window) overlaps(v window) bool {
	return w.days&v.days != 0 && w.from < v.until && v.from < w.until
}

// parse reads {"standard": [bands]}, each tier in place of what was there. The ids of the tiers are the prefix, their
// name and the suffix.
func (s *tierSet) parse(raw []byte, prefix, suffix string) error {
	seen := 0
	err := eachField(raw, "", func(name string, raw []byte) error {
		i, ok := tierOf(name)
		if !ok {
			return fmt.Errorf("unknown tier %q", name)
		}
		bands, err := parseBands(raw)
		s[i] = &tier{id: prefix + name + suffix, bands: bands}
		seen++
		return inField(name, err)
	})
	if err == nil && seen == 0 {
		return errors.New("has no tier")
	}
	return err
}

// parseTime reads a date or a time; one that is missing stays zero.
func parseTime(raw []byte, t *time.Time) error {
	var s string
	if err := parseText(raw, &s); err != nil || raw == nil {
		return err
	}
	parsed, err := time.Parse(time.DateOnly, s)
	if err != nil {
		parsed, err = time.Parse(time.RFC3339, s)
	}
	if err != nil || parsed.IsZero() {
		return fmt.Errorf("%.64q is neither a date (2006-01-02) nor a time (2006-01-02T15:04:05Z)", s)
	}
	*t = parsed.UTC()
	return nil
}

// parseClock reads a time of day, also as seconds since midnight.
func parseClock(raw []byte, s *string, seconds *int) error {
	if err := parseText(raw, s); err != nil {
		return err
	}
	if *s == "24:00" {
		*seconds = 24 * 60 * 60
		return nil
	}
	t, err := time.Parse("15:04", *s)
	if err != nil || len(*s) != len("15:04") {
		return fmt.Errorf("%.64q is not a time of day (15:04)", *s)
	}
	*seconds = t.Hour()*60*60 + t.Minute()*60
	return nil
}

// dayNames are the days in the order in which a range counts them.
var dayNames = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// parseDays reads a set of days such as "mon-fri,sun"; one that is missing leaves days as it was.
func parseDays(raw []byte, s *string, days *weekdays) error {
	if err := parseText(raw, s); err != nil || raw == nil {
		return err
	}
	*days = 0
	for part := range strings.SplitSeq(*s, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(dayNames, first), slices.Index(dayNames, last)
		if from < 0 || to < from {
			return fmt.Errorf("%.64q is not a set of days (mon-fri,sun)", *s)
		}
		for day := from; day <= to; day++ {
			*days |= 1 << ((day + 1) % 7)
		}
	}
	return nil
}
