package ledgertest_test

import (
	"context"
	"iter"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/ledgertest"
	"github.com/skinflint-go/skinflint/policy"
)

type key struct {
	call    string
	attempt int
}

// A table is a sink in memory. TestSink must find its fault.
type table struct {
	fault string
	mu    sync.Mutex
	rows  map[key]string // lines
}

func (s *table) Write(ctx context.Context, rows []ledger.Row) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil && s.fault != "says nothing when cancelled" {
		return err
	} else if err != nil {
		return nil
	}
	for i := range rows {
		r, err := ledger.ParseRow(rows[i].AppendJSON(nil))
		if err != nil {
			return err
		}
		s.put(&r)
	}
	return nil
}

// put keeps a row, by the rules of a sink and with the table's fault.
func (s *table) put(r *ledger.Row) {
	k := key{r.Call, r.Attempt}
	old, ok := s.rows[k]
	wasOpen := strings.Contains(old, `"outcome":"open"`)
	if ok && !s.replaces(r, old) && s.fault != "keeps the last" {
		return
	}
	if r.Cost.Known && s.fault == "loses a picodollar" && r.Cost.Pico > 1<<53 {
		r.Cost.Pico--
	}
	if s.fault == "counts twice" && ok && wasOpen {
		s.rows[key{r.Call + "'", r.Attempt}] = old
	}
	s.rows[k] = string(r.AppendJSON(nil))
}

// replaces reports whether a row replaces that of a line.
func (s *table) replaces(r *ledger.Row, line string) bool {
	old, err := ledger.ParseRow([]byte(line))
	if err != nil {
		panic(err)
	}
	switch {
	case r.PriceID == ledger.BillPriceID && s.fault == "ignores bills",
		r.PriceID != ledger.BillPriceID && r.Settles && s.fault == "ignores what settles":
		return false
	case r.Settles && s.fault == "settles bills":
		return true
	}
	return r.Replaces(&old)
}

func (s *table) Close() error {
	if s.fault == "forgets" {
		clear(s.rows)
	}
	return nil
}

func (s *table) Scan(ctx context.Context, f ledger.Filter) iter.Seq2[ledger.Row, error] {
	return func(yield func(ledger.Row, error) bool) {
		s.mu.Lock()
		var rows []ledger.Row
		for line := range maps.Values(s.rows) {
			row, err := ledger.ParseRow([]byte(line))
			if err != nil {
				panic(err)
			}
			if f.Match(&row) || s.fault == "shows open rows" && row.Outcome == policy.Open {
				rows = append(rows, row)
			}
		}
		s.mu.Unlock()
		if s.fault != "has no order" {
			slices.SortFunc(rows, func(a, b ledger.Row) int { return a.At.Compare(b.At) })
		}
		for _, row := range rows {
			if err := ctx.Err(); err != nil {
				if s.fault != "ends early" {
					yield(ledger.Row{}, err)
				}
				return
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// testTables tests tables with that fault, or none.
func testTables(t *testing.T, fault string) {
	tables := make(map[string]*table)
	ledgertest.TestSink(t, func(_ *testing.T, dir string) ledger.Sink {
		if tables[dir] == nil {
			tables[dir] = &table{fault: fault, rows: make(map[key]string)}
		}
		return tables[dir]
	})
}

func TestTable(t *testing.T) { testTables(t, "") }

func TestJSONL(t *testing.T) {
	ledgertest.TestSink(t, func(t *testing.T, dir string) ledger.Sink {
		sink, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{SegmentBytes: 1 << 18})
		if err != nil {
			t.Fatal(err)
		}
		return sink
	})
}

const faultVariable = "LEDGERTEST_FAULT"

// TestFaulty is run by TestFaultsAreFound in a process of its own, because it has to fail.
func TestFaulty(t *testing.T) {
	fault := os.Getenv(faultVariable)
	if fault == "" {
		t.Skip("it is TestFaultsAreFound that runs this")
	}
	testTables(t, fault)
}

func TestFaultsAreFound(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for fault, items := range map[string]string{
		"keeps the last":              "first_stays",
		"ignores bills":               "bill",
		"ignores what settles":        "settled",
		"settles bills":               "settled",
		"loses a picodollar":          "round_trip|sums",
		"counts twice":                "open",
		"forgets":                     "reopen",
		"shows open rows":             "open|filters",
		"has no order":                "order",
		"ends early":                  "cancelled",
		"says nothing when cancelled": "cancelled",
	} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestFaulty$/^("+items+")$")
			cmd.Env = append(os.Environ(), faultVariable+"="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Fatalf("a table that %s passes:\n%.1000s", fault, out)
			}
			for item := range strings.SplitSeq(items, "|") {
				if !regexp.MustCompile(`--- FAIL: TestFaulty/` + item + ` `).Match(out) {
					t.Errorf("item %s passes for a table that %s:\n%.1000s", item, fault, out)
				}
			}
		})
	}
}
