package postgres

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// FuzzText: PostgreSQL accepts every text, and texts that differ in JSON stay different.
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
			if old := want[k]; old == nil || r.Replaces(old) {
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
