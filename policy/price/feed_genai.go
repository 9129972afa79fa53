package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// LoadGenAI reads data.json of pydantic's genai-prices, version 2 or 3. Every [Cost.PriceID] from it begins with the name.
// The prices are those of the standard tier, for the dates and the hours of the day that the list states. If several prices
// apply at a time, the last one in the list counts; if none applies, the first one does.
//
// Providers have the names that this module uses. A model is listed under its id, and under other names that its match
// selects: those that are written in the list, and those that the embedded catalog has for the provider. An id has
// precedence over a match, and an earlier model over a later one. Names in neither of the two are not matched, because a
// match can select names that were never checked. For the same reason, a name that ends in "-latest" has to be an id.
func LoadGenAI(name string, r io.Reader, c FeedConfig) (*Feed, error) {
	l := newFeed("genai-prices", name, c)
	return l.done(l.genAI(r))
}

type genProvider struct {
	ID     string            `json:"id"`
	Models []json.RawMessage `json:"models"`
}

type genModel struct {
	ID      string          `json:"id"`
	Match   json.RawMessage `json:"match"`
	Window  json.RawMessage `json:"context_window"`
	Prices  json.RawMessage `json:"prices"`
	clauses clause
}

// genPrices are prices with the condition under which they apply.
type genPrices struct {
	Constraint *genConstraint             `json:"constraint"`
	Prices     map[string]json.RawMessage `json:"prices"`

	from   time.Time
	window *draftWindow // the part of the day; nil if the prices apply all day
	bands  draftTiers
}

// genConstraint is a date or a part of the day. Only some copies of the list have a type that says which.
type genConstraint struct {
	Type      string `json:"type"`
	StartDate string `json:"start_date"`
	StartTime string `json:"start_time"`
	EndTime   string `json:"end_time"`
}

// genAI reads the list.
func (l *feedLoader) genAI(r io.Reader) error {
	text, err := readFeed(r)
	if err != nil {
		return err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return notJSON("a list", err)
	}
	for i, raw := range list {
		var p genProvider
		if err := json.Unmarshal(raw, &p); err != nil {
			return inField(fmt.Sprintf("[%d]", i), notJSON("a provider", err))
		}
		if p.ID == "" {
			return inField(fmt.Sprintf("[%d].id", i), errMissing)
		}
		if err := l.genProvider(&p); err != nil {
			return err
		}
	}
	return nil
}

// genProvider adds the provider's models.
func (l *feedLoader) genProvider(p *genProvider) error {
	provider := ourProvider(p.ID)
	models := make([]genModel, len(p.Models))
	for i, raw := range p.Models {
		if json.Unmarshal(raw, &models[i]) != nil || models[i].ID == "" {
			l.leaveOut(fmt.Sprintf("%s[%d]", p.ID, i), "", "is not a model with an id")
			models[i] = genModel{}
			continue
		}
		if err := l.genModel(p.ID, provider, &models[i]); err != nil {
			return err
		}
	}
	l.genNames(provider, models)
	return nil
}

// genModel adds a model under its id.
func (l *feedLoader) genModel(list, provider string, m *genModel) error {
	name := list + "/" + m.ID
	if m.Match != nil {
		var ok bool
		if m.clauses, ok = parseClause(m.Match, 0); !ok {
			l.warn(Withheld, name, "match", "is not understood, so that only the id is matched")
		}
	}
	prices, err := l.genConditions(name, m.Prices)
	if err != nil {
		if errors.Is(err, errLeftOut) {
			return nil
		}
		return err
	}
	d := &draft{Periods: genPeriods(prices)}
	if n, err := wholeNumber(m.Window); err == nil && n > 0 {
		d.Limits = &draftLimits{MaxInput: n}
	}
	return l.add(name, modelKey{provider, m.ID}, d)
}

// genConditions reads a model's prices, which can be a list with conditions.
func (l *feedLoader) genConditions(name string, raw []byte) ([]genPrices, error) {
	var list []genPrices
	if len(raw) > 0 && raw[0] == '[' {
		if err := json.Unmarshal(raw, &list); err != nil {
			l.leaveOut(name, "prices", "are not a list of prices with conditions")
			return nil, errLeftOut
		}
	} else {
		list = make([]genPrices, 1)
		if err := json.Unmarshal(raw, &list[0].Prices); err != nil {
			l.leaveOut(name, "prices", "are neither prices nor a list of them")
			return nil, errLeftOut
		}
	}
	for i := range list {
		p := &list[i]
		if err := p.condition(); err != nil {
			l.leaveOut(name, fmt.Sprintf("prices[%d].constraint", i), err.Error())
			return nil, errLeftOut
		}
		var err error
		if p.bands, err = l.genBands(name, p.Prices); err != nil {
			return nil, err
		}
		if p.window != nil {
			p.window.Tiers = p.bands
		}
	}
	return list, nil
}

