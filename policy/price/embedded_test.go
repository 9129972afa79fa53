package price

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestEmbeddedParses(t *testing.T) {
	if _, err := Parse("embedded", bytes.NewReader(embeddedJSON)); err != nil {
		t.Fatal(err)
	}
	if first, second := Embedded(), Embedded(); first != second {
		t.Error("the catalog is parsed more than once")
	}
}

// table reads one of the tables that the catalog was made from, row by row, if they are in a directory next to the repository.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "facts", name))
	if err != nil {
		t.Skipf("the table is not here to compare with: %v", err)
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

// A tableCell says which price a column of the tables is.
type tableCell struct {
	column, tier string
	long         bool
	usage        Usage
}

// checkCell compares one price: what so many tokens cost, to fill the prompt of the band.
func checkCell(t *testing.T, row map[string]string, q Query, column string, u Usage) {
	t.Helper()
	text := row[column]
	want, err := ParseUSD(text)
	if text == "" || err != nil {
		return
	}
	got, err := Embedded().Cost(q, u)
	tokens := u.Prompt() + u.Output
	if err != nil || got.Cost != want/1_000_000*Pico(tokens) {
		t.Errorf("%s/%s %s: %s of %d tokens is %s, %v; want %s per million", q.Provider, q.Model, q.Tier, column, tokens, got.Cost, err, text)
	}
}

func TestEmbeddedIsTheTable(t *testing.T) {
	cells := []tableCell{
		{"input", "standard", false, Usage{Input: 1}},
		{"cached_input", "standard", false, Usage{CachedInput: 1}},
		{"cache_write", "standard", false, Usage{CacheWrite: 1}},
		{"output", "standard", false, Usage{Output: 1}},
		{"audio_in", "standard", false, Usage{AudioInput: 1}},
		{"audio_cached", "standard", false, Usage{CachedAudioInput: 1}},
		{"long_in", "standard", true, Usage{Input: 1}},
		{"long_cached", "standard", true, Usage{CachedInput: 1}},
		{"long_cache_write", "standard", true, Usage{CacheWrite: 1}},
	}
	for column, tier := range map[string]string{"batch": "batch", "flex": "flex", "priority": "priority"} {
		cells = append(cells,
			tableCell{column + "_in", tier, false, Usage{Input: 1}},
			tableCell{column + "_cached", tier, false, Usage{CachedInput: 1}},
			tableCell{column + "_out", tier, false, Usage{Output: 1}})
	}
	compared := 0
	for _, row := range table(t, "prices.csv") {
		for _, c := range cells {
			q := query(ours(row["provider"]), row["model"], c.tier)
			u := c.usage
			if c.long {
				threshold, _ := strconv.ParseInt(row["long_threshold"], 10, 64)
				u = times(u, threshold+1)
			}
			if row[c.column] != "" {
				compared++
			}
			checkCell(t, row, q, c.column, u)
		}
		checkLongOutput(t, row)
		checkAbsentTiers(t, row)
		checkUplift(t, row)
		checkStorage(t, row)
	}
	if compared < 600 {
		t.Errorf("only %d cells were compared", compared)
	}
}

// times is u, n times over.
func times(u Usage, n int64) Usage {
	return Usage{Input: u.Input * n, CachedInput: u.CachedInput * n, CacheWrite: u.CacheWrite * n}
}

// checkLongOutput compares the price of output behind a long prompt, by what it adds.
func checkLongOutput(t *testing.T, row map[string]string) {
	t.Helper()
	if row["long_out"] == "" {
		return
	}
	threshold, _ := strconv.ParseInt(row["long_threshold"], 10, 64)
	q := query(ours(row["provider"]), row["model"], "standard")
	with := mustCost(t, Embedded(), q, Usage{Input: threshold + 1, Output: 1_000_000})
	without := mustCost(t, Embedded(), q, Usage{Input: threshold + 1})
	if got, want := with.Cost-without.Cost, MustUSD(row["long_out"]); got != want {
		t.Errorf("%s: long output is %s, want %s", row["model"], got, want)
	}
}

// checkAbsentTiers wants no price where the table has none.
func checkAbsentTiers(t *testing.T, row map[string]string) {
	t.Helper()
	for tier, column := range map[string]string{"standard": "input", "batch": "batch_in", "flex": "flex_in", "priority": "priority_in"} {
		_, err := Embedded().Cost(query(ours(row["provider"]), row["model"], tier), Usage{})
		if (err == nil) != (row[column] != "") {
			t.Errorf("%s %s: %v, and the table says %q", row["model"], tier, err, row[column])
		}
	}
}

// number is the plain number at the beginning of a cell such as "1.10 (Vertex non-global)".
var number = regexp.MustCompile(`^\d+(\.\d+)?`)

// checkUplift compares the factor of a regional call.
func checkUplift(t *testing.T, row map[string]string) {
	t.Helper()
	if row["input"] == "" {
		return
	}
	factor := number.FindString(row["regional_uplift"])
	if factor == "" {
		factor = "1"
	}
	q := query(ours(row["provider"]), row["model"], "standard")
	plain := mustCost(t, Embedded(), q, Usage{Input: 1_000}).Cost
	q.Regional = true
	if got, want := mustCost(t, Embedded(), q, Usage{Input: 1_000}).Cost, plain/100*(MustUSD(factor)/(USD/100)); got != want {
		t.Errorf("%s: in a region it costs %s, want %s", row["model"], got, want)
	}
}

// checkStorage compares the price of storage. Where the table has none, or where it is for nothing since there are no
// caches but implicit ones, there is no price.
func checkStorage(t *testing.T, row map[string]string) {
	t.Helper()
	text := row["cache_storage_mtok_hour"]
	if row["input"] == "" {
		return // a moving alias
	}
	q := query(ours(row["provider"]), row["model"], "")
	got, err := Embedded().Storage(q, 1_000_000, q.At, q.At.Add(time.Hour))
	if want, parseErr := ParseUSD(text); parseErr == nil && want > 0 {
		if err != nil || got.Cost != want {
			t.Errorf("%s: an hour of a million tokens costs %s, %v; want %s", row["model"], got.Cost, err, text)
		}
	} else if err == nil {
		t.Errorf("%s: storage costs %s, and the table says %q", row["model"], got.Cost, text)
	}
}

// The table of dated prices: each holds from its first moment to its last.
func TestEmbeddedIsTheHistory(t *testing.T) {
	compared := 0
	for _, row := range table(t, "prices_history.csv") {
		from, until := historic(row["effective_from"]), historic(row["effective_to_exclusive"])
		if row["effective_from"] == "2025" {
			continue // an older price whose end is not known
		}
		model, _, _ := strings.Cut(row["model"], " ")
		tier := "standard"
		if row["tier"] == "flex" {
			tier = "flex"
		}
		var times []time.Time
		if !from.IsZero() {
			times = append(times, from)
		}
		if !until.IsZero() {
			times = append(times, until.Add(-time.Nanosecond))
		}
		for _, when := range times {
			q := Query{Provider: ours(row["provider"]), Model: model, Tier: tier, At: when}
			checkDatedRow(t, row, q)
			compared++
		}
	}
	if compared < 40 {
		t.Errorf("only %d ends of periods were compared", compared)
	}
}

// historic reads a time of the table of dated prices; the zero time is not known.
func historic(text string) time.Time {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04Z", "2006-01"} {
		if parsed, err := time.Parse(layout, text); err == nil {
			return parsed
		}
	}
	return time.Time{}
}

