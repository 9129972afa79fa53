package sqlite_test

import (
	"database/sql"
	"path/filepath"
	"testing"
)

const batch = 512

// BenchmarkWrite compares with a prepared INSERT of the same columns into a table without a key.
func BenchmarkWrite(b *testing.B) {
	b.Run("store", func(b *testing.B) {
		store := open(b, filepath.Join(b.TempDir(), "ledger.db"))
		for i := 0; b.Loop(); i++ {
			if err := store.Write(b.Context(), rowsOf(i, batch)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("bare", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "bare.db")
		db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		db.SetMaxOpenConns(1)
		if _, err := db.Exec(`CREATE TABLE rows (call TEXT, attempt INTEGER, at INTEGER, provider TEXT, operation TEXT, model TEXT, served_tier TEXT,
			outcome TEXT, price_id TEXT, unpriced INTEGER, cost_pico INTEGER, list_pico INTEGER, implicit_pico INTEGER, exposure_pico INTEGER, tags TEXT, row TEXT)`); err != nil {
			b.Fatal(err)
		}
		insert, err := db.Prepare("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
		if err != nil {
			b.Fatal(err)
		}
		for i := 0; b.Loop(); i++ {
			tx, err := db.Begin()
			if err != nil {
				b.Fatal(err)
			}
			put := tx.Stmt(insert)
			for _, r := range rowsOf(i, batch) {
				if _, err := put.Exec(r.Call, r.Attempt, r.At.UnixNano(), r.Provider, r.Operation, r.ServedModel, string(r.ServedTier), string(r.Outcome),
					r.PriceID, false, int64(r.Cost.Pico), int64(r.List.Pico), nil, nil, `{"job":"nightly","tenant":"acme"}`, string(r.AppendJSON(nil))); err != nil {
					b.Fatal(err)
				}
			}
			if err := tx.Commit(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.N*batch)/b.Elapsed().Seconds(), "rows/s")
	})
}
