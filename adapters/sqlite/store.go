package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	sqlite3 "modernc.org/sqlite/lib"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// A Store keeps rows in a SQLite database. It is a [ledger.Sink] and a [ledger.Scanner]. Create it with [Open], and Close it
// at the end. It is safe for concurrent use.
type Store struct {
	write  *sql.DB // with one connection, because SQLite has one writer at a time
	read   *sql.DB
	upsert *sql.Stmt
}

var (
	_ ledger.Sink    = (*Store)(nil)
	_ ledger.Scanner = (*Store)(nil)
)

// Close implements [ledger.Sink]. Scans that are still running fail.
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

// patience is how long an operation waits for another program.
const patience = 2 * time.Second

// update calls do in a transaction. It waits while other programs have a transaction, for at most [patience].
func (s *Store) update(ctx context.Context, do func(tx *sql.Tx) error) error {
	began := time.Now()
	tx, err := s.write.BeginTx(ctx, nil)
	for code(err) == sqlite3.SQLITE_BUSY && ctx.Err() == nil && time.Since(began) < patience {
		tx, err = s.write.BeginTx(ctx, nil)
	}
	if err == nil {
		defer tx.Rollback()
		if err = do(tx); err == nil {
			err = tx.Commit()
		}
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // the driver's error only follows from it
	}
	return err
}
