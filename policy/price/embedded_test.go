package price

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

func TestEmbeddedParses(t *testing.T) {
	if _, err := Parse("embedded", bytes.NewReader(embeddedJSON)); err != nil {
		t.Fatal(err)
	}
	if first, second := Embedded(), Embedded(); first != second {
		t.Error("the catalog is parsed more than once")
	}
}

// table reads one of the tables that the catalog was made from, row by row, where they lie beside the repository.
func table(t *testing.T, name string) []map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "shared", "facts", name))
	if err != nil {
		t.Skipf("the table is not here to compare with: %v", err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
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

// A cell says which price a column of the tables is.
type cell struct {
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
	cells := []cell{
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
			cell{column + "_in", tier, false, Usage{Input: 1}},
			cell{column + "_cached", tier, false, Usage{CachedInput: 1}},
			cell{column + "_out", tier, false, Usage{Output: 1}})
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
	}
	if known < 140 {
		t.Errorf("only %d models were compared", known)
	}
}

// windowRow matches the period of a row that holds for a part of the day.
var windowRow = regexp.MustCompile(`^daily `)

// checkLeftOut wants a reason for a model that the catalog does not have: its price is not in tokens, or not in tokens alone.
func checkLeftOut(t *testing.T, row map[string]string, err error) {
	t.Helper()
	if row["input_mtok"] != "" && row["requests_kcount"] == "" && row["output_reasoning_mtok"] == "" && row["provider"] != "perplexity" {
		t.Errorf("%s: %v, and the table has a price", row["model"], err)
	}
}
