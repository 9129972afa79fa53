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

// LoadLiteLLM reads LiteLLM's model_prices_and_context_window.json. The list has no dates: see [FeedConfig.AsOf]. Every
// [Cost.PriceID] from it begins with the name.
//
// A model is under the provider that litellm_provider names, by the provider names of this module, and without the prefix of
// its key. (The provider vertex_ai becomes "vertex"; the dialects of this module price Vertex AI's models as "gemini".)
// Prices with a suffix such as _flex, _priority or _batches are those of the tiers. Prices with _above_200k_tokens and the like
// are bands, which price the whole request. A prompt of exactly so many tokens is in the shorter band; only for xAI it is in
// the longer one. A price that is missing in one band or tier is not taken from another. Only the price of a tool is the
// model's, in all its tiers and bands. A model with tiered_pricing has a band for each of its ranges.
//
// Withheld are the output of models whose reasoning tokens have another price, searches whose price depends on the size of
// the context, and prices of 0 of models that have others. If the name of a cost that this package does not know has input
// or output in it, all input or all output of the model is withheld; a model with any other unknown cost is left out.
func LoadLiteLLM(name string, r io.Reader, c FeedConfig) (*Feed, error) {
	l := newFeed("LiteLLM", name, c)
	return l.done(l.liteLLM(r))
}

// liteLLM reads the list.
func (l *feedLoader) liteLLM(r io.Reader) error {
	text, err := readFeed(r)
	if err != nil {
		return err
	}
	var entries map[string]json.RawMessage
	if err := json.Unmarshal(text, &entries); err != nil {
		return notJSON("an object", err)
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if name == "sample_spec" || name == "fallback_generalizations" || name == "last_updated" {
			continue
		}
		var e liteEntry
		if err := json.Unmarshal(entries[name], &e.fields); err != nil || e.fields == nil {
			l.leaveOut(name, "", "is not an object")
			continue
		}
		e.feedLoader, e.name, e.cells = l, name, make(feedCells)
		if err := e.load(); err != nil {
			return err
		}
	}
	return nil
}

// liteEntry is one entry of the list as it is read.
type liteEntry struct {
	*feedLoader
	name     string
	provider string // our name of it
	fields   map[string]json.RawMessage
	cells    feedCells

	noInput, noOutput bool   // some cost of the input, or of the output, is not known here
	elsewhere         bool   // the model charges for something that no Usage counts
	uplift            string // the regional uplift
}

// errLeftOut stops the reading of an entry that is left out. It is not an error of the list.
var errLeftOut = errors.New("left out")

// load adds the entry's model.
func (e *liteEntry) load() error {
	provider := e.text("litellm_provider")
	if provider == "" {
		e.leaveOut(e.name, "litellm_provider", "is missing")
		return nil
	}
	e.provider = ourProvider(provider)
	key := modelKey{e.provider, liteName(provider, e.name)}
	for _, field := range slices.Sorted(maps.Keys(e.fields)) {
		if err := e.read(field, e.fields[field]); err != nil {
			return e.end(err)
		}
	}
	if err := e.ranges(); err != nil {
		return e.end(err)
	}
	e.withhold()
	bands := e.cells.tiers(inclusiveThreshold(key.provider))
	d := &draft{Uplift: e.uplift, Periods: undated("LiteLLM, model_prices_and_context_window.json", e.c.AsOf, bands)}
	if limits := (draftLimits{e.count("max_input_tokens"), e.count("max_output_tokens")}); limits != (draftLimits{}) {
		d.Limits = &limits
	}
	return e.add(e.name, key, d)
}

// end returns what an error of the entry means for the list: nil if only the entry is left out.
func (e *liteEntry) end(err error) error {
	if errors.Is(err, errLeftOut) {
		return nil
	}
	return err
}

// liteName returns the model's name without its provider's prefix.
func liteName(provider, name string) string {
	for _, prefix := range [...]string{provider, "azure", "bedrock", "cohere", "vertex_ai"} {
		if rest, ok := strings.CutPrefix(name, prefix+"/"); ok && rest != "" && strings.HasPrefix(provider, prefix) {
			return rest
		}
	}
	return name
}

