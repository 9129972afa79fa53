package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// LoadPortkey reads one provider's file of Portkey-AI/models, such as pricing/openai.json. The file does not name the
// provider: pass the name of the file without ".json", or the name that this module uses. The list has no dates: see
// [FeedConfig.AsOf]. Every [Cost.PriceID] from it begins with the name. Use [Layers] to join several files.
//
// Prices in the file are cents per token. Prices in custom_pricing, by tier and length of the prompt, replace those in
// pricing_config; batch_config has the prices of the batch tier. A price that is missing in one band or tier is not taken
// from another, except for tools, which the standard tier's bands take from pricing_config. If other regions than the
// default have prices that are all a tenth higher, that is the model's regional uplift; a model with different regional
// prices is left out. In these files a price of 0 stands for a missing one, and is withheld. The output of models whose
// thinking tokens have another price is withheld, too.
func LoadPortkey(name, provider string, r io.Reader, c FeedConfig) (*Feed, error) {
	l := newFeed("Portkey", name, c)
	return l.done(l.portkey(ourProvider(provider), r))
}

// portModel is an entry of the file.
type portModel struct {
	Config portConfig `json:"pricing_config"`
	Custom *struct {
		Thresholds map[string]string     `json:"context_tier_map"`
		Regions    map[string]portRegion `json:"regions"`
	} `json:"custom_pricing"`
}

type portRegion struct {
	Modes map[string]portMode `json:"execution_modes"`
}

// portMode has the prices of a tier: by the length of the prompt, or for all prompts.
type portMode struct {
	Tiers  map[string]portMode `json:"context_tiers"`
	Config *portConfig         `json:"pricing_config"`
}

type portConfig struct {
	Currency string                     `json:"currency"`
	PayGo    map[string]json.RawMessage `json:"pay_as_you_go"`
	Batch    map[string]json.RawMessage `json:"batch_config"`
}