// condition reads the constraint.
func (p *genPrices) condition() error {
	c := p.Constraint
	switch {
	case c == nil:
		return nil
	case c.StartDate != "" && c.StartTime == "" && c.EndTime == "":
		quoted, err := json.Marshal(c.StartDate)
		if err != nil {
			return err
		}
		return parseTime(quoted, &p.from)
	case c.StartDate == "" && c.StartTime != "" && c.EndTime != "":
		from, err := genClock(c.StartTime)
		if err != nil {
			return err
		}
		until, err := genClock(c.EndTime)
		if err != nil {
			return err
		}
		p.window = &draftWindow{From: from, Until: until}
		return nil
	}
	return errors.New("is neither a date nor a part of the day")
}

// genClock reads a time of day in UTC, in the catalog's form.
func genClock(s string) (string, error) {
	for _, layout := range [...]string{"15:04:05Z07:00", "15:04:05"} {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		if t = t.UTC(); t.Second() != 0 || t.Nanosecond() != 0 {
			break
		}
		return t.Format("15:04"), nil
	}
	return "", fmt.Errorf("%.64q is not a time of day in whole minutes", s)
}

// genPeriods turns prices with conditions into periods and windows.
func genPeriods(list []genPrices) []draftPeriod {
	froms := []time.Time{{}}
	for _, p := range list {
		froms = append(froms, p.from)
	}
	slices.SortFunc(froms, time.Time.Compare)
	froms = slices.CompactFunc(froms, time.Time.Equal)
	var periods []draftPeriod
	for i, from := range froms {
		period, ok := genPeriod(list, from)
		if !ok {
			continue
		}
		if !from.IsZero() {
			period.From = from.Format(time.RFC3339)
		}
		if i+1 < len(froms) {
			period.Until = froms[i+1].Format(time.RFC3339)
		}
		periods = append(periods, period)
	}
	return periods
}

// genPeriod returns what applies from that time on: the last prices whose condition is met, or the first if none is met,
// and the parts of the day that come after them in the list.
func genPeriod(list []genPrices, from time.Time) (draftPeriod, bool) {
	if len(list) == 0 {
		return draftPeriod{}, false
	}
	base, after := 0, 0
	for i, p := range list {
		if p.window == nil && !from.Before(p.from) {
			base, after = i, i+1
		}
	}
	period := draftPeriod{Source: "genai-prices, data.json", Tiers: list[base].bands.clone()}
	for i, p := range list[after:] {
		if p.window == nil || after+i == base {
			continue
		}
		if p.window.From < p.window.Until {
			period.Windows = append(period.Windows, p.part(p.window.From, p.window.Until))
			continue
		}
		period.Windows = append(period.Windows, p.part(p.window.From, "24:00"))
		if p.window.Until != "00:00" {
			period.Windows = append(period.Windows, p.part("00:00", p.window.Until))
		}
	}
	return period, true
}

// part returns a window with the prices.
func (p *genPrices) part(from, until string) draftWindow {
	return draftWindow{From: from, Until: until, Tiers: p.bands.clone()}
}

// genCounters maps the names of prices, without the unit, to counters.
var genCounters = map[string]counter{
	"input":               input,
	"input_text":          input,
	"cache_read":          cachedInput,
	"cache_text_read":     cachedInput,
	"cache_write":         cacheWrite,
	"cache_text_write":    cacheWrite,
	"cache_write_5m":      cacheWrite,
	"cache_text_write_5m": cacheWrite,
	"cache_write_1h":      cacheWrite1h,
	"cache_text_write_1h": cacheWrite1h,
	"cache_write_12h":     cacheWrite12h,
	"input_audio":         audioInput,
	"cache_audio_read":    cachedAudioInput,
	"input_image":         imageInput,
	"cache_image_read":    cachedImageInput,
	"input_video":         videoInput,
	"output":              output,
	"output_text":         output,
	"output_reasoning":    reasoning,
	"output_audio":        audioOutput,
	"output_image":        imageOutput,
	"output_video":        videoOutput,
}

// genFees maps the names of prices per thousand to counters.
var genFees = map[string]counter{
	"requests_kcount":         requests,
	"web_searches_kcount":     webSearches,
	"map_searches_kcount":     mapSearches,
	"storage_searches_kcount": fileSearches,
}

