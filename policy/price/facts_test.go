package price

import (
	"cmp"
	"encoding/csv"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// factsDir has the tables.
var factsDir = filepath.Join("..", "..", "..", "shared", "facts")

// factsDay is when the newest tables were made.
const factsDay = "2026-11-28T12:00:00Z"

// tableDiffers says why the catalog does not have what a cell of the tables says. The name of a cell is
// "provider/model tier column"; one that ends in * stands for all that begin so. An entry that no cell needs is an error.
var tableDiffers = map[string]string{
	"anthropic/claude-mythos-5-1 batch absent":      "batch follows from Anthropic's general rule of 50 %, with low confidence",
	"openai/gpt-5.6-cyber standard regional_uplift": "OpenAI charges 10 % more in a region for every model released since 2026-03-05",

	"anthropic/claude-sonnet-4-0 standard context_window": "the beta of long contexts has a prompt of 1,000,000 tokens, and the price of it is known",
	"anthropic/claude-sonnet-4-5 standard context_window": "the beta of long contexts has a prompt of 1,000,000 tokens, and the price of it is known",
	"deepseek/deepseek-chat standard context_window":      "LiteLLM's newer list has a longer one; a limit that is too low makes a bound too low",
	"deepseek/deepseek-reasoner standard context_window":  "LiteLLM's newer list has a longer one; a limit that is too low makes a bound too low",
	"deepseek/deepseek-v3.2 standard context_window":      "LiteLLM's newer list has a longer one; a limit that is too low makes a bound too low",
	"xai/grok-2-1212 standard context_window":             "LiteLLM's newer list has a longer one; a limit that is too low makes a bound too low",
	"openai/gpt-5.6-* max_input_tokens":                   "LiteLLM's list of 2026-08-01 has 1,050,000; a limit that is too low makes a bound too low",

	"deepseek/deepseek-v3.2 standard *_mtok": "the table's price is another host's",
}

// facts compares the catalog with the tables that it was made from, cell by cell.
type facts struct {
	cells, equal int
	unpriced     map[string]int // by reason: cells of the tables that the catalog cannot have
	different    map[string]int // by reason
	used         map[string]bool
}

// TestFacts compares the embedded catalog with tables that are in a directory beside the repository, if they are there. With
// -v it prints how many cells were compared, and why some differ.
func TestFacts(t *testing.T) {
	if _, err := os.Stat(factsDir); err != nil {
		t.Skipf("the tables are not here to compare with: %v", err)
	}
	f := &facts{unpriced: make(map[string]int), different: make(map[string]int), used: make(map[string]bool)}
	for _, part := range []struct {
		name  string
		least int
		check func(*testing.T)
	}{
		{"prices", 700, f.prices},
		{"tiers", 220, f.tiers},
		{"history", 100, f.history},
		{"others", 500, f.others},
		{"others at their times", 25, f.othersAtTheirTimes},
		{"limits", 130, f.limits},
	} {
		before := f.cells
		t.Run(part.name, part.check)
		if n := f.cells - before; n < part.least {
			t.Errorf("%s: only %d cells were compared", part.name, n)
		}
	}
	for cell := range tableDiffers {
		if !f.used[cell] {
			t.Errorf("no cell differs as %q says", cell)
		}
	}
	t.Logf("cells compared: %d, equal: %d", f.cells, f.equal)
	for _, reason := range slices.Sorted(maps.Keys(f.different)) {
		t.Logf("different: %d: %s", f.different[reason], reason)
	}
	for _, reason := range slices.Sorted(maps.Keys(f.unpriced)) {
		t.Logf("unpriced: %d: %s", f.unpriced[reason], reason)
	}
}

// table reads a table row by row.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(factsDir, name))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.LazyQuotes = true
	lines, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for _, line := range lines[1:] {
		row := make(map[string]string)
		for i, cell := range line {
			row[lines[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// ours is the catalog's name of a provider in the tables.
func ours(provider string) string {
	switch provider {
	case "google":
		return "gemini"
	case "x-ai":
		return "xai"
	}
	return provider
}

// on is the query for a row's model on the day of the tables.
func on(row map[string]string, tier string) Query {
	return Query{Provider: ours(row["provider"]), Model: row["model"], Tier: tier, At: at(factsDay)}
}

// compare counts one cell. It fails unless the cell is equal or the difference is listed.
func (f *facts) compare(t *testing.T, cell, got, want string) {
	t.Helper()
	f.cells++
	if got == want {
		f.equal++
		return
	}
	for listed, reason := range tableDiffers {
		begin, end, pattern := strings.Cut(listed, "*")
		if listed == cell || pattern && strings.HasPrefix(cell, begin) && strings.HasSuffix(cell, end) {
			f.used[listed] = true
			f.different[reason]++
			return
		}
	}
	t.Errorf("%s is %s, want %s", cell, got, want)
}

// cellName is the name of a cell in [tableDiffers].
func cellName(q Query, column string) string {
	return strings.Join([]string{q.Provider + "/" + q.Model, q.Tier, column}, " ")
}

// price compares what one more unit of the counter costs behind a prompt of so many tokens with the text of a cell, which is
// for so many units. An empty text is not compared.
func (f *facts) price(t *testing.T, q Query, column, text string, prompt int64, u Usage, units Pico) {
	t.Helper()
	want, err := ParseUSD(number.FindString(text))
	if text == "" || err != nil {
		return
	}
	f.compare(t, cellName(q, column), marginal(q, prompt, u), (want / units).String())
}

// marginal is what the usage adds to the cost of a prompt, or why that is not known.
func marginal(q Query, prompt int64, u Usage) string {
	without, err := Embedded().Cost(q, Usage{Input: prompt})
	if err != nil {
		return err.Error()
	}
	with, err := Embedded().Cost(q, u.Add(Usage{Input: prompt}))
	if err != nil {
		return err.Error()
	}
	return (with.Cost - without.Cost).String()
}

// number is the plain number at the beginning of a cell such as "1.10 (Vertex non-global)".
var number = regexp.MustCompile(`^\d+(\.\d+)?`)

// prices compares the table of tiers, in which the rows of an update replace older ones.
func (f *facts) prices(t *testing.T) {
	rows := make(map[string]map[string]string)
	for _, name := range []string{"prices.csv", "prices_update_2026-11-28.csv"} {
		for _, row := range table(t, name) {
			rows[row["provider"]+"/"+row["model"]] = row
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		row := rows[name]
		for tier, prefix := range map[string]string{"flex": "flex_", "priority": "priority_", "batch": "batch_"} {
			q := on(row, tier)
			f.price(t, q, prefix+"in", row[prefix+"in"], 0, Usage{Input: 1}, 1_000_000)
			f.price(t, q, prefix+"cached", row[prefix+"cached"], 0, Usage{CachedInput: 1}, 1_000_000)
			f.price(t, q, prefix+"out", row[prefix+"out"], 0, Usage{Output: 1}, 1_000_000)
			f.absent(t, q, row[prefix+"in"])
		}
		q := on(row, "standard")
		if row["input"] == "" {
			f.absent(t, q, "")
			continue // a moving alias
		}
		f.price(t, q, "input", row["input"], 0, Usage{Input: 1}, 1_000_000)
		f.price(t, q, "cached_input", row["cached_input"], 0, Usage{CachedInput: 1}, 1_000_000)
		f.price(t, q, "cache_write", row["cache_write"], 0, Usage{CacheWrite: 1}, 1_000_000)
		f.price(t, q, "output", row["output"], 0, Usage{Output: 1}, 1_000_000)
		f.price(t, q, "audio_in", row["audio_in"], 0, Usage{AudioInput: 1}, 1_000_000)
		f.price(t, q, "audio_cached", row["audio_cached"], 0, Usage{CachedAudioInput: 1}, 1_000_000)
		long, _ := strconv.ParseInt(row["long_threshold"], 10, 64)
		f.price(t, q, "long_in", row["long_in"], long+1, Usage{Input: 1}, 1_000_000)
		f.price(t, q, "long_cached", row["long_cached"], long+1, Usage{CachedInput: 1}, 1_000_000)
		f.price(t, q, "long_cache_write", row["long_cache_write"], long+1, Usage{CacheWrite: 1}, 1_000_000)
		f.price(t, q, "long_out", row["long_out"], long+1, Usage{Output: 1}, 1_000_000)
		f.uplift(t, q, cmp.Or(number.FindString(row["regional_uplift"]), "1"))
		f.storage(t, q, row["cache_storage_mtok_hour"])
		f.minimum(t, q, row["min_cache_tokens"])
	}
}

// absent compares whether there is a price: there is none where the text of the cell is empty.
func (f *facts) absent(t *testing.T, q Query, text string) {
	t.Helper()
	if _, err := Embedded().Cost(q, Usage{}); text == "" {
		f.compare(t, cellName(q, "absent"), strconv.FormatBool(err != nil), "true")
	}
}

// uplift compares the factor of a regional call.
func (f *facts) uplift(t *testing.T, q Query, factor string) {
	t.Helper()
	plain := mustCost(t, Embedded(), q, Usage{Input: 1_000}).Cost
	q.Regional = true
	f.compare(t, cellName(q, "regional_uplift"), mustCost(t, Embedded(), q, Usage{Input: 1_000}).Cost.String(), (plain / 100 * (MustUSD(factor) / (USD / 100))).String())
}

// storage compares the price of storage. Where the table has none, or where it is for nothing since there are no caches but
// implicit ones, there is no price.
func (f *facts) storage(t *testing.T, q Query, text string) {
	t.Helper()
	want := "none"
	if usd, err := ParseUSD(text); err == nil && usd > 0 {
		want = usd.String()
	}
	// So many tokens for a nanosecond are one million for an hour, and stay within the period.
	got, err := Embedded().Storage(q, 3_600_000_000_000_000_000, q.At, q.At.Add(time.Nanosecond))
	text = got.Cost.String()
	if err != nil {
		text = "none"
	}
	f.compare(t, cellName(q, "cache_storage_mtok_hour"), text, want)
}

// minimum compares from how many tokens prefixes are cached, where the table says it. It does not say by which kind of cache.
func (f *facts) minimum(t *testing.T, q Query, text string) {
	t.Helper()
	if text == "" {
		return
	}
	got, err := Embedded().Caching(q, 1)
	if err != nil {
		t.Error(err)
	}
	f.compare(t, cellName(q, "min_cache_tokens"), strconv.FormatInt(cmp.Or(got.MinExplicit, got.MinImplicit, got.MinWrite), 10), text)
}

// counterUsage is one token of the counter, by its name in the catalog.
func counterUsage(t *testing.T, name string) (u Usage) {
	t.Helper()
	for _, c := range u.Counters() {
		if c.Name == name {
			*c.Count = 1
			return u
		}
	}
	t.Fatalf("no counter %q", name)
	return u
}

// tiers compares the table of cells by tier, band and counter, each at the first and at the last moment at which it holds.
func (f *facts) tiers(t *testing.T) {
	raw := rawOf(t, embeddedJSON)
	for _, row := range table(t, "prices_tiers_2026-11-28.csv") {
		q := on(row, row["tier"])
		m := Embedded().listed(modelKey{q.Provider, q.Model})
		if m == nil {
			t.Errorf("%s is not in the catalog", q.Model)
			continue
		}
		times := []time.Time{q.At}
		if row["from"] != "" || row["until"] != "" {
			times = ends(historic(row["from"]), historic(row["until"]))
		}
		for _, q.At = range times {
			p := m.period(q.At)
			if p == nil || p.tiers[standard] == nil {
				t.Errorf("%s has no standard price at %s", q.Model, q.At)
				continue
			}
			prompt := int64(0)
			if row["band"] == "long" || strings.HasPrefix(row["band"], ">") {
				prompt = p.tiers[standard].bands[0].upTo + 1
			}
			if source := sourceAt(raw, q.Provider, q.Model, p.name()); row["confidence"] != "high" && !strings.Contains(source, "confidence: ") {
				t.Errorf("%s: the confidence of %s is %s, and the source does not say so: %s", q.Model, row["counter"], row["confidence"], source)
			}
			f.price(t, q, row["band"]+" "+row["counter"], row["usd_per_mtok"], prompt, counterUsage(t, row["counter"]), 1_000_000)
		}
	}
}

// sourceAt is the source of the period that begins at that date.
func sourceAt(raw rawCatalog, provider, model, from string) string {
	for _, p := range raw.Providers[provider].Models[model].Periods {
		if cmp.Or(p.From, "-") == from {
			return p.Source
		}
	}
	return ""
}

// ends returns the first and the last moment, of those that are known.
func ends(from, until time.Time) (times []time.Time) {
	if !from.IsZero() {
		times = append(times, from)
	}
	if !until.IsZero() {
		times = append(times, until.Add(-time.Nanosecond))
	}
	return times
}

// historic reads a time of the tables; the zero time is not known.
func historic(text string) time.Time {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04Z", "2006-01"} {
		if parsed, err := time.Parse(layout, text); err == nil {
			return parsed
		}
	}
	return time.Time{}
}

// history compares the table of dated prices: each holds from its first moment to its last.
func (f *facts) history(t *testing.T) {
	for _, row := range table(t, "prices_history.csv") {
		if row["effective_from"] == "2025" {
			f.unpriced["an older price whose end is not known"]++
			continue
		}
		q := on(row, "standard")
		q.Model, _, _ = strings.Cut(row["model"], " ")
		if row["tier"] == "flex" {
			q.Tier = "flex"
		}
		for _, q.At = range ends(historic(row["effective_from"]), historic(row["effective_to_exclusive"])) {
			for column, u := range map[string]Usage{
				"input": {Input: 1}, "cached_input": {CachedInput: 1}, "cache_write": {CacheWrite: 1}, "output": {Output: 1},
			} {
				f.price(t, q, "history "+column, row[column], 0, u, 1_000_000)
			}
			if _, err := ParseUSD(row["cache_storage_mtok_hour"]); err == nil {
				f.storage(t, q, row["cache_storage_mtok_hour"])
			}
		}
	}
}

// limits compares the context windows and the largest outputs.
func (f *facts) limits(t *testing.T) {
	for _, row := range table(t, "limits.csv") {
		q := on(row, "")
		in, out, ok := Embedded().Limits(q.Provider, q.Model)
		if !ok {
			if !strings.HasSuffix(q.Model, "-latest") {
				t.Errorf("%s is not in the catalog", q.Model)
			}
			f.unpriced["a moving alias"]++
			continue
		}
		f.compare(t, cellName(q, "max_input_tokens"), strconv.FormatInt(in, 10), cmp.Or(row["max_input_tokens"], "0"))
		f.compare(t, cellName(q, "max_output_tokens"), strconv.FormatInt(out, 10), cmp.Or(row["max_output_tokens"], "0"))
	}
}

// others compares the providers with one tier: their current price, outside of any window, is the row of the last period.
func (f *facts) others(t *testing.T) {
	last := make(map[[2]string]map[string]string)
	for _, row := range table(t, "prices_others.csv") {
		if key := [2]string{row["provider"], row["model"]}; !windowRow.MatchString(row["period"]) {
			last[key] = row
		}
	}
	for key, row := range last {
		q := on(row, "standard")
		switch {
		case key[1] == "deepseek-v4-flash":
			q.At = at("2026-09-09T12:00:00Z") // the last day of that price
		case key[0] == "deepseek":
			q.At = at("2026-11-28T20:00:00Z") // outside of the hours with another price
		}
		if _, err := Embedded().Cost(q, Usage{}); err != nil {
			f.leftOut(t, row, err)
			continue
		}
		for column, u := range map[string]Usage{
			"input_mtok": {Input: 1}, "cache_read_mtok": {CachedInput: 1}, "cache_write_mtok": {CacheWrite: 1},
			"cache_write_1h_mtok": {CacheWrite1h: 1}, "output_mtok": {Output: 1},
		} {
			f.price(t, q, column, row[column], 0, u, 1_000_000)
		}
		f.fee(t, q, "web_searches_kcount", row["web_searches_kcount"], Usage{WebSearches: 1})
		f.fee(t, q, "requests_kcount", row["requests_kcount"], Usage{Requests: 1})
		f.bands(t, row, q)
		if row["context_window"] != "" {
			in, _, _ := Embedded().Limits(q.Provider, q.Model)
			f.compare(t, cellName(q, "context_window"), strconv.FormatInt(in, 10), row["context_window"])
		}
	}
}

// leftOut counts the cells of a row whose model the catalog does not have, by the reason.
func (f *facts) leftOut(t *testing.T, row map[string]string, err error) {
	t.Helper()
	cells := 0
	for column, text := range row {
		if text != "" && (strings.HasSuffix(column, "_mtok") || strings.HasSuffix(column, "_kcount") || column == "other") {
			cells++
		}
	}
	switch {
	case row["output_reasoning_mtok"] != "":
		f.unpriced["reasoning has another price than the rest of the output"] += cells
	case row["other"] != "":
		f.unpriced["priced by hours, pages or messages"] += cells
	case row["input_mtok"] == "":
		f.unpriced["the table has no price either"]++
	case row["provider"] == "perplexity":
		f.unpriced["Perplexity charges for each request, and the table does not say how much"] += cells
	default:
		t.Errorf("%s: %v, and the table has a price", row["model"], err)
	}
}

// fee compares the price of a request, which has none where the table has none.
func (f *facts) fee(t *testing.T, q Query, column, text string, u Usage) {
	t.Helper()
	if text != "" {
		f.price(t, q, column, text, 0, u, 1_000)
	} else if got, err := Embedded().Cost(q, u); err == nil {
		t.Errorf("%s is %s, and the table has none", cellName(q, column), got.Cost)
	}
}

// bands compares the prices beyond a threshold, such as "input_mtok>200000=10".
func (f *facts) bands(t *testing.T, row map[string]string, q Query) {
	t.Helper()
	kinds := map[string]Usage{
		"input_mtok": {Input: 1}, "cache_read_mtok": {CachedInput: 1}, "cache_write_mtok": {CacheWrite: 1},
		"cache_write_1h_mtok": {CacheWrite1h: 1}, "output_mtok": {Output: 1},
	}
	for text := range strings.SplitSeq(row["bands"], "; ") {
		column, rest, _ := strings.Cut(text, ">")
		start, price, ok := strings.Cut(rest, "=")
		if !ok {
			continue
		}
		threshold, err := strconv.ParseInt(start, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		f.price(t, q, "long "+column, price, threshold+1, kinds[column], 1_000_000)
	}
}

// othersAtTheirTimes compares the rows of a part of the day, and those of an earlier time, at a moment at which they hold.
func (f *facts) othersAtTheirTimes(t *testing.T) {
	for _, row := range table(t, "prices_others.csv") {
		q := on(row, "standard")
		switch {
		case windowRow.MatchString(row["period"]):
			clock := strings.TrimPrefix(row["period"], "daily ")
			q.At = at("2026-08-20T" + clock[:len("00:00:00Z")]) // a Thursday on which all of them hold
		case strings.HasPrefix(row["period"], "from "):
			q.At = at(strings.TrimPrefix(row["period"], "from ")).Add(12 * time.Hour)
		default:
			continue
		}
		f.price(t, q, "input_mtok", row["input_mtok"], 0, Usage{Input: 1}, 1_000_000)
		f.price(t, q, "cache_read_mtok", row["cache_read_mtok"], 0, Usage{CachedInput: 1}, 1_000_000)
		f.price(t, q, "output_mtok", row["output_mtok"], 0, Usage{Output: 1}, 1_000_000)
		f.price(t, q, "web_searches_kcount", row["web_searches_kcount"], 0, Usage{WebSearches: 1}, 1_000)
	}
}

// windowRow matches the period of a row that holds for a part of the day.
var windowRow = regexp.MustCompile(`^daily `)
