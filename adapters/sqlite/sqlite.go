// Package sqlite keeps the rows of a [ledger] in a SQLite database, for one host whose rows shall be asked for in SQL:
//
//	store, err := sqlite.Open(ctx, "ledger.db")
//	writer := ledger.NewWriter(store, ledger.WriterConfig{})
//
// The driver is modernc.org/sqlite, which needs no C compiler.
//
// # The table
//
// Table rows has one row for each attempt. Column row is the whole of it, one line of JSON as [ledger.Row.AppendJSON]
// writes it; what is asked for most has a column of its own: call and attempt, which are the key; at, nanoseconds since
// 1970 in UTC; provider, operation, model (that served, or else the one asked for), served_tier, outcome, price_id;
// unpriced, 1 where the cost is not known; and cost_pico, list_pico, implicit_pico and exposure_pico, picodollars
// (1e-12 USD), NULL where unknown. Column tags is the row's tags as JSON, NULL if it has none. Rows of outcome open are
// of attempts that have not ended: leave them out of sums. SUM fails beyond 9.2 million dollars: add up the rows of
// [Store.Scan] there.
//
//	SELECT date(at / 1000000000, 'unixepoch') AS day, model, sum(cost_pico) / 1e12 AS usd
//	FROM rows WHERE outcome <> 'open' AND tags ->> '$.tenant' = 'acme' GROUP BY day, model
//
// # Safety
//
// The database is in WAL mode with synchronous=FULL: a row is on the disk when its Write returns, and outlives the
// program and the machine. A WAL needs a file system that is local: none of the network's. Several programs can use one
// database at a time; each waits up to two seconds for another's write.
package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A Store keeps rows in a SQLite database. It is a [ledger.Sink] and a [ledger.Scanner]. Make it with [Open], and Close
// it. It is safe for concurrent use.
type Store struct {
	write  *sql.DB // of one connection: SQLite has one writer at a time
	read   *sql.DB
	upsert *sql.Stmt
}

var (
	_ ledger.Sink    = (*Store)(nil)
	_ ledger.Scanner = (*Store)(nil)
)

// Open opens the database at path, and makes it if there is none, for its owner alone to read. Tables of an older
// version are brought up to date. A database of a newer version, and one of another program, is refused.
func Open(ctx context.Context, path string) (*Store, error) {
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return nil, fmt.Errorf("sqlite: %q is no file: rows that need not be kept are kept by a ledger.Memory", path)
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

// readers is how many pages of scans are read at a time.
const readers = 4

// patience is how long another program is waited for.
const patience = 2 * time.Second

// connect names a database to the driver, which opens it when it is used. SQLite does not heed a context while it waits
// for another program.
func connect(path string, wait time.Duration, options string) (*sql.DB, error) {
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/ledger.db
	}
	u := url.URL{Path: path}
	return sql.Open("sqlite", fmt.Sprintf("file:%s?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&%s",
		u.EscapedPath(), wait.Milliseconds(), options))
}

// Close implements [ledger.Sink]. Scans that are under way fail.
func (s *Store) Close() error {
	var err error
	if s.upsert != nil {
		err = s.upsert.Close()
	}
	for _, db := range []*sql.DB{s.read, s.write} {
		if db != nil {
			err = errors.Join(err, db.Close())
		}
	}
	if err != nil {
		return failed("close", err)
	}
	return nil
}

// failed says what failed, and for what is known what to do.
func failed(what string, err error) error {
	advice := ""
	switch code(err) {
	case sqlite3.SQLITE_BUSY:
		advice = "; another program has held the database for too long: try again"
	case sqlite3.SQLITE_FULL:
		advice = "; make room on the disk, and try again"
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		advice = "; the file and its directory must be writable"
	case sqlite3.SQLITE_NOTADB:
		advice = "; name another file"
	case sqlite3.SQLITE_CORRUPT:
		advice = "; restore it from a backup, or save what can be read with the program sqlite3 and its command .recover"
	}
	return fmt.Errorf("sqlite: %s: %w%s", what, err, advice)
}

// code is SQLite's code of an error, without what extends it; 0 if it has none.
func code(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}
