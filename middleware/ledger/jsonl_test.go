package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func openJSONL(t *testing.T, dir string, c ledger.JSONLConfig) *ledger.JSONL {
	t.Helper()
	j, err := ledger.OpenJSONL(dir, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func write(t *testing.T, s ledger.Sink, rows ...ledger.Row) {
	t.Helper()
	if err := s.Write(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if s, ok := s.(ledger.Syncer); ok {
		if err := s.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// scan returns what a source has, each row as "call/attempt:outcome:cost".
func scan(t *testing.T, s ledger.Scanner, f ledger.Filter) (rows []string, err error) {
	t.Helper()
	for row, e := range s.Scan(t.Context(), f) {
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		rows = append(rows, fmt.Sprintf("%s/%d:%s:%s", row.Call, row.Attempt, row.Outcome, row.Cost))
	}
	return rows, err
}

func wantRows(t *testing.T, s ledger.Scanner, f ledger.Filter, want string) {
	t.Helper()
	rows, err := scan(t, s, f)
	if got := strings.Join(rows, " "); got != want || err != nil {
		t.Errorf("rows\n%s\nwant\n%s\n%v", got, want, err)
	}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func row(call string, attempt int, outcome policy.Outcome, cost price.Pico) ledger.Row {
	return ledger.Row{Call: call, Attempt: attempt, At: noon, Outcome: outcome, UsageSource: ledger.Measured, Cost: ledger.Known(cost)}
}

func open(call string, attempt int, exposure price.Pico) ledger.Row {
	return ledger.Row{Call: call, Attempt: attempt, At: noon, Outcome: policy.Open, UsageSource: ledger.Unknown, Exposure: ledger.Known(exposure)}
}

// lines returns all lines of all segments.
func lines(t *testing.T, dir string) (all []string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")...)
	}
	return all
}

func lastSegment(t *testing.T, dir string) string {
	t.Helper()
	names, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if len(names) == 0 {
		t.Fatal("there is no segment")
	}
	return names[len(names)-1]
}

func TestJSONL(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{})
	wantRows(t, j, ledger.Filter{}, "")
	write(t, j, open("a", 1, 9))
	wantRows(t, j, ledger.Filter{}, "")
	wantRows(t, j, ledger.Filter{Outcome: policy.Open}, "a/1:open:unknown")
	write(t, j, row("a", 1, policy.Billed, 5), row("b", 1, policy.Billed, 7), row("a", 1, policy.Billed, 6))
	write(t, j, open("a", 1, 9), row("b", 1, policy.Billed, 8), row("b", 2, policy.Partial, 1))
	const want = "a/1:billed:0.000000000005 b/1:billed:0.000000000007 b/2:partial:0.000000000001"
	wantRows(t, j, ledger.Filter{}, want)
	wantRows(t, j, ledger.Filter{Outcome: policy.Open}, "")
	wantRows(t, j, ledger.Filter{Call: "b", Outcome: policy.Partial}, "b/2:partial:0.000000000001")
	bill := row("b", 1, policy.Billed, 2)
	bill.PriceID = ledger.BillPriceID
	write(t, j, bill)
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
	if err := j.Write(t.Context(), []ledger.Row{bill}); err == nil {
		t.Error("written after it was closed")
	}
	j = openJSONL(t, dir, ledger.JSONLConfig{})
	write(t, j, row("b", 2, policy.Partial, 3), row("c", 1, policy.Billed, 4))
	wantRows(t, j, ledger.Filter{}, "a/1:billed:0.000000000005 b/1:billed:0.000000000002 b/2:partial:0.000000000001 c/1:billed:0.000000000004")
	if got := len(lines(t, dir)); got != 5 {
		t.Errorf("%d lines, want one of the open row and four of rows", got)
	}
}

// A directory that one program uses cannot be opened by another.
func TestJSONLLocks(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{})
	if _, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{}); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("opened twice: %v", err)
	}
	j.Close()
	openJSONL(t, dir, ledger.JSONLConfig{}).Close()
}

func TestJSONLBadConfig(t *testing.T) {
	if _, err := ledger.OpenJSONL(t.TempDir(), ledger.JSONLConfig{SegmentBytes: -1}); err == nil {
		t.Error("a segment of -1 bytes")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.OpenJSONL(file, ledger.JSONLConfig{}); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file as directory: %v", err)
	}
}

// An attempt that was open when the program ended may have been billed. The open line may be some segments back, and these
// are not read.
func TestJSONLAbandoned(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: 1})
	write(t, j, open("a", 1, 9), open("b", 1, 8))
	for i := range 5 {
		write(t, j, row(fmt.Sprint(i), 1, policy.Billed, 1))
	}
	write(t, j, row("b", 1, policy.Billed, 2))
	j.Close()
	names, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	if len(names) != 7 {
		t.Fatalf("%d segments", len(names))
	}
	if err := os.Remove(names[0]); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time nothing is open any more
		j = openJSONL(t, dir, ledger.JSONLConfig{})
		j.Close()
	}
	var abandoned []ledger.Row
	for row, err := range ledger.ReadJSONL(t.Context(), dir, ledger.Filter{Outcome: policy.Ambiguous}) {
		if err != nil {
			t.Fatal(err)
		}
		abandoned = append(abandoned, row)
	}
	if len(abandoned) != 1 || abandoned[0].Call != "a" || abandoned[0].Exposure != ledger.Known(9) || abandoned[0].Unpriced != ledger.AbandonedReason {
		t.Errorf("%+v", abandoned)
	}
}