// text returns a field's text, or the empty string.
func (e *liteEntry) text(field string) string {
	var s string
	if json.Unmarshal(e.fields[field], &s) != nil {
		return ""
	}
	return s
}

// count returns a field's number of tokens, or 0.
func (e *liteEntry) count(field string) int64 {
	n, err := wholeNumber(e.fields[field])
	if err != nil {
		return 0
	}
	return n
}

// wholeNumber reads a number of tokens, which may be written as a float such as 2e5.
func wholeNumber(raw []byte) (int64, error) {
	p, exact, err := picoOf(raw, -decimals)
	if err == nil && (!exact || p < 0) {
		err = fmt.Errorf("%.64s is not a number of tokens", raw)
	}
	return int64(p), err
}

// litePrices maps the fields with a price to the counter that they are for.
var litePrices = map[string]counter{
	"input_cost_per_token":                      input,
	"cache_read_input_token_cost":               cachedInput,
	"input_cost_per_token_cache_hit":            cachedInput, // DeepSeek's, in addition to the one above
	"cache_creation_input_token_cost":           cacheWrite,
	"cache_creation_input_token_cost_above_1hr": cacheWrite1h,
	"input_cost_per_audio_token":                audioInput,
	"cache_read_input_audio_token_cost":         cachedAudioInput,
	"input_cost_per_image_token":                imageInput,
	"cache_read_input_image_token_cost":         cachedImageInput,
	"input_cost_per_video_token":                videoInput,
	"output_cost_per_token":                     output,
	"output_cost_per_reasoning_token":           reasoning,
	"output_cost_per_audio_token":               audioOutput,
	"output_cost_per_image_token":               imageOutput,
	"output_cost_per_video_token":               videoOutput,
	"input_cost_per_request":                    requests,
	"search_context_cost_per_query":             webSearches,
	"google_maps_grounding_cost_per_query":      mapSearches,
	"file_search_cost_per_1k_calls":             fileSearches,
	"code_interpreter_cost_per_session":         codeSessions,
}

// liteElsewhere has the prefixes of fields with a price of something that no [Usage] counts. Such a price does not change
// the price of what a Usage counts.
var liteElsewhere = []string{
	"annotation_cost_per_page", "cache_creation_input_audio_token_cost", "computer_use_input_cost_per_1k_tokens",
	"computer_use_output_cost_per_1k_tokens", "file_search_cost_per_gb_per_day", "input_cost_per_audio_per_second",
	"input_cost_per_character", "input_cost_per_image", "input_cost_per_pixel", "input_cost_per_query",
	"input_cost_per_second", "input_cost_per_video_per_second", "input_dbu_cost_per_token", "ocr_cost_per_credit",
	"ocr_cost_per_page", "output_cost_per_audio_per_second", "output_cost_per_character", "output_cost_per_image",
	"output_cost_per_pixel", "output_cost_per_second", "output_cost_per_video_per_second", "output_dbu_cost_per_token",
	"vector_store_cost_per_gb_per_day",
}

// liteUplifts are the fields with a regional uplift.
var liteUplifts = []string{
	"regional_endpoint_uplift_multiplier", "regional_processing_uplift_multiplier_eu", "regional_processing_uplift_multiplier_us",
}

// isPrice reports whether a field is about money.
func isPrice(field string) bool {
	return strings.Contains(field, "cost") || strings.Contains(field, "pric") || strings.Contains(field, "multiplier")
}

// liteOther reports whether a field has the price of something that is not counted. Tokens of images are counted.
func liteOther(field string) bool {
	return !strings.Contains(field, "per_image_token") && slices.ContainsFunc(liteElsewhere, func(known string) bool { return strings.HasPrefix(field, known) })
}

