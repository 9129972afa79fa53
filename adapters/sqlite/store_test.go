package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
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
		t.Errorf("it took %v to react to the context", took)
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