// A program can end anywhere in the middle of a line. All lines before are there, and nothing else.
func TestJSONLTornLine(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{})
	write(t, j, row("a", 1, policy.Billed, 1), open("b", 1, 4), row("b", 1, policy.Billed, 2), row("c", 1, policy.Billed, 3))
	j.Close()
	path := lastSegment(t, dir)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ends := 0
	for cut := range len(text) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), text[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		j := openJSONL(t, dir, ledger.JSONLConfig{})
		write(t, j, row("d", 1, policy.Billed, 4))
		want := []string{"", "a/1:billed:0.000000000001 ", "a/1:billed:0.000000000001 b/1:ambiguous:unknown ", "a/1:billed:0.000000000001 b/1:billed:0.000000000002 "}
		whole := bytes.Count(text[:cut], []byte("\n"))
		if bytes.HasPrefix(text[cut:], []byte("\n")) {
			whole++ // only the end of the line is missing
			ends++
		}
		all := want[min(whole, 3)]
		if whole == 4 {
			all += "c/1:billed:0.000000000003 "
		}
		wantRows(t, j, ledger.Filter{}, all+"d/1:billed:0.000000000004")
		j.Close()
	}
	if ends != 4 {
		t.Errorf("%d lines", ends)
	}
}

// When a file can no longer be written, the write fails, and the rows that are written again are kept once.
func TestJSONLFailingFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ledger")
	j := openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: 1})
	write(t, j, row("a", 1, policy.Billed, 1))
	moved := dir + ".away"
	if err := os.Rename(dir, moved); err != nil {
		t.Fatal(err)
	}
	rows := []ledger.Row{row("b", 1, policy.Billed, 2), open("c", 1, 3)}
	if err := j.Write(t.Context(), rows); err == nil {
		t.Fatal("it was written into nothing")
	}
	if err := os.Rename(moved, dir); err != nil {
		t.Fatal(err)
	}
	write(t, j, rows...)
	wantRows(t, j, ledger.Filter{}, "a/1:billed:0.000000000001 b/1:billed:0.000000000002")
	wantRows(t, j, ledger.Filter{Outcome: policy.Open}, "c/1:open:unknown")
}

// Rows that are written in any batches, any number of times, are there once, and add up.
func TestJSONLReplays(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 9))
	for range 30 {
		dir := t.TempDir()
		j := openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: int64(1 + random.IntN(3000))})
		var rows []ledger.Row
		var want price.Sum
		for i := range 40 {
			if random.IntN(2) == 0 {
				rows = append(rows, open(fmt.Sprint(i), 1, 1))
			}
			r := row(fmt.Sprint(i), 1, policy.Billed, price.Pico(random.IntN(1000)))
			want.Add(r.Cost.Pico)
			rows = append(rows, r)
		}
		for from := 0; from < len(rows); {
			to := min(len(rows), from+1+random.IntN(8))
			back := max(0, from-random.IntN(10))
			write(t, j, rows[back:to]...)
			if from = to; rows[to-1].Outcome != policy.Open && random.IntN(6) == 0 {
				j.Close()
				j = openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: 1000})
			}
		}
		var got price.Sum
		n := 0
		for r, err := range j.Scan(t.Context(), ledger.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			n++
			got.Add(r.Cost.Pico)
		}
		if n != 40 || got.Cmp(want) != 0 {
			t.Fatalf("%d rows that add up to %s, want 40 and %s", n, got, want)
		}
		j.Close()
	}
}

