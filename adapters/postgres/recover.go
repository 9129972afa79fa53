package postgres

import (
	"context"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// Recover handles the attempts of programs that crashed before the answer ended. Each row of outcome open whose attempt
// began before the given time becomes what [ledger.Abandoned] returns: ambiguous, with its exposure. Recover returns how many
// there were. Call it at the start of the program. The attempts that other programs still wait for must have begun after the
// time, for example a day ago: their rows would not be kept.
func (s *Store) Recover(ctx context.Context, before time.Time) (int, error) {
	return ledger.Recover(ctx, s, before)
}
