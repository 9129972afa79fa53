package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// Recover handles the attempts of programs that crashed before the answer ended. Each row of outcome open whose attempt
// began before the given time becomes what [ledger.Abandoned] returns: ambiguous, with its exposure. Recover returns how many
// there were. Call it at the start of the program. The attempts that other programs still wait for must have begun after the
// time: their rows would not be kept.
func (s *Store) Recover(ctx context.Context, before time.Time) (int, error) {
	return ledger.Recover(ctx, s, before)
}

// DeleteBefore deletes the rows of attempts that began before the given time, and returns how many it deleted. The file does
// not become smaller; new rows use the space. Rows are deleted in several transactions, so that other rows can be written in
// between. After an error, some of the rows may be deleted.
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