// checkDatedRow compares one row of the table of dated prices at the query's time.
func checkDatedRow(t *testing.T, row map[string]string, q Query) {
	t.Helper()
	for column, u := range map[string]Usage{
		"input": {Input: 1}, "cached_input": {CachedInput: 1}, "cache_write": {CacheWrite: 1}, "output": {Output: 1},
	} {
		want, err := ParseUSD(number.FindString(row[column]))
		if err != nil {
			continue
		}
		if got, err := Embedded().Cost(q, u); err != nil || got.Cost != want/1_000_000 {
			t.Errorf("%+v: %s is %s, %v; want %s per million", q, column, got.Cost, err, row[column])
		}
	}
	if want, err := ParseUSD(row["cache_storage_mtok_hour"]); err == nil {
		got, err := Embedded().Storage(q, 3_600_000_000_000, q.At, q.At.Add(time.Nanosecond))
		if err != nil || got.Cost != want/1_000_000 {
			t.Errorf("%+v: storage is %+v, %v; want %s per million and hour", q, got, err, want)
		}
	}
}

// Writes of twelve hours, the requests of tools, and where the table has none.
func TestEmbeddedHasWhatIsNoColumn(t *testing.T) {
	for _, test := range []struct {
		provider, model, tier string
		u                     Usage
		want                  string // "" is unpriced
	}{
		{"openai", "gpt-6.1-terra", "standard", Usage{CacheWrite: 100_000}, "0.125"},
		{"openai", "gpt-6.1-terra", "standard", Usage{CacheWrite12h: 100_000}, "0.25"},
		{"openai", "gpt-6.1-terra", "standard", Usage{CacheWrite12h: 300_000}, ""},
		{"openai", "gpt-6.1-sol", "standard", Usage{CacheWrite12h: 1}, ""},
		{"openai", "gpt-6-sol", "standard", Usage{WebSearches: 3}, "0.03"},
		{"openai", "gpt-6-sol", "flex", Usage{WebSearches: 3}, "0.03"},
		{"openai", "gpt-5.4", "standard", Usage{Input: 300_000, WebSearches: 1}, "1.51"},
		{"openai", "o3", "flex", Usage{WebSearches: 1}, "0.01"},
		// For models that do not reason, the price depends on the version of the tool.
		{"openai", "gpt-4.1", "standard", Usage{WebSearches: 1}, ""},
		{"openai", "gpt-5", "standard", Usage{CodeSessions: 1}, ""},
		{"openai", "gpt-5", "standard", Usage{FileSearches: 1}, ""},
		{"gemini", "gemini-3.8-flash", "batch", Usage{WebSearches: 1}, "0.014"},
		{"gemini", "gemini-2.5-pro", "standard", Usage{Input: 200_001, WebSearches: 2}, "0.5700025"},
		{"gemini", "gemini-2.5-flash", "standard", Usage{WebSearches: 1}, "0.035"},
		{"gemini", "gemini-2.5-flash", "standard", Usage{MapSearches: 1}, ""},
		{"gemini", "gemini-embedding-001", "standard", Usage{WebSearches: 1}, ""},
		{"perplexity", "sonar-pro", "standard", Usage{Input: 1_000, Requests: 1}, "0.017"},
		{"perplexity", "sonar-deep-research", "standard", Usage{Requests: 1}, ""},
	} {
		got, err := Embedded().Cost(query(test.provider, test.model, test.tier), test.u)
		if test.want == "" && err == nil || test.want != "" && (err != nil || got.Cost != MustUSD(test.want)) {
			t.Errorf("%s %s: %+v costs %s, %v; want %q", test.model, test.tier, test.u, got.Cost, err, test.want)
		}
	}
}

