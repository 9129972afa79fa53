package price

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// LoadPortkey reads one provider's file of Portkey-AI/models, such as pricing/openai.json. The file does not name the
// provider: pass the name of the file without ".json", or the name that this module uses. The list has no dates: see
// [FeedConfig.AsOf]. Every [Cost.PriceID] from it begins with the name. Use [Layers] to join several files.
//
// Prices in the file are cents per token. Prices in custom_pricing, by tier and length of the prompt, replace those in
// pricing_config; batch_config has the prices of the batch tier. A price that is missing in one band or tier is not taken
// from another. In these files a price of 0 stands for a missing one, and is not taken. The output of models whose thinking
// tokens have another price is withheld. If other regions than the default have prices that are all a tenth higher, that is
// the model's regional uplift; a model with different regional prices is left out.
//
// Some files have several entries for one model, whose names end in "-lte-128k" and "-gt-128k" or the like. They are bands
// of the model, and an entry without such an ending is the first of them. A price that two entries state differently for
// the same prompt is withheld.
//
// The file of a host that charges for images, video or other media only has no price of what a [Usage] counts. Its Feed has
// no models, and a [Warning] says what the file has prices of.
func LoadPortkey(name, provider string, r io.Reader, c FeedConfig) (*Feed, error) {
	l := newFeed("Portkey", name, c)
	return l.done(l.portkey(ourProvider(provider), r))
}

// portFile is a file while it is read.
type portFile struct {
	*feedLoader
	provider string
	shaped   bool            // an entry has prices in the form that is known here
	others   map[string]bool // the units that no Usage counts
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
	f := &portFile{feedLoader: l, provider: provider, others: make(map[string]bool)}
	models := make(map[string][]portEntry)
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		e := portEntry{portFile: f, name: name}
		if err := json.Unmarshal(entries[name], &e.model); err != nil {
			l.leaveOut(name, "", "is not prices in the form of the others")
			continue
		}
		f.shaped = f.shaped || e.model.hasPrices()
		if name == "default" {
			continue
		}
		var model string
		model, e.span = portSpanOf(name)
		models[model] = append(models[model], e)
	}
	for _, model := range slices.Sorted(maps.Keys(models)) {
		if err := f.add(model, models[model]); err != nil {
			return err
		}
	}
	f.explainEmpty()
	return nil
}

// hasPrices reports whether the entry has prices in the form that is known here.
func (m *portModel) hasPrices() bool {
	return len(m.Config.PayGo) > 0 || len(m.Config.Batch) > 0 || m.Custom != nil
}

// explainEmpty says why a file without a price of what is counted is no mistake.
func (f *portFile) explainEmpty() {
	if len(f.feed.Catalog.models) > 0 || f.refused > 0 || !f.shaped {
		return
	}
	f.mayBeEmpty = true
	text := "no model has a price of anything that is counted, and nothing else has a price either"
	if units := slices.Sorted(maps.Keys(f.others)); len(units) > 0 {
		text = "no model has a price of anything that is counted: the file has prices of " + strings.Join(units, ", ")
	}
	f.warn(LeftOut, f.provider, "", text)
}

// add adds one model, from all its entries.
func (f *portFile) add(name string, entries []portEntry) error {
	d := &draft{}
	parts := make([]portPart, len(entries))
	for i := range entries {
		e := &entries[i]
		own, err := e.region("default")
		if err == nil {
			parts[i] = portPart{e.span, own.tiers(inclusiveThreshold(f.provider))}
			var uplift string
			uplift, err = e.uplift(own)
			if err == nil && i > 0 && uplift != d.Uplift {
				f.leaveOut(e.name, "custom_pricing.regions", "differ from those of the model's other entries")
				err = errLeftOut
			}
			d.Uplift = uplift
		}
		if errors.Is(err, errLeftOut) {
			f.feed.Skipped += len(entries) - 1 // the others are left out with this one
			return nil
		}
		if err != nil {
			return err
		}
	}
	bands := f.join(name, parts)
	d.Periods = undated("Portkey-AI/models, pricing", f.c.AsOf, bands)
	return f.feedLoader.add(name, modelKey{f.provider, name}, d)
}

// uplift returns the factor from the default prices to those of the other regions. All regions must have the same.
func (e *portEntry) uplift(own feedCells) (string, error) {
	custom := e.model.Custom
	if custom == nil {
		return "", nil
	}
	all := ""
	for _, region := range slices.Sorted(maps.Keys(custom.Regions)) {
		if region == "default" || region == "global" {
			continue
		}
		there, err := e.region(region)
		if err != nil {
			return "", err
		}
		uplift, ok := own.upliftTo(there)
		if !ok || all != "" && uplift != "" && uplift != all {
			e.leaveOut(e.name, "custom_pricing.regions."+region, "has prices that are neither those of other regions nor a tenth higher")
			return "", errLeftOut
		}
		all = cmp.Or(all, uplift)
	}
	return all, nil
}

