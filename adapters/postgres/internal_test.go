package postgres

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

func TestMonths(t *testing.T) {
	for _, c := range []struct {
		at    time.Time
		table string
	}{
		{time.Time{}, "rows_0001_01"},
		{time.Date(1969, 12, 31, 23, 59, 59, 999, time.UTC), "rows_1969_12"},
		{time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), "rows_2026_12"},
		{time.Date(2027, 1, 1, 0, 30, 0, 0, time.FixedZone("", 3600)), "rows_2026_12"},
		{latest, "rows_9999_12"},
	} {
		m := monthOf(c.at)
		if m.table() != c.table || c.at.Before(m.begin()) || !c.at.Before((m + 1).begin()) {
			t.Errorf("%v: %s from %v to %v, want %s", c.at, m.table(), m.begin(), (m + 1).begin(), c.table)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add("rows_2026_11")
	f.Add("rows_2026_13")
	f.Add("rows_-1_1")
	f.Add("rows_292277027000_01")
	f.Add("rows_99999999999999999999_01")
	f.Fuzz(func(t *testing.T, name string) {
		if m, ok := parseTable(name); ok && (m.table() != name || monthOf(m.begin()) != m) {
			t.Errorf("%q is taken for %q", name, m.table())
		}
	})
}

// FuzzText: what PostgreSQL is given it takes, and of two texts that JSON tells apart it is given different ones.
func FuzzText(f *testing.F) {
	f.Add("a\x00", `"a\u0000"`)
	f.Add("\xff", "\ufffd")
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, s := range []string{text(a), callText(a)} {
			if s != text(a) && len(s) > 1000 || strings.ContainsRune(s, 0) || !utf8.ValidString(s) {
				t.Errorf("%q becomes %q", a, s)
			}
		}
		one, two := ledger.Row{Call: a}, ledger.Row{Call: b}
		if plain(&one) && plain(&two) && (a == b) != (callText(a) == callText(b)) {
			t.Errorf("%q and %q become %q and %q", a, b, callText(a), callText(b))
		}
	})
}

// TestArrange: of rows with one key, in any order, one is left: the one that would be, were they written one by one.
func TestArrange(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		rows := make([]ledger.Row, 1+random.IntN(12))
		want := make(map[key]*ledger.Row)
		for i := range rows {
			r := &rows[i]
			r.Attempt, r.Status = random.IntN(3), i
			r.Outcome = []policy.Outcome{policy.Open, policy.Billed}[random.IntN(2)]
			if random.IntN(4) == 0 {
				r.Outcome, r.PriceID = policy.Billed, ledger.BillPriceID
			}
			k := key{r.At.UnixMicro(), r.Call, r.Attempt}
			if old := want[k]; old == nil || replaces(old, r) {
				want[k] = r
			}
		}
		c, err := arrange(rows)
		if err != nil || len(c.line) != len(want) {
			t.Fatalf("%d rows, %v, want %d", len(c.line), err, len(want))
		}
		for i, line := range c.line {
			k := key{c.at[i].UnixMicro(), c.call[i], int(c.attempt[i])}
			if w := string(want[k].AppendJSON(nil)); line != w {
				t.Fatalf("got  %s\nwant %s", line, w)
			}
		}
	}
}
