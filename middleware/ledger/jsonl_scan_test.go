package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

func TestJSONLSince(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: 1})
	for i := range 5 {
		r := row(fmt.Sprint(i), 1, policy.Billed, 1)
		r.At = time.Now()
		write(t, j, r)
	}
	rows := j.Scan(t.Context(), ledger.Filter{})
	var times []time.Time
	for r := range rows {
		times = append(times, r.At)
	}
	for i, at := range times {
		got, err := scan(t, j, ledger.Filter{Since: at})
		if len(got) != len(times)-i || err != nil {
			t.Errorf("since the %d. row there are %d: %v", i, len(got), err)
		}
		if got, _ := scan(t, j, ledger.Filter{Until: at}); len(got) != i {
			t.Errorf("until the %d. row there are %d", i, len(got))
		}
	}
}

// A file that is not a segment is ignored, even if its name has the same ending.
func TestJSONLForeignFiles(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{})
	write(t, j, row("a", 1, policy.Billed, 1), open("b", 1, 5))
	j.Close()
	text, err := os.ReadFile(lastSegment(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "export.jsonl"), text[:bytes.IndexByte(text, '\n')+1], 0o600); err != nil {
		t.Fatal(err)
	}
	j = openJSONL(t, dir, ledger.JSONLConfig{})
	wantRows(t, j, ledger.Filter{}, "a/1:billed:0.000000000001 b/1:ambiguous:unknown")
}

// A line that cannot be read is reported, and all other lines are read.
func TestJSONLCorrupt(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: 1})
	for i := range 3 {
		write(t, j, row(fmt.Sprint(i), 1, policy.Billed, 1), row(fmt.Sprint(i, "b"), 1, policy.Billed, 1), row(fmt.Sprint(i, "c"), 1, policy.Billed, 1))
	}
	j.Close()
	names, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	text, err := os.ReadFile(names[1])
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitAfter(string(text), "\n")
	parts[1] = "\x00\xff garbage\n{\"no\":\"row\"}\n" + strings.Repeat("x", 2<<20) + "\n"
	if err := os.WriteFile(names[1], []byte(strings.Join(parts, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	j = openJSONL(t, dir, ledger.JSONLConfig{})
	rows, err := scan(t, j, ledger.Filter{})
	var corrupt *ledger.CorruptError
	if len(rows) != 8 || !errors.As(err, &corrupt) || corrupt.Line != 2 || corrupt.Lines != 3 || corrupt.File != names[1] {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if strings.Contains(err.Error(), "garbage") {
		t.Errorf("the error quotes what the file holds: %v", err)
	}
	w := ledger.NewWriter(j, ledger.WriterConfig{Logger: quiet})
	defer w.Close(t.Context())
	if err := w.Load(t.Context(), ledger.Filter{}); !errors.As(err, &corrupt) || w.Totals().Attempts != 8 {
		t.Errorf("loaded %d: %v", w.Totals().Attempts, err)
	}
}

// copied has ways to copy segments: what files with further names hold.
var copied = map[string]func(segments [][]byte) map[string][]byte{
	"an older name":     func(s [][]byte) map[string][]byte { return map[string][]byte{older: s[0]} },
	"a newer name":      func(s [][]byte) map[string][]byte { return map[string][]byte{newer: s[0]} },
	"the latest":        func(s [][]byte) map[string][]byte { return map[string][]byte{newer: s[len(s)-1]} },
	"two copies":        func(s [][]byte) map[string][]byte { return map[string][]byte{older: s[0], newer: s[0]} },
	"half of it":        func(s [][]byte) map[string][]byte { return map[string][]byte{older: s[0][:len(s[0])/2]} },
	"all in one":        func(s [][]byte) map[string][]byte { return map[string][]byte{newer: bytes.Join(s, nil)} },
	"twice in the file": func(s [][]byte) map[string][]byte { return map[string][]byte{older: bytes.Repeat(s[0], 2)} },
}

const older, newer = "20200101T000000.000000000Z.jsonl", "20360101T000000.000000000Z.jsonl"

// A segment that was copied under another name counts once, whatever the name is, and whether the copy is whole, a part, or
// more than one segment.
func TestCopiedSegments(t *testing.T) {
	for name, copies := range copied {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			files := openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: 2000})
			rows := history(rand.New(rand.NewPCG(1, 2)), 200)
			for batch := range slices.Chunk(rows, 20) {
				write(t, files, batch...)
			}
			if err := files.Close(); err != nil {
				t.Fatal(err)
			}
			want, err := ledger.TotalsOf(ledger.ReadJSONL(t.Context(), dir, ledger.Filter{}))
			if err != nil {
				t.Fatal(err)
			}
			for name, text := range copies(readFiles(t, dir)) {
				if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var log bytes.Buffer
			defer slog.SetDefault(slog.Default())
			slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
			got, err := ledger.TotalsOf(ledger.ReadJSONL(t.Context(), dir, ledger.Filter{}))
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%v, %v\nwant %v", got, err, want)
			}
			if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), ".jsonl") {
				t.Errorf("logged %q", log.String())
			}
			again := openJSONL(t, dir, ledger.JSONLConfig{})
			if got, err := ledger.TotalsOf(again.Scan(t.Context(), ledger.Filter{})); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("opened again: %v, %v\nwant %v", got, err, want)
			}
			for row := range again.Scan(t.Context(), ledger.Filter{Outcome: policy.Open}) {
				t.Errorf("%s is open", row.Call)
			}
		})
	}
}

// readFiles returns what the segments of a directory hold.
func readFiles(t *testing.T, dir string) (segments [][]byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil || len(names) < 4 {
		t.Fatalf("%d segments, %v", len(names), err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		segments = append(segments, text)
	}
	return segments
}

// An attempt that has ended is not open because a copy of its open line comes later.
func TestCopiedOpenLine(t *testing.T) {
	dir := t.TempDir()
	row := ledger.Row{Call: "a", Attempt: 1, At: noon, Outcome: policy.Billed, Cost: ledger.Known(5)}
	open := row
	open.Outcome, open.Cost, open.Unpriced = policy.Open, ledger.Amount{}, ledger.OpenReason
	for name, lines := range map[string][]ledger.Row{older: {open, row}, newer: {open}} {
		var text []byte
		for _, r := range lines {
			text = append(r.AppendJSON(text), '\n')
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := openJSONL(t, dir, ledger.JSONLConfig{})
	for _, outcome := range []policy.Outcome{policy.Open, policy.Ambiguous} {
		for r := range files.Scan(t.Context(), ledger.Filter{Outcome: outcome}) {
			t.Errorf("%+v", r)
		}
	}
}

// A line with a negative amount is not read, and the error says where it is.
func TestNegativeMoneyInASegment(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, older)
	text := `{"call":"a","attempt":1,"outcome":"billed","cost_usd":"1"}` + "\n" + `{"call":"b","attempt":1,"outcome":"billed","cost_usd":"-1"}` + "\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := ledger.TotalsOf(ledger.ReadJSONL(t.Context(), dir, ledger.Filter{}))
	var corrupt *ledger.CorruptError
	if !errors.As(err, &corrupt) || corrupt.File != name || corrupt.Line != 2 || !strings.Contains(err.Error(), "cost_usd") || got.Cost.String() != "1" {
		t.Errorf("%v, cost %v", err, got.Cost)
	}
}