// Models of OpenAI that were released before 5 March 2026 cost the same in every region.
func TestEmbeddedUpliftIsOfNewModels(t *testing.T) {
	newer := regexp.MustCompile(`^gpt-(5\.[4-9]|6)`)
	for _, name := range Embedded().Models("openai") {
		if m := Embedded().models[modelKey{"openai", name}]; (m.uplift != ratio{}) != newer.MatchString(name) {
			t.Errorf("%s has the uplift %v", name, m.uplift)
		}
	}
}

func TestEmbeddedLimitsAreTheTable(t *testing.T) {
	for _, row := range table(t, "limits.csv") {
		in, out, ok := Embedded().Limits(ours(row["provider"]), row["model"])
		if !ok && row["model"] != "gemini-flash-latest" && row["model"] != "gemini-pro-latest" {
			t.Errorf("%s is not in the catalog", row["model"])
		}
		wantIn, _ := strconv.ParseInt(row["max_input_tokens"], 10, 64)
		wantOut, _ := strconv.ParseInt(row["max_output_tokens"], 10, 64)
		if ok && (in != wantIn || out != wantOut) {
			t.Errorf("%s: limits %d and %d, want %d and %d", row["model"], in, out, wantIn, wantOut)
		}
	}
}

// Providers with one tier: their current price, outside of any window, is the row of the last period.
func TestEmbeddedHasTheOthers(t *testing.T) {
	last := make(map[[2]string]map[string]string)
	for _, row := range table(t, "prices_others.csv") {
		if key := [2]string{row["provider"], row["model"]}; !windowRow.MatchString(row["period"]) {
			last[key] = row
		}
	}
	known := 0
	for key, row := range last {
		q := query(ours(key[0]), key[1], "standard")
		if key[1] == "deepseek-v4-flash" {
			q.At = at("2026-09-09T12:00:00Z") // its last day
		}
		if q.Model == "deepseek-chat" || q.Model == "deepseek-reasoner" {
			q.At = at("2026-11-21T20:00:00Z")
		}
		if _, err := Embedded().Cost(q, Usage{}); err != nil {
			checkLeftOut(t, row, err)
			continue
		}
		known++
		checkCell(t, row, q, "input_mtok", Usage{Input: 1})
		checkCell(t, row, q, "cache_read_mtok", Usage{CachedInput: 1})
		checkCell(t, row, q, "cache_write_mtok", Usage{CacheWrite: 1})
		checkCell(t, row, q, "cache_write_1h_mtok", Usage{CacheWrite1h: 1})
		checkCell(t, row, q, "output_mtok", Usage{Output: 1})
		checkFee(t, row, q, "web_searches_kcount", Usage{WebSearches: 1})
		checkFee(t, row, q, "requests_kcount", Usage{Requests: 1})
		checkBands(t, row, q)
		if in, _, _ := Embedded().Limits(q.Provider, q.Model); row["context_window"] != "" && row["context_window"] != strconv.FormatInt(in, 10) {
			t.Errorf("%s: the largest prompt is %d, want %s", q.Model, in, row["context_window"])
		}
	}
	if known < 140 {
		t.Errorf("only %d models were compared", known)
	}
}

