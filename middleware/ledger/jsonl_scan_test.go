package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
