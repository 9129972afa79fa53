package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// Recover closes what programs left behind that ended, by a crash, between an attempt and its row: each row of outcome
// open whose attempt began before the time becomes what [ledger.Abandoned] makes of it, ambiguous, with its exposure.
// It returns how many they were. Call it at the start, with a time before which no other program that uses the database
// can still be at work: a row that comes later is not kept.
func (s *Store) Recover(ctx context.Context, before time.Time) (int, error) {
	return ledger.Recover(ctx, s, before)
}

// DeleteBefore deletes the rows of attempts that began before the time, and returns how many they were. The file does
// not shrink: new rows take the room. Rows are deleted by and by, so that others can be written meanwhile; after an
// error, some may be gone.
func (s *Store) DeleteBefore(ctx context.Context, t time.Time) (int, error) {
	const most = 5000
	deleted := 0
	for {
		var n int64
		err := s.update(ctx, func(tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx,
				"DELETE FROM rows WHERE rowid IN (SELECT rowid FROM rows WHERE at < ? LIMIT ?)", nanoseconds(t), most)
			if err != nil {
				return err
			}
			n, err = result.RowsAffected()
			return err
		})
		if err != nil {
			return deleted, failed("delete rows", err)
		}
		if deleted += int(n); n < most {
			return deleted, nil
		}
	}
}