// read reads one field, if it is about money.
func (e *liteEntry) read(field string, raw []byte) error {
	if !isPrice(field) {
		return nil
	}
	base, name, above := liteField(field)
	tier, ours := feedTier(e.provider, name)
	c, priced := litePrices[base]
	switch {
	case string(raw) == "null" || field == "tiered_pricing":
		return nil
	case slices.Contains(liteUplifts, field):
		return e.regional(field, raw)
	case field == "citation_cost_per_token":
		e.leaveOut(e.name, field, "is charged for in addition to what is counted")
		return errLeftOut
	case priced && ours && c == webSearches:
		return e.searches(field, raw, e.cells.at(tier, above))
	case priced && ours:
		return e.price(field, raw, c, e.cells.at(tier, above))
	case priced: // of a tier that a catalog does not have
		return nil
	}
	if liteOther(field) {
		e.elsewhere = e.elsewhere || strings.Trim(string(raw), "0.") != ""
		return nil
	}
	return e.strange(field)
}

// liteTiers are the suffixes of fields and the tiers that they are for.
var liteTiers = [...]struct{ suffix, tier string }{
	{"_flex", "flex"}, {"_priority", "priority"}, {"_batches", "batch"}, {"_batch", "batch"}, {"_batch_requests", "batch"},
	{"_fast", "fast"}, {"_ultrafast", "ultrafast"},
}

// liteField splits a field's name into base, _above_Nk_tokens and the list's name of the tier.
func liteField(field string) (base, tier string, above int64) {
	base, tier = field, tierNames[standard]
	for _, t := range liteTiers {
		if rest, ok := strings.CutSuffix(base, t.suffix); ok {
			base, tier = rest, t.tier
			break
		}
	}
	rest, ok := strings.CutSuffix(base, "k_tokens")
	if !ok {
		return base, tier, 0
	}
	at := strings.LastIndex(rest, "_above_")
	if at < 0 {
		return base, tier, 0
	}
	thousands, err := strconv.ParseInt(rest[at+len("_above_"):], 10, 32)
	if err != nil || thousands <= 0 {
		return base, tier, 0
	}
	return rest[:at], tier, thousands * 1000
}

// price reads one price.
func (e *liteEntry) price(field string, raw []byte, c counter, into *draftPrices) error {
	shift := 0
	if c == fileSearches {
		shift = -3
	}
	pico, err := e.number(e.name, field, raw, shift, c)
	if err != nil {
		return err
	}
	if !into.state(c, pico) {
		e.warn(Withheld, e.name, field, "differs from another price of the same")
	}
	return nil
}

// number reads a price, and warns if it was rounded. A price that cannot be right refuses the entry.
func (l *feedLoader) number(name, field string, raw []byte, shift int, c counter) (int64, error) {
	pico, exact, err := priceOf(raw, shift, c)
	if err != nil {
		if err := l.refuse(name, field, err); err != nil {
			return 0, err
		}
		return 0, errLeftOut
	}
	if !exact {
		l.warn(Rounded, name, field, fmt.Sprintf("%.64s is finer than a picodollar", raw))
	}
	return pico, nil
}

// searches reads the price of a web search. It withholds a price that depends on the size of the context.
func (e *liteEntry) searches(field string, raw []byte, into *draftPrices) error {
	var sizes map[string]json.RawMessage
	if json.Unmarshal(raw, &sizes) != nil {
		sizes = map[string]json.RawMessage{"": raw}
	}
	price := int64(unknown)
	for _, size := range slices.Sorted(maps.Keys(sizes)) {
		pico, err := e.number(e.name, field, sizes[size], 0, webSearches)
		switch {
		case err != nil:
			return err
		case price >= 0 && pico != price:
			e.warn(Withheld, e.name, field, "depends on the size of the context, which is not counted")
			return nil
		}
		price = pico
	}
	into[webSearches] = price
	return nil
}

// regional reads a regional uplift. A model whose regions have different ones is left out.
func (e *liteEntry) regional(field string, raw []byte) error {
	p, exact, err := picoOf(raw, 0)
	if err == nil && !exact {
		err = errTooFine
	}
	if err != nil {
		return e.refuseEntry(field, err)
	}
	if e.uplift != "" && e.uplift != p.String() {
		e.leaveOut(e.name, field, "differs from region to region")
		return errLeftOut
	}
	e.uplift = p.String()
	return nil
}

// refuseEntry refuses the entry and stops reading it.
func (e *liteEntry) refuseEntry(field string, err error) error {
	if err := e.refuse(e.name, field, err); err != nil {
		return err
	}
	return errLeftOut
}