// portkey reads the file.
func (l *feedLoader) portkey(provider string, r io.Reader) error {
	if provider == "" {
		return errors.New("the provider is missing")
	}
	text, err := readFeed(r)
	if err != nil {
		return err
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(text, &entries); err != nil {
		return notJSON("an object", err)
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if name == "default" {
			continue
		}
		err := l.portModel(modelKey{provider, name}, entries[name])
		if err != nil && !errors.Is(err, errLeftOut) {
			return err
		}
	}
	return nil
}

// portModel adds one model.
func (l *feedLoader) portModel(key modelKey, raw []byte) error {
	var m portModel
	if err := json.Unmarshal(raw, &m); err != nil {
		l.leaveOut(key.name, "", "is not prices in the form of the others")
		return errLeftOut
	}
	e := &portEntry{feedLoader: l, key: key}
	own, err := e.region(&m, "default")
	if err != nil {
		return err
	}
	d := own.undated("Portkey-AI/models, pricing", e.c.AsOf, inclusiveThreshold(key.provider))
	if d.Uplift, err = e.uplift(&m, own); err != nil {
		return err
	}
	return l.add(key.name, key, d)
}

// uplift returns the factor from the default prices to those of the other regions. All regions must have the same.
func (e *portEntry) uplift(m *portModel, own feedCells) (string, error) {
	if m.Custom == nil {
		return "", nil
	}
	var all []string
	for _, region := range slices.Sorted(maps.Keys(m.Custom.Regions)) {
		if region == "default" || region == "global" {
			continue
		}
		there, err := e.region(m, region)
		if err != nil {
			return "", err
		}
		uplift, ok := own.upliftTo(there)
		if all = append(all, uplift); !ok || uplift != all[0] {
			e.leaveOut(e.key.name, "custom_pricing.regions."+region, "has prices that are neither those of other regions nor a tenth higher")
			return "", errLeftOut
		}
	}
	if all == nil {
		return "", nil
	}
	return all[0], nil
}

// upliftTo returns the factor from these prices to those of a region.
func (s feedCells) upliftTo(there feedCells) (string, bool) {
	same, tenth := true, true
	for at, p := range there {
		q := s[at]
		if q == nil {
			continue
		}
		for c := range firstTool {
			if p[c] < 0 || q[c] < 0 {
				continue
			}
			up, err := ratioOf(USD * 11 / 10).timesEven(Pico(q[c]))
			same, tenth = same && p[c] == q[c], tenth && err == nil && int64(up) == p[c]
		}
	}
	switch {
	case same:
		return "", true
	case tenth:
		return "1.1", true
	}
	return "", false
}

// portEntry is one entry of the file while it is read.
type portEntry struct {
	*feedLoader
	key modelKey
}

// region reads the prices of a region. The default has the prices of pricing_config where custom_pricing has no others.
func (e *portEntry) region(m *portModel, region string) (feedCells, error) {
	s, tools := make(feedCells), noPrices()
	if region == "default" {
		if err := e.config(s, standard, 0, &m.Config); err != nil {
			return nil, err
		}
		tools = *s.at(standard, 0)
		if len(m.Config.Batch) > 0 {
			if err := e.units(s.at(batch, 0), "batch_config", m.Config.Batch); err != nil {
				return nil, err
			}
		}
	}
	if m.Custom != nil {
		if err := e.custom(s, m, region); err != nil {
			return nil, err
		}
	}
	for at, p := range s {
		for c := firstTool; c < counters && at.tier == standard; c++ {
			if p[c] < 0 {
				p[c] = tools[c]
			}
		}
		for c := range counters {
			if p[c] == 0 {
				p[c] = hidden
			}
		}
		if p[reasoning] == 0 {
			p[reasoning] = unknown
		}
	}
	return s, nil
}

// custom reads a region's modes.
func (e *portEntry) custom(s feedCells, m *portModel, region string) error {
	there, ok := m.Custom.Regions[region]
	if !ok && region == "default" {
		there = m.Custom.Regions["global"]
	}
	for _, mode := range slices.Sorted(maps.Keys(there.Modes)) {
		field := "custom_pricing.regions." + region + ".execution_modes." + mode
		t, ok := tierOf(mode)
		if mode == "fast" && e.key.provider == "openai" { // OpenAI's name of priority since July 2026
			t, ok = priority, true
		}
		if !ok {
			e.warn(Withheld, e.key.name, field, "is not a tier that a catalog has")
			continue
		}
		for at := range s {
			if at.tier == t {
				delete(s, at)
			}
		}
		if err := e.mode(s, t, field, there.Modes[mode], m.Custom.Thresholds); err != nil {
			return err
		}
	}
	return nil
}

// mode reads the prices of a tier.
func (e *portEntry) mode(s feedCells, t tierName, field string, mode portMode, thresholds map[string]string) error {
	if mode.Config != nil {
		return e.config(s, t, 0, mode.Config)
	}
	for _, label := range slices.Sorted(maps.Keys(mode.Tiers)) {
		above, err := threshold(label, thresholds)
		if err != nil {
			e.leaveOut(e.key.name, field+".context_tiers."+label, err.Error())
			return errLeftOut
		}
		if c := mode.Tiers[label].Config; c != nil {
			if err := e.config(s, t, above, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// threshold returns the number of tokens above which the prices under the label apply, by the map or by the label itself.
func threshold(label string, thresholds map[string]string) (int64, error) {
	for _, above := range slices.Sorted(maps.Keys(thresholds)) {
		if thresholds[above] == label {
			return wholeNumber([]byte(above))
		}
	}
	if label == "default" || strings.HasPrefix(label, "lte-") {
		return 0, nil
	}
	number, ok := strings.CutPrefix(label, "gt-")
	number, thousands := strings.CutSuffix(number, "k")
	n, err := strconv.ParseInt(number, 10, 32)
	if !ok || !thousands || err != nil || n <= 0 {
		return 0, errors.New("does not say from how many tokens on it applies")
	}
	return n * 1000, nil
}

// config reads the prices of one cell.
func (e *portEntry) config(s feedCells, t tierName, above int64, c *portConfig) error {
	if c.Currency != "" && c.Currency != "USD" {
		e.leaveOut(e.key.name, "currency", fmt.Sprintf("is %.16q, not USD", c.Currency))
		return errLeftOut
	}
	field, units := "pay_as_you_go", c.PayGo
	if len(units) == 0 && t == batch {
		field, units = "batch_config", c.Batch
	}
	return e.units(s.at(t, above), field, units)
}

// portUnits maps the file's units to counters.
var portUnits = map[string]counter{
	"request_token":                input,
	"cache_read_input_token":       cachedInput,
	"cache_write_input_token":      cacheWrite,
	"request_audio_token":          audioInput,
	"cache_read_audio_input_token": cachedAudioInput,
	"response_token":               output,
	"thinking_token":               reasoning,
	"response_audio_token":         audioOutput,
	"image_token":                  imageOutput,
	"web_search":                   webSearches,
	"search":                       webSearches, // Google's, in addition to the one above
	"maps":                         mapSearches,
	"file_search":                  fileSearches,
}

// units reads prices by unit. The object additional_units has more of them.
func (e *portEntry) units(p *draftPrices, place string, units map[string]json.RawMessage) error {
	for _, unit := range slices.Sorted(maps.Keys(units)) {
		field := place + "." + unit
		if unit == "additional_units" {
			var more map[string]json.RawMessage
			if err := json.Unmarshal(units[unit], &more); err != nil {
				e.leaveOut(e.key.name, field, "is not an object")
				return errLeftOut
			}
			if err := e.units(p, field, more); err != nil {
				return err
			}
			continue
		}
		c, ok := portUnits[unit]
		if !ok {
			if err := e.strange(field, unit); err != nil {
				return err
			}
			continue
		}
		var cents struct {
			Price json.RawMessage `json:"price"`
		}
		if err := json.Unmarshal(units[unit], &cents); err != nil {
			e.leaveOut(e.key.name, field, "is not a price")
			return errLeftOut
		}
		if cents.Price == nil || unit == "search" && p[c] > 0 {
			continue
		}
		pico, err := e.number(e.key.name, field, cents.Price, -2, c)
		if err != nil {
			return err
		}
		p[c] = pico
	}
	return nil
}

// portElsewhere has the prefixes of units that no [Usage] counts.
var portElsewhere = []string{"attachment_search", "cache_write_audio_input_token", "code_execution", "image", "input_image",
	"input_video", "megapixels", "video", "web_search_", "x_search"}

// strange handles a unit that is not known here. A unit of tokens leaves the model out, because it may be the price of
// tokens that a Usage counts under another name.
func (e *portEntry) strange(field, unit string) error {
	switch {
	case slices.ContainsFunc(portElsewhere, func(known string) bool { return strings.HasPrefix(unit, known) }):
		return nil
	case unit == "routing_units" || strings.Contains(unit, "token"): // Azure's router charges its units for each token
		e.leaveOut(e.key.name, field, "is not known here, nor which tokens it is charged for")
		return errLeftOut
	}
	e.warn(Withheld, e.key.name, field, "is not known here, nor counted")
	return nil
}
