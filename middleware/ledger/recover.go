package ledger

import (
	"context"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

// AbandonedReason is the unpriced of a row that stands for an attempt whose program ended before its answer did.
const AbandonedReason = "the program ended before the answer did"

// Abandoned returns the row that stands for an attempt of which nothing is known but that it was about to be sent: it
// may have been billed, and exposes what the open row says.
func Abandoned(open Row) Row {
	open.Outcome, open.Reason = policy.Ambiguous, policy.TransportLost
	open.UsageSource, open.Unpriced = Unknown, AbandonedReason
	return open
}

// Recover closes, in a store that several programs share, what those left behind that ended between an attempt and its
// row: each row of outcome open whose attempt began before the time becomes [Abandoned]. It returns how many they were.
func Recover(ctx context.Context, store interface {
	Source
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
