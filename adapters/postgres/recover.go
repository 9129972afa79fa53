package postgres

import (
	"context"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// Recover closes what programs left behind that ended, by a crash, between an attempt and its row: each row of outcome
// open whose attempt began before the time becomes what [ledger.Abandoned] makes of it, ambiguous, with its exposure.
// It returns how many they were. Call it at the start, with a time before which no other program that uses the schema
// can still be at work, for instance a day ago: a row that comes later is not kept.
func (s *Store) Recover(ctx context.Context, before time.Time) (int, error) {
	return ledger.Recover(ctx, s, before)
}