// upliftTo returns the factor from these prices to those of a region. It is empty if the two have no price in common.
func (s feedCells) upliftTo(there feedCells) (string, bool) {
	same, tenth, compared := true, true, false
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
			same, tenth, compared = same && p[c] == q[c], tenth && err == nil && int64(up) == p[c], true
		}
	}
	switch {
	case !compared:
		return "", true
	case same:
		return "1", true
	case tenth:
		return "1.1", true
	}
	return "", false
}

// portEntry is one entry of the file while it is read.
type portEntry struct {
	*portFile
	name  string // as in the file
	span  portSpan
	model portModel
}

// region reads the prices of a region. The default has the prices of pricing_config where custom_pricing has no others.
func (e *portEntry) region(region string) (feedCells, error) {
	s := make(feedCells)
	if region == "default" {
		if err := e.config(s, standard, 0, &e.model.Config); err != nil {
			return nil, err
		}
		if len(e.model.Config.Batch) > 0 {
			if err := e.units(s.at(batch, 0), "batch_config", e.model.Config.Batch); err != nil {
				return nil, err
			}
		}
	}
	if e.model.Custom != nil {
		if err := e.custom(s, region); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// custom reads a region's modes.
func (e *portEntry) custom(s feedCells, region string) error {
	custom := e.model.Custom
	there, ok := custom.Regions[region]
	if !ok && region == "default" {
		there = custom.Regions["global"]
	}
	for _, mode := range slices.Sorted(maps.Keys(there.Modes)) {
		field := "custom_pricing.regions." + region + ".execution_modes." + mode
		t, ok := feedTier(e.provider, mode)
		if !ok {
			e.warn(Withheld, e.name, field, "is not a tier that a catalog has")
			continue
		}
		for at := range s {
			if at.tier == t {
				delete(s, at)
			}
		}
		if err := e.mode(s, t, field, there.Modes[mode], custom.Thresholds); err != nil {
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
			e.leaveOut(e.name, field+".context_tiers."+label, err.Error())
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
	if label == "default" {
		return 0, nil
	}
	if span, ok := parseSpan(label); ok {
		return span.above, nil
	}
	return 0, errors.New("does not say from how many tokens on it applies")
}

// config reads the prices of one cell.
func (e *portEntry) config(s feedCells, t tierName, above int64, c *portConfig) error {
	if c.Currency != "" && c.Currency != "USD" {
		e.leaveOut(e.name, "currency", fmt.Sprintf("is %.16q, not USD", c.Currency))
		return errLeftOut
	}
	field, units := "pay_as_you_go", c.PayGo
	if len(units) == 0 && t == batch {
		field, units = "batch_config", c.Batch
	}
	return e.units(s.at(t, above), field, units)
}

// portUnits maps the file's units to counters. Several units are for one counter: the files have used both names, or have
// both in one entry.
var portUnits = map[string]counter{
	"request_token":                input,
	"request_text_token":           input,
	"cache_read_input_token":       cachedInput,
	"cache_read_text_input_token":  cachedInput,
	"cached_text_input_token":      cachedInput,
	"cache_write_input_token":      cacheWrite,
	"cache_write_1h":               cacheWrite1h,
	"request_audio_token":          audioInput,
	"cache_read_audio_input_token": cachedAudioInput,
	"request_image_token":          imageInput,
	"cache_read_image_input_token": cachedImageInput,
	"cached_image_input_token":     cachedImageInput,
	"response_token":               output,
	"response_text_token":          output,
	"thinking_token":               reasoning,
	"reasoning_token":              reasoning,
	"response_audio_token":         audioOutput,
	"image_token":                  imageOutput,
	"response_image_token":         imageOutput,
	"output_video_token":           videoOutput,
	"web_search":                   webSearches,
	"search":                       webSearches,
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
				e.leaveOut(e.name, field, "is not an object")
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
			e.leaveOut(e.name, field, "is not a price")
			return errLeftOut
		}
		if cents.Price == nil {
			continue
		}
		pico, err := e.number(e.name, field, cents.Price, -2, c)
		if err != nil {
			return err
		}
		if pico > 0 && !p.state(c, pico) { // a price of 0 stands for a missing one
			e.warn(Withheld, e.name, field, "differs from another price of the same")
		}
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
		e.others[unit] = true
		return nil
	case unit == "routing_units" || strings.Contains(unit, "token"): // Azure's router charges its units for each token
		e.leaveOut(e.name, field, "is not known here, nor which tokens it is charged for")
		return errLeftOut
	}
	e.others[unit] = true
	e.warn(Withheld, e.name, field, "is not known here, nor counted")
	return nil
}
