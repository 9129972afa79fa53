package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/adapters/sqlite"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/ledgertest"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 7, time.UTC)

// rowsOf makes n rows of calls that are named after the batch.
func rowsOf(batch, n int) []ledger.Row {
	rows := make([]ledger.Row, n)
	for i := range rows {
		rows[i] = ledger.Row{
			Call: fmt.Sprintf("%06d-%06d", batch, i), Attempt: 1, At: noon.Add(time.Duration(batch*1000+i) * time.Millisecond),
			Provider: "openai", Operation: "chat", Model: "gpt-5", ServedModel: "gpt-5-2025-08-07", AskedTier: policy.Flex, ServedTier: policy.Flex,
			Outcome: policy.Billed, Status: 200, RequestID: "req_0123456789abcdef", ResponseID: "chatcmpl-0123456789abcdef",
			Usage: price.Usage{Input: 1000, CachedInput: 500, Output: 700}, UsageSource: ledger.Measured,
			Cost: ledger.Known(12_345_678), List: ledger.Known(24_691_356), PriceID: "openai/gpt-5", WireTries: 1, LatencyMS: 2345,
			Tags: map[string]string{"tenant": "acme", "job": "nightly"},
		}
	}
	return rows
}

func open(t testing.TB, path string) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

func scan(t testing.TB, store *sqlite.Store, f ledger.Filter) (rows []ledger.Row) {
	t.Helper()
	for row, err := range store.Scan(context.Background(), f) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// other opens the database as another program does.
func other(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	return db
}

func exec(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

func TestSink(t *testing.T) {
	ledgertest.TestSink(t, func(t *testing.T, dir string) ledger.Sink {
		store, err := sqlite.Open(t.Context(), filepath.Join(dir, "a ledger 100%#.db"))
		if err != nil {
			t.Fatal(err)
		}
		return store
	})
}

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

// What is not UTF-8 is stored as it is read back, so that it is found again, and known when it is written again.
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

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	prepare := func(name, statement string) string {
		path := filepath.Join(dir, name)
		db := other(t, path)
		exec(t, db, statement)
		db.Close()
		return path
	}
	newer := filepath.Join(dir, "newer.db")
	if store, err := sqlite.Open(t.Context(), newer); err != nil || store.Close() != nil {
		t.Fatal(err)
	}
	prepare("newer.db", "PRAGMA user_version = 99")
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"no path", "", "ledger.Memory"},
		{"memory", ":memory:", "ledger.Memory"},
		{"no directory", filepath.Join(dir, "none", "ledger.db"), "no such file"},
		{"a directory", dir, "cannot be opened"},
		{"newer", newer, "of version 99, and this program knows those up to 1: use a newer one"},
		{"of another program", prepare("other.db", "CREATE TABLE cats (name)"), "of another program: name another file"},
		{"of another program that says so", prepare("other2.db", "PRAGMA application_id = 5"), "of another program: name another file"},
		{"text", text, "name another file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, err := sqlite.Open(t.Context(), c.path)
			if err == nil {
				store.Close()
				t.Fatal("it is opened")
			}
			if !strings.HasPrefix(err.Error(), "sqlite: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant sqlite: ... %s", err, c.want)
			}
		})
	}
}

func TestOpenAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			store, err := sqlite.Open(context.Background(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer store.Close()
			if err := store.Write(context.Background(), rowsOf(i, 20)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := scan(t, open(t, path), ledger.Filter{}); len(got) != 160 {
		t.Errorf("%d rows, want 160", len(got))
	}
}

// A Write that another program does not let through fails when its context is done, and works when it is written again.
func TestLocked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.db")
	store := open(t, path)
	if err := store.Write(t.Context(), rowsOf(0, 10)); err != nil {
		t.Fatal(err)
	}
	holder := other(t, path)
	exec(t, holder, "BEGIN IMMEDIATE")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	err := store.Write(ctx, rowsOf(1, 10))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Write: %v, want the context's error", err)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v to heed the context", took)
	}
	if got := scan(t, store, ledger.Filter{}); len(got) != 10 {
		t.Errorf("%d rows while the database is locked, want 10", len(got))
	}
	if testing.Short() {
		t.Log("without the two seconds of a Write that waits")
	} else if err := store.Write(t.Context(), rowsOf(1, 10)); err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("Write: %v, want advice to try again", err)
	}
	exec(t, holder, "ROLLBACK")
	for range 2 {
		if err := store.Write(t.Context(), rowsOf(1, 10)); err != nil {
			t.Fatal(err)
		}
	}
	if got := scan(t, store, ledger.Filter{}); len(got) != 20 {
		t.Errorf("%d rows, want 20", len(got))
	}
}

func TestRecover(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	rows := rowsOf(0, 1200)
	for i := range rows {
		rows[i].Outcome, rows[i].Cost, rows[i].Exposure = policy.Open, ledger.Amount{}, ledger.Known(5)
	}
	if err := store.Write(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	ended := rowsOf(0, 1)
	if err := store.Write(t.Context(), ended); err != nil {
		t.Fatal(err)
	}
	if n, err := store.Recover(t.Context(), rows[1100].At); n != 1099 || err != nil {
		t.Errorf("Recover: %d, %v, want 1099", n, err)
	}
	if n, err := store.Recover(t.Context(), rows[1100].At); n != 0 || err != nil {
		t.Errorf("Recover again: %d, %v, want 0", n, err)
	}
	if got := scan(t, store, ledger.Filter{Outcome: policy.Open}); len(got) != 100 {
		t.Errorf("%d rows are open, want 100", len(got))
	}
	got := scan(t, store, ledger.Filter{Outcome: policy.Ambiguous})
	if len(got) != 1099 {
		t.Fatalf("%d rows are ambiguous, want 1099", len(got))
	}
	if r := got[0]; r.UsageSource != ledger.Unknown || r.Unpriced != ledger.AbandonedReason || r.Exposure != ledger.Known(5) || r.Cost.Known {
		t.Errorf("%+v", r)
	}
}

func TestDeleteBefore(t *testing.T) {
	store := open(t, filepath.Join(t.TempDir(), "ledger.db"))
	for i := range 6 {
		if err := store.Write(t.Context(), rowsOf(i, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := store.DeleteBefore(t.Context(), noon.Add(5500*time.Millisecond)); n != 5500 || err != nil {
		t.Errorf("DeleteBefore: %d, %v, want 5500", n, err)
	}
	got := scan(t, store, ledger.Filter{})
	if len(got) != 500 || got[0].Call != "000005-000500" {
		t.Errorf("%d rows are left, want 500", len(got))
	}
}

func TestClosed(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := store.Write(t.Context(), rowsOf(0, 1)); err == nil {
		t.Error("a closed store writes")
	}
	for _, err := range store.Scan(t.Context(), ledger.Filter{}) {
		if err == nil {
			t.Error("a closed store is scanned")
		}
	}
}
