package ledger

import (
	"context"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// AbandonedReason is the Unpriced text of a row whose attempt was under way when its program ended.
const AbandonedReason = "the program ended before the answer did"

// OpenReason is what the Unpriced text of an open row begins with. Why there is no bound of the cost may follow.
const OpenReason = "the answer has not ended"

// Abandoned returns the row that replaces an open row whose program has ended. It is only known that the
// attempt was about to be sent. Its outcome is therefore ambiguous, and its exposure is that of the open row. If that has
// none, Unpriced says why there is no bound.
func Abandoned(open Row) Row {
	open.Outcome, open.Reason, open.UsageSource = policy.Ambiguous, policy.TransportLost, Unknown
	rest, ok := strings.CutPrefix(open.Unpriced, OpenReason)
	open.Unpriced = AbandonedReason
	if ok {
		open.Unpriced += rest
	}
	return open
}

// Recover replaces each row of outcome open whose attempt began before the given time by what [Abandoned] returns, and
// returns how many there were. It is for a store that several programs share; the time must be one before which no program
// that still runs began an attempt.
func Recover(ctx context.Context, store interface {
	Scanner
	Sink
}, before time.Time) (int, error) {
	var rows []Row
	for row, err := range store.Scan(ctx, Filter{Outcome: policy.Open, Until: before}) {
		if err != nil {
			return 0, err
		}
		rows = append(rows, Abandoned(row))
	}
	return len(rows), store.Write(ctx, rows)
}
