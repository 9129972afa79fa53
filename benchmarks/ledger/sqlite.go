package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver, of the raw ways too

	"github.com/skinflint-go/skinflint/adapters/sqlite"
	"github.com/skinflint-go/skinflint/middleware/ledger"
)

func sqliteContest() contest {
	return contest{"sqlite", "SQLite", []way{
		{"adapters/sqlite", "Write of each batch: key, time's index, rules of a ledger.Sink", openSQLite},
		{"raw inserts", "prepared, one transaction a batch, with the key", openTable("PRIMARY KEY (call, attempt)")},
		{"raw inserts without a key", "the same, into a table without constraints", openTable("CHECK (true)")},
	}}
}

// A sink is a store of this module that gets batches.
type sink struct {
	store interface {
		ledger.Sink
		ledger.Scanner
	}
	load *load
	done func() error // may be nil
}

func (s *sink) keep(ctx context.Context) error {
	for _, b := range s.load.batches() {
		if err := s.store.Write(ctx, s.load.rows[b[0]:b[1]]); err != nil {
			return err
		}
	}
	return nil
}

func (s *sink) count(ctx context.Context) (int, error) {
	return countRows(s.store.Scan(ctx, ledger.Filter{}))
}

func (s *sink) close() error {
	err := s.store.Close()
	if s.done != nil {
		err = errors.Join(err, s.done())
	}
	return err
}

func openSQLite(ctx context.Context, dir string, l *load) (keeper, error) {
	store, err := sqlite.Open(ctx, filepath.Join(dir, "ledger.db"))
	return &sink{store: store, load: l}, err
}

// A table is the raw form of the store, with the values of each row ready.
type table struct {
	db     *sql.DB
	insert *sql.Stmt
	load   *load
	values [][]any
}

func openTable(key string) func(context.Context, string, *load) (keeper, error) {
	return func(ctx context.Context, dir string, l *load) (keeper, error) {
		// The same options as in the store.
		db, err := sql.Open("sqlite", "file:"+filepath.ToSlash(filepath.Join(dir, "raw.db"))+
			"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
		if err != nil {
			return nil, err
		}
		db.SetMaxOpenConns(1)
		if _, err = db.ExecContext(ctx, `CREATE TABLE rows (call TEXT NOT NULL, attempt INTEGER NOT NULL, at INTEGER NOT NULL, provider TEXT NOT NULL,
			operation TEXT NOT NULL, model TEXT NOT NULL, served_tier TEXT NOT NULL, outcome TEXT NOT NULL, price_id TEXT NOT NULL, unpriced INTEGER NOT NULL,
			cost_pico INTEGER, list_pico INTEGER, implicit_pico INTEGER, exposure_pico INTEGER, tags TEXT, row TEXT NOT NULL, `+key+`) STRICT`); err != nil {
			return nil, errors.Join(err, db.Close())
		}
		insert, err := db.PrepareContext(ctx, "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
		t := &table{db, insert, l, make([][]any, len(l.rows))}
		for i := range l.rows {
			r := &l.rows[i]
			t.values[i] = []any{
				r.Call, r.Attempt, r.At.UnixNano(), r.Provider, r.Operation, cmp.Or(r.ServedModel, r.Model), string(r.ServedTier), string(r.Outcome),
				r.PriceID, r.Unpriced != "", pico(r.Cost), pico(r.List), pico(r.Implicit), pico(r.Exposure), tagsText(r), l.lines[i],
			}
		}
		return t, nil
	}
}

func pico(a ledger.Amount) any {
	if !a.Known {
		return nil
	}
	return int64(a.Pico)
}

func tagsText(r *ledger.Row) string {
	text, _ := json.Marshal(r.Tags) // texts always have a JSON form
	return string(text)
}

func (t *table) keep(ctx context.Context) error {
	for _, b := range t.load.batches() {
		if err := t.write(ctx, t.values[b[0]:b[1]]); err != nil {
			return err
		}
	}
	return nil
}

func (t *table) write(ctx context.Context, rows [][]any) error {
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	put := tx.StmtContext(ctx, t.insert)
	ctx = context.WithoutCancel(ctx) // otherwise the driver starts a goroutine for each row
	for _, values := range rows {
		if _, err := put.ExecContext(ctx, values...); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func (t *table) count(ctx context.Context) (n int, err error) {
	err = t.db.QueryRowContext(ctx, "SELECT count(*) FROM rows").Scan(&n)
	return n, err
}

func (t *table) close() error { return errors.Join(t.insert.Close(), t.db.Close()) }
