package price

import (
	"archive/tar"
	"bytes"
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// realFeeds is the folder with published lists as they are. The variable SKINFLINT_FEEDS names another one.
const realFeeds = "../../../shared/data/feeds"

// realFile returns the newest file of the folder whose name begins so and ends with a date, such as "litellm-2026-08-01.json".
// It may be compressed by gzip.
func realFile(t *testing.T, prefix string) (text []byte, day time.Time) {
	t.Helper()
	folder := cmp.Or(os.Getenv("SKINFLINT_FEEDS"), realFeeds)
	names, err := filepath.Glob(filepath.Join(folder, prefix+"-????-??-??.*"))
	if err != nil || len(names) == 0 {
		t.Skipf("no %s-DATE.* in %s (SKINFLINT_FEEDS names another folder)", prefix, folder)
	}
	name := slices.Max(names)
	dated := regexp.MustCompile(`\d{4}-\d\d-\d\d`).FindString(filepath.Base(name))
	if day, err = time.Parse(time.DateOnly, dated); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if text, err = os.ReadFile(name); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(name, ".gz") {
		text = gunzip(t, text)
	}
	return text, day
}

func gunzip(t *testing.T, text []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func TestRealLiteLLM(t *testing.T) {
	text, day := realFile(t, "litellm")
	f, err := LoadLiteLLM("litellm", bytes.NewReader(text), FeedConfig{AsOf: day})
	r := newRealReport(t, day)
	r.add("LiteLLM", f, err, 1000)
	r.print()

	// The list states no cached price of audio, and the catalog below it has one.
	q := Query{Provider: "gemini", Model: "gemini-2.5-flash", Tier: "standard", At: day}
	u := Usage{Input: 1000, CachedAudioInput: 1_000_000}
	_, err = f.Catalog.Cost(q, u)
	wantUnpriced(t, err, "no price for cached_audio_input")
	want := mustCost(t, Embedded(), q, u)
	if got := mustCost(t, Layers(f.Catalog, Embedded()), q, u); got != want {
		t.Errorf("over the embedded catalog: %+v, want %+v", got, want)
	}
}

func TestRealGenAI(t *testing.T) {
	text, day := realFile(t, "genai-prices")
	f, err := LoadGenAI("genai", bytes.NewReader(text), FeedConfig{})
	r := newRealReport(t, day)
	r.add("genai-prices", f, err, 1000)
	r.print()
}

func TestRealPortkey(t *testing.T) {
	text, day := realFile(t, "portkey")
	r := newRealReport(t, day)
	files := tar.NewReader(bytes.NewReader(text))
	for {
		head, err := files.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		provider, isJSON := strings.CutSuffix(filepath.Base(head.Name), ".json")
		if !isJSON {
			continue
		}
		f, err := LoadPortkey("portkey", provider, files, FeedConfig{AsOf: day})
		least := 1
		switch provider {
		case "sagemaker", "segmind": // of no model at all
			least = 0
		case "stability-ai": // of images
			least = 0
			if err == nil && !f.has(LeftOut, provider, "the file has prices of image") {
				t.Errorf("%s: %v", provider, f.Warnings)
			}
		case "google":
			checkGoogleBands(t, f)
		}
		r.add("Portkey "+provider, f, err, least)
	}
	r.print()
}

// checkGoogleBands wants one model for the entries whose names differ in the length of the prompt only.
func checkGoogleBands(t *testing.T, f *Feed) {
	t.Helper()
	for _, name := range f.Catalog.Models("gemini") {
		if strings.Contains(name, "-lte-") || strings.Contains(name, "-gt-") {
			t.Errorf("%s is a model", name)
		}
	}
	pro := f.Catalog.models[modelKey{"gemini", "gemini-2.5-pro"}].periods[0].tiers[standard].bands
	if len(pro) != 2 || pro[0].upTo != 128_000 || 2*pro[0].prices[input] != pro[1].prices[input] {
		t.Errorf("gemini-2.5-pro has the bands %+v", pro)
	}
}

// realReport compares lists with the embedded catalog on one day. Each list has a row.
type realReport struct {
	t    *testing.T
	day  time.Time
	rows []realRow
}

type realRow struct {
	name            string
	models, skipped int
	reasons         map[string]int
	shared, equal   int
	differ          []string
	// The cells that only the embedded catalog has, by whether they have a price under the list.
	completed, contested int
}

func newRealReport(t *testing.T, day time.Time) *realReport {
	return &realReport{t: t, day: day.Add(12 * time.Hour)}
}

// add wants a Feed with at least so many models, or none and a warning, and compares it.
func (r *realReport) add(name string, f *Feed, err error, least int) {
	r.t.Helper()
	if err != nil {
		r.t.Errorf("%s: %v", name, err)
		return
	}
	if f.Models < least || f.Models == 0 && len(f.Warnings) == 0 {
		r.t.Errorf("%s: %d models, want at least %d; %v", name, f.Models, least, f.Warnings)
	}
	row := realRow{name: name, models: f.Models, skipped: f.Skipped, reasons: make(map[string]int)}
	for _, w := range f.Warnings {
		row.reasons[string(w.Kind)+": "+reasonOf(w)]++
	}
	if f.Dropped > 0 {
		row.reasons["more warnings"] = f.Dropped
	}
	r.compare(&row, f.Catalog)
	r.rows = append(r.rows, row)
}

// reasonOf returns the text of a warning without what differs from entry to entry.
func reasonOf(w Warning) string {
	text := regexp.MustCompile(`"?[$\w./@:-]*\d[\w./@:-]*"?`).ReplaceAllString(w.Text, "N")
	if strings.HasPrefix(text, "disagrees with") {
		text = "disagrees with another entry about the same model, so that neither is taken"
	}
	if w.Kind == Withheld && (strings.HasPrefix(text, "is not known here") || strings.HasPrefix(text, "differs between")) {
		text += " (" + w.Field[strings.LastIndex(w.Field, ".")+1:] + ")"
	}
	return text
}

// compare compares the cells that both have, and looks at the cells that only the embedded catalog has.
func (r *realReport) compare(row *realRow, c *Catalog) {
	both := Layers(c, Embedded())
	for key, m := range c.models {
		ours := Embedded().listed(key)
		if ours == nil || ours.at(r.day) == nil || m.at(r.day) == nil {
			continue
		}
		a, b := ours.at(r.day), m.at(r.day)
		for t := range tiers {
			if a[t] == nil || b[t] == nil {
				continue
			}
			q := Query{Provider: key.provider, Model: key.name, Tier: tierNames[t], At: r.day}
			x := comparison{q, found{candidate{model: ours}, a, a[t]}, found{candidate{model: m}, b, b[t]}, both}
			for _, prompt := range prompts(a[t], b[t]) {
				r.cells(row, &x, prompt)
			}
		}
	}
	slices.Sort(row.differ)
}

// comparison is one tier of a model in the embedded catalog and in a list, and the list over the catalog.
type comparison struct {
	q            Query
	ours, theirs found
	both         *Catalog
}

// prompts returns a length of prompt for each pair of bands. Lists differ by one token in where a band ends; that is no band.
func prompts(a, b *tier) []int64 {
	ends := []int64{}
	for _, bands := range [...][]band{a.bands, b.bands} {
		for _, x := range bands {
			ends = append(ends, x.upTo)
		}
	}
	slices.Sort(ends)
	kept := ends[:1]
	for _, end := range ends[1:] {
		if last := &kept[len(kept)-1]; end-*last > 1 {
			kept = append(kept, end)
		}
	}
	return kept
}

// cells compares the cells of one band.
func (r *realReport) cells(row *realRow, x *comparison, prompt int64) {
	a, b := x.ours.tier.band(prompt), x.theirs.tier.band(prompt)
	if a == nil {
		return
	}
	for c, name := range counterNames {
		cell := fmt.Sprintf("%s/%s %s %s %s", x.q.Provider, x.q.Model, x.q.Tier, bandName(prompt), name)
		stated := b != nil && b.prices[c] >= 0
		if a.prices[c] < 0 {
			continue
		}
		if stated {
			row.shared++
		}
		by := r.pricedBy(x, prompt, counter(c), cell)
		switch {
		case stated && a.prices[c] == b.prices[c]:
			row.equal++
		case stated:
			row.differ = append(row.differ, fmt.Sprintf("%s: theirs %s, ours %s; over ours: %s",
				cell, readable(counter(c), b.prices[c]), readable(counter(c), a.prices[c]), by))
		case by == "ours":
			row.completed++
		default:
			row.contested++
		}
	}
}

// pricedBy says by what the list over the embedded catalog prices a call that uses the counter in such a prompt. It wants the
// list's price if the list has one and does not have it for other prompts only, ours if the two agree on the rest, and else
// none.
func (r *realReport) pricedBy(x *comparison, prompt int64, c counter, cell string) string {
	if prompt == endless { // and not too long to have a cost
		prompt = math.MaxInt64 / int64(USD)
	}
	var u Usage
	for _, n := range u.Counters() {
		if n.Name == counterNames[c] {
			*n.Count = min(prompt, 1000)
		}
	}
	u.Input += prompt - u.Prompt()
	got, err := x.both.Cost(x.q, u)
	by, wrong := "theirs", error(nil)
	want, unstated := x.both.layers[0].Cost(x.q, u)
	if unstated != nil || x.theirs.tellsApart(&x.ours, &x.q, prompt) {
		by = "ours"
		want, wrong = Embedded().Cost(x.q, u)
		if !x.theirs.agrees(&x.ours, &x.q, prompt) {
			by = "unpriced"
		}
	}
	switch {
	case by == "unpriced" && err == nil:
		r.t.Errorf("%s costs %s by %s, where the two disagree", cell, got.Cost, got.PriceID)
	case by != "unpriced" && (err != nil || wrong != nil || got != want):
		r.t.Errorf("%s: %+v, %v; want %+v by %s, %v", cell, got, err, want, by, wrong)
	}
	return by
}

// bandName names the band that ends there.
func bandName(upTo int64) string {
	if upTo == endless {
		return "any or longest"
	}
	return "to " + strconv.FormatInt(upTo, 10)
}

// print prints the rows that say something, all of them together, and the cells that differ.
func (r *realReport) print() {
	sum := realRow{name: "all", reasons: make(map[string]int)}
	for _, row := range r.rows {
		sum.models += row.models
		sum.skipped += row.skipped
		sum.shared += row.shared
		sum.equal += row.equal
		sum.differ = append(sum.differ, row.differ...)
		sum.completed += row.completed
		sum.contested += row.contested
		for reason, n := range row.reasons {
			sum.reasons[reason] += n
		}
	}
	rows := r.rows
	if len(rows) > 1 {
		rows = append(slices.Clone(rows), sum)
	}
	r.t.Logf("compared on %s", r.day.Format(time.DateOnly))
	for _, row := range rows {
		r.t.Logf("%-24s %5d models, %4d left out, cells shared %5d, equal %5d, different %4d; ours only %5d, of which unpriced %4d",
			row.name, row.models, row.skipped, row.shared, row.equal, len(row.differ), row.completed+row.contested, row.contested)
	}
	for _, reason := range slices.Sorted(maps.Keys(sum.reasons)) {
		r.t.Logf("%5d %s", sum.reasons[reason], reason)
	}
	for _, line := range sum.differ {
		r.t.Log("differs: " + line)
	}
}