// genElsewhere has the suffixes of prices of what no [Usage] counts, among them some kinds of cached tokens.
var genElsewhere = []string{"_hours", "_kpages", "_kcount", "audio_write_mtok", "audio_write_5m_mtok", "audio_write_1h_mtok",
	"image_write_mtok", "image_write_5m_mtok", "image_write_1h_mtok", "video_write_mtok", "video_read_mtok"}

// genBands reads prices as bands of the standard tier.
func (l *feedLoader) genBands(name string, fields map[string]json.RawMessage) (out draftTiers, err error) {
	series := make(map[counter][]genStep)
	noInput, noOutput := false, false
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		base, isTokens := strings.CutSuffix(field, "_mtok")
		c, ok := genCounters[base]
		shift := -6
		if !isTokens {
			c, ok = genFees[field]
			shift = -3
		}
		switch {
		case string(fields[field]) == "null":
		case ok:
			if series[c], err = l.genSteps(name, field, fields[field], shift, c); err != nil {
				return out, err
			}
		case slices.ContainsFunc(genElsewhere, func(unit string) bool { return strings.HasSuffix(field, unit) }):
		case strings.Contains(field, "input"), strings.Contains(field, "cache"):
			noInput = true
			l.warn(Withheld, name, field, "is not known here, so that no input has a price")
		case strings.Contains(field, "output") && field != "output_citation_mtok":
			noOutput = true
			l.warn(Withheld, name, field, "is not known here, so that no output has a price")
		default:
			l.leaveOut(name, field, "is charged for in addition to what is counted")
			return out, errLeftOut
		}
	}
	out[standard] = genJoin(series)
	for i := range out[standard] {
		p := &out[standard][i].prices
		if noInput {
			p.withhold(0, firstOutput)
		}
		if noOutput {
			p.withhold(firstOutput, firstTool)
			p.withhold(reasoning, reasoning+1)
		}
	}
	return out, nil
}

// genStep is the price of one counter for prompts that are longer than start.
type genStep struct{ start, pico int64 }

// genSteps reads a price, which is a number or a base with tiers.
func (l *feedLoader) genSteps(name, field string, raw []byte, shift int, c counter) ([]genStep, error) {
	if len(raw) == 0 || raw[0] != '{' {
		pico, err := l.number(name, field, raw, shift, c)
		return []genStep{{0, pico}}, err
	}
	var tiered struct {
		Base  json.RawMessage `json:"base"`
		Tiers []struct {
			Start json.RawMessage `json:"start"`
			Price json.RawMessage `json:"price"`
		} `json:"tiers"`
	}
	if err := json.Unmarshal(raw, &tiered); err != nil {
		l.leaveOut(name, field, "is neither a price nor a base with tiers")
		return nil, errLeftOut
	}
	pico, err := l.number(name, field+".base", tiered.Base, shift, c)
	steps := []genStep{{0, pico}}
	for i, t := range tiered.Tiers {
		if err != nil {
			return nil, err
		}
		start, wrong := wholeNumber(t.Start)
		if wrong != nil || start <= steps[i].start {
			l.leaveOut(name, field, "has tiers that do not ascend")
			return nil, errLeftOut
		}
		pico, err = l.number(name, fmt.Sprintf("%s.tiers[%d]", field, i), t.Price, shift, c)
		steps = append(steps, genStep{start, pico})
	}
	return steps, err
}

// genJoin turns the counters' prices into bands. A band begins wherever a counter has a step.
func genJoin(series map[counter][]genStep) []draftBand {
	starts := []int64{0}
	for _, steps := range series {
		for _, s := range steps {
			starts = append(starts, s.start)
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	bands := make([]draftBand, len(starts))
	for i, start := range starts {
		bands[i].prices = noPrices()
		if i+1 < len(starts) {
			bands[i].upTo = starts[i+1]
		}
		for c, steps := range series {
			for _, s := range steps {
				if s.start <= start {
					bands[i].prices[c] = s.pico
				}
			}
		}
	}
	return bands
}

// genNames adds the other names of the provider's models.
func (l *feedLoader) genNames(provider string, models []genModel) {
	names := Embedded().Models(provider)
	for i := range models {
		names = append(names, models[i].clauses.names(nil)...)
	}
	for _, name := range names {
		key := modelKey{provider, name}
		if _, taken := l.from[key]; taken || strings.HasSuffix(name, "-latest") ||
			slices.ContainsFunc(models, func(m genModel) bool { return m.ID == name }) {
			continue
		}
		first := slices.IndexFunc(models, func(m genModel) bool { return m.clauses.match(name) })
		if first < 0 {
			continue
		}
		if m := l.feed.Catalog.models[modelKey{provider, models[first].ID}]; m != nil {
			l.feed.Catalog.models[key] = m
		}
	}
}