// strange handles a cost that is not known here. It withholds the prices of whatever the cost may be charged for.
func (e *liteEntry) strange(field string) error {
	switch {
	case strings.Contains(field, "input") || strings.Contains(field, "cache"):
		e.noInput = true
		e.warn(Withheld, e.name, field, "is not known here, so that no input has a price")
	case strings.Contains(field, "output"):
		e.noOutput = true
		e.warn(Withheld, e.name, field, "is not known here, so that no output has a price")
	default:
		e.leaveOut(e.name, field, "is not known here, nor what it is charged for")
		return errLeftOut
	}
	return nil
}

// ranges reads tiered_pricing: a list of prices, each for a range of prompt lengths.
func (e *liteEntry) ranges() error {
	raw := e.fields["tiered_pricing"]
	if raw == nil || string(raw) == "null" {
		return nil
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		return e.refuseEntry("tiered_pricing", errors.New("is not a list of ranges"))
	}
	ranged, end := make(feedCells), int64(0)
	for i, r := range list {
		field := fmt.Sprintf("tiered_pricing[%d]", i)
		if r["range"] == nil {
			e.leaveOut(e.name, field, "is not for a range of prompt lengths")
			return errLeftOut
		}
		from, to, err := liteRange(r["range"])
		if err == nil && from != end && from != end+1 {
			err = fmt.Errorf("begins at %d, where %d is due", from, end)
		}
		if err != nil {
			return e.refuseEntry(field+": range", err)
		}
		if err := e.rangePrices(field, r, ranged.at(standard, end)); err != nil {
			return err
		}
		end = to
	}
	// Beyond the last range no price is known, which a band without a price says.
	ranged.at(standard, end)
	e.merge(ranged)
	return nil
}

// rangePrices reads the prices of one range.
func (e *liteEntry) rangePrices(place string, fields map[string]json.RawMessage, into *draftPrices) (err error) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		field := place + ": " + name
		if c, ok := litePrices[name]; ok && c < firstTool || c == reasoning {
			err = e.price(field, fields[name], c, into)
		} else if isPrice(name) && !liteOther(name) {
			err = e.strange(field)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// merge replaces the standard tier's prices of tokens by the ranges. Each range gets the tier's prices of tools.
func (e *liteEntry) merge(ranged feedCells) {
	plain := e.cells.at(standard, 0)
	for at, p := range ranged {
		if p.known() {
			copy(p[firstTool:counters], plain[firstTool:counters])
		}
		e.cells[at] = p
	}
}

// liteRange reads [from, to], in tokens.
func liteRange(raw []byte) (from, to int64, err error) {
	var ends []json.RawMessage
	if err := json.Unmarshal(raw, &ends); err != nil || len(ends) != 2 {
		return 0, 0, errors.New("want two numbers of tokens")
	}
	if from, err = wholeNumber(ends[0]); err == nil {
		to, err = wholeNumber(ends[1])
	}
	if err == nil && to <= from {
		err = fmt.Errorf("ends at %d, where it begins at %d", to, from)
	}
	return from, to, err
}

// withhold removes the prices that cannot be trusted, and copies the prices of tools to all tiers, because the list does
// not have them by tier.
func (e *liteEntry) withhold() {
	plain := e.cells.at(standard, 0)
	for _, p := range e.cells {
		for c := firstTool; c < counters; c++ {
			if p[c] < 0 && p.known() {
				p[c] = plain[c]
			}
		}
	}
	if !e.cells.charges() && e.elsewhere {
		e.cells.withhold(0, firstTool)
	}
	chat := slices.Contains([]string{"chat", "completion", "responses"}, e.text("mode"))
	for _, c := range e.cells.freeOrNot() {
		if chat {
			e.warn(Withheld, e.name, counterNames[c], "is 0, where other prices of the model are not")
		}
	}
	if e.noInput {
		e.cells.withhold(0, firstOutput)
	}
	if e.noOutput {
		e.cells.withhold(firstOutput, firstTool)
		e.cells.withhold(reasoning, reasoning+1)
	}
}
