// Package sqlite keeps the rows of a ledger in a SQLite database. It is for programs on one host, and makes the rows
// available to SQL:
//
//	store, err := sqlite.Open(ctx, "ledger.db")
//	if err != nil {
//		return err
//	}
//	writer := ledger.NewWriter(store, ledger.WriterConfig{})
//	defer writer.Close(ctx)
//
// Give the writer to middleware.WithStore. The driver is modernc.org/sqlite, which needs no C compiler.
//
// # The table
//
// Table rows has one row for each attempt. Column row is the whole ledger.Row, one line of JSON as its AppendJSON writes it.
// The most used fields also have columns of their own: call and attempt, which are the key; at, in nanoseconds since 1970
// (UTC); provider, operation, model (the one that served, or else the one asked for), served_tier, outcome, price_id;
// unpriced, 1 if the cost is unknown; and cost_pico, list_pico, implicit_pico and exposure_pico, in picodollars (1e-12 USD),
// NULL if unknown. Column tags has the row's tags as JSON, NULL if it has none. A row of outcome open is about an attempt
// that has not ended: exclude it from sums. SUM fails beyond 9.2 million dollars: use [Store.Scan] to add up more.
//
//	SELECT date(at / 1000000000, 'unixepoch') AS day, model, sum(cost_pico) / 1e12 AS usd
//	FROM rows WHERE outcome <> 'open' AND tags ->> '$.tenant' = 'acme' GROUP BY day, model
//
// # Safety
//
// The database is in WAL mode with synchronous=FULL: when Write returns, its rows are on the disk and survive a crash of the
// machine. A WAL needs a local file system, not one of the network. Several programs can use one database at the same time;
// each waits up to two seconds for the write of another.
package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Open opens the database at path. It creates the file if it does not exist, readable by its owner only. Tables of an older
// version are migrated. A database with a newer version, or of another program, is refused.
func Open(ctx context.Context, path string) (*Store, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, fmt.Errorf("sqlite: %q is not a file: use a ledger.Memory for rows that need not be kept", path)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("sqlite: the database cannot be opened: %w", err)
	}
	file.Close()
	if path, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("sqlite: %w", err)
	}
	s := new(Store)
	if s.write, err = connect(path, 20*time.Millisecond, "_txlock=immediate"); err != nil {
		return nil, failed("open "+path, err)
	}
	s.write.SetMaxOpenConns(1)
	if err = s.update(ctx, func(tx *sql.Tx) error { return migrate(ctx, tx) }); err == nil {
		s.upsert, err = s.write.PrepareContext(ctx, upsert)
	}
	if err == nil {
		s.read, err = connect(path, patience, "_pragma=query_only(1)")
	}
	if err != nil {
		s.Close()
		return nil, failed("open "+path, err)
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	return s, nil
}

// readers is how many scans can read a page at the same time.
const readers = 4

// connect prepares connections to the database, which the driver opens when they are used. While SQLite waits for another
// program, it ignores the context, so the wait has to be short.
func connect(path string, wait time.Duration, options string) (*sql.DB, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/ledger.db
	}
	u := url.URL{Path: path}
	return sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&%s",
		u.EscapedPath(), wait.Milliseconds(), options))
}
