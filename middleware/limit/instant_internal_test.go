package limit

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Budgets go by the time that passes: a clock that is set forwards and back makes nothing free.
func TestClockSetFreesNothing(t *testing.T) {
	q := NewLocal(nil, []policy.Budget{
		{Name: "sliding", Window: 24 * time.Hour, Cap: 10 * price.USD},
		{Name: "calendar", Every: policy.EveryDay, Cap: 10 * price.USD},
	})
	q.start = time.Date(2026, 5, 5, 12, 0, 0, 0, time.UTC)
	spent := func(clock, elapsed time.Duration, want [2]price.Pico) {
		t.Helper()
		now := q.at(q.start.Add(clock), elapsed)
		for i, s := range q.accounts.States(now.Time) {
			if s.Spent != want[i]*price.USD {
				t.Errorf("after %v, when the clock is %v ahead: %v", elapsed, clock-elapsed, s)
			}
		}
	}
	const hour = time.Hour
	q.accounts.Spend(q.at(q.start, 0).Time, &ledger.Row{Call: "1", Attempt: 1, Cost: ledger.Known(4 * price.USD), Outcome: policy.Billed})
	spent(73*hour, hour, [2]price.Pico{4, 4})
	spent(2*hour, 2*hour, [2]price.Pico{4, 4})
	spent(11*hour, 11*hour, [2]price.Pico{4, 4})
	spent(13*hour, 13*hour, [2]price.Pico{4, 0})
	spent(25*hour, 25*hour, [2]price.Pico{0, 0})
}