// checkFee compares the price of a request, which has none where the table has none.
func checkFee(t *testing.T, row map[string]string, q Query, column string, u Usage) {
	t.Helper()
	want, err := ParseUSD(row[column])
	if err != nil {
		want = -1_000
	}
	got, err := Embedded().Cost(q, u)
	if err != nil {
		got.Cost = -1
	}
	if got.Cost != want/1_000 {
		t.Errorf("%s: %s is %s, %v; want %q per thousand", q.Model, column, got.Cost, err, row[column])
	}
}

// checkBands compares the prices beyond a threshold, such as "input_mtok>200000=10", by what one more token adds.
func checkBands(t *testing.T, row map[string]string, q Query) {
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
		long := Usage{Input: threshold + 1}
		got := mustCost(t, Embedded(), q, long.Add(kinds[column])).Cost - mustCost(t, Embedded(), q, long).Cost
		if want := MustUSD(price) / 1_000_000; got != want {
			t.Errorf("%s: %s beyond %d is %s, want %s", q.Model, column, threshold, got, want)
		}
	}
}

// The rows of a part of the day, and those of an earlier time, at a moment at which they hold.
func TestEmbeddedHasTheOthersAtTheirTimes(t *testing.T) {
	compared := 0
	for _, row := range table(t, "prices_others.csv") {
		q := query(ours(row["provider"]), row["model"], "standard")
		switch {
		case windowRow.MatchString(row["period"]):
			clock := strings.TrimPrefix(row["period"], "daily ")
			day := "2026-08-20T" // a Thursday on which all of them hold
			q.At = at(day + clock[:len("00:00:00Z")])
		case strings.HasPrefix(row["period"], "from "):
			q.At = at(strings.TrimPrefix(row["period"], "from ")).Add(12 * time.Hour)
		default:
			continue
		}
		if row["input_mtok"] == "" {
			continue
		}
		compared++
		checkCell(t, row, q, "input_mtok", Usage{Input: 1})
		checkCell(t, row, q, "cache_read_mtok", Usage{CachedInput: 1})
		checkCell(t, row, q, "output_mtok", Usage{Output: 1})
		checkFee(t, row, q, "web_searches_kcount", Usage{WebSearches: 1})
	}
	if compared < 10 {
		t.Errorf("only %d rows were compared", compared)
	}
}

// windowRow matches the period of a row that holds for a part of the day.
var windowRow = regexp.MustCompile(`^daily `)

// checkLeftOut wants a reason for a model that the catalog does not have: its price is not in tokens, or not in tokens alone.
func checkLeftOut(t *testing.T, row map[string]string, err error) {
	t.Helper()
	if row["input_mtok"] != "" && row["output_reasoning_mtok"] == "" && row["provider"] != "perplexity" {
		t.Errorf("%s: %v, and the table has a price", row["model"], err)
	}
}