// A clock that was ahead once does no harm at the next starts of the program.
func TestJSONLFromTheFuture(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{})
	write(t, j, row("a", 1, policy.Billed, 1))
	j.Close()
	later := filepath.Join(dir, time.Now().AddDate(50, 0, 0).UTC().Format("20060102T150405.000000000Z")+".jsonl")
	if err := os.Rename(lastSegment(t, dir), later); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	want.WriteString("a/1:billed:0.000000000001")
	for i := range 300 {
		j := openJSONL(t, dir, ledger.JSONLConfig{})
		write(t, j, row(fmt.Sprint(i), 1, policy.Billed, 1))
		want.WriteString(fmt.Sprintf(" %d/1:billed:0.000000000001", i))
		j.Close()
	}
	wantRows(t, openJSONL(t, dir, ledger.JSONLConfig{}), ledger.Filter{}, want.String())
}

// Open rows are carried from segment to segment, and do not fill them.
func TestJSONLCarries(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: 10_000})
	for i := range 100 {
		write(t, j, open(fmt.Sprint("open", i), 1, 1))
	}
	for i := range 100 {
		write(t, j, row(fmt.Sprint(i), 1, policy.Billed, 1))
	}
	if names, _ := filepath.Glob(filepath.Join(dir, "*.jsonl")); len(names) > 5 {
		t.Errorf("%d segments", len(names))
	}
}

// The latest rows are known again when they are written again, however many came before.
func TestJSONLKnowsTheLatest(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: 1 << 20})
	var rows []ledger.Row
	for i := range 20_000 {
		rows = append(rows, row(fmt.Sprint(i), 1, policy.Billed, 1))
	}
	for i := 0; i < len(rows); i += 1000 {
		write(t, j, rows[i:i+1000]...)
	}
	j.Close()
	j = openJSONL(t, dir, ledger.JSONLConfig{})
	last := []ledger.Row{row("x", 1, policy.Billed, 1), row("y", 1, policy.Billed, 1)}
	write(t, j, last...)
	j.Close()
	j = openJSONL(t, dir, ledger.JSONLConfig{})
	write(t, j, append(last, rows[19_000:]...)...)
	if got := len(lines(t, dir)); got != 20_002 {
		t.Errorf("%d lines", got)
	}
}

// A failed sync takes back what it was to make safe, in every file, and what was open then is open again.
func TestJSONLSyncFails(t *testing.T) {
	dir := t.TempDir()
	j := openJSONL(t, dir, ledger.JSONLConfig{SegmentBytes: 1})
	write(t, j, open("a", 1, 5), row("b", 1, policy.Billed, 1))
	rows := []ledger.Row{row("a", 1, policy.Billed, 2), open("c", 1, 5), row("d", 1, policy.Billed, 3)}
	for _, r := range rows { // each in a segment of its own
		if err := j.Write(t.Context(), []ledger.Row{r}); err != nil {
			t.Fatal(err)
		}
	}
	ledger.FailSync(j)
	if err := j.Sync(t.Context()); err == nil {
		t.Fatal("synced")
	}
	wantRows(t, j, ledger.Filter{}, "b/1:billed:0.000000000001")
	wantRows(t, j, ledger.Filter{Outcome: policy.Open}, "a/1:open:unknown c/1:open:unknown") // c began the third, synced
	write(t, j, rows...)
	wantRows(t, j, ledger.Filter{}, "b/1:billed:0.000000000001 a/1:billed:0.000000000002 d/1:billed:0.000000000003")
	wantRows(t, j, ledger.Filter{Outcome: policy.Open}, "c/1:open:unknown")
}
