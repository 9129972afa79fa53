package sqlite_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

func TestColumns(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	store := open(t, path)
	rows := rowsOf(0, 2)
	rows[1].ServedModel, rows[1].Cost, rows[1].Unpriced, rows[1].Tags = "", ledger.Amount{}, "no price", nil
	rows[1].Exposure, rows[1].Implicit = ledger.Known(-3), ledger.Known(0)
	if err := store.Write(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	found, err := other(t, path).Query(`SELECT concat_ws('|', call, attempt, at, provider, operation, model, served_tier, outcome, price_id,
		unpriced, ifnull(cost_pico, 'null'), ifnull(list_pico, 'null'), ifnull(implicit_pico, 'null'), ifnull(exposure_pico, 'null'),
		ifnull(tags, 'null')), row FROM rows ORDER BY call`)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	want := []string{
		"000000-000000|1|1795262400000000007|openai|chat|gpt-5-2025-08-07|flex|billed|openai/gpt-5|0|12345678|24691356|null|null|" +
			`{"job":"nightly","tenant":"acme"}`,
		"000000-000001|1|1795262400001000007|openai|chat|gpt-5|flex|billed|openai/gpt-5|1|null|24691356|0|-3|null",
	}
	for i := 0; found.Next(); i++ {
		var columns, line string
		if err := found.Scan(&columns, &line); err != nil {
			t.Fatal(err)
		}
		if columns != want[i] {
			t.Errorf("columns %s\nwant    %s", columns, want[i])
		}
		if wantLine := string(rows[i].AppendJSON(nil)); line != wantLine {
			t.Errorf("row  %s\nwant %s", line, wantLine)
		}
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
}

// A text that is not UTF-8 is stored as it is read back, so that a filter finds it, and writing it again changes nothing.
func TestTextThatIsNotUTF8(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	rows := rowsOf(0, 3)
	rows[0].Call, rows[0].Provider = "\xff", "\xfe"
	rows[1].At = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC)
	rows[2].Call = "\xfe\xff"
	for range 2 {
		if err := store.Write(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
	}
	if got := scan(t, store, ledger.Filter{}); len(got) != 3 {
		t.Errorf("%d rows, want 3", len(got))
	}
	if got := scan(t, store, ledger.Filter{Call: "\ufffd", Provider: "\ufffd"}); len(got) != 1 {
		t.Errorf("%d rows of the call, want 1", len(got))
	}
	if got := scan(t, store, ledger.Filter{Until: time.Time{}.Add(1)}); len(got) != 1 {
		t.Errorf("%d rows of a year that JSON does not have, want 1", len(got))
	}
}
