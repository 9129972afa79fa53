package budget_test

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// A wall is a clock that can be set.
type wall struct {
	*testing.T
	accounts *budget.Accounts
	time.Time
}

// set sets the clock forwards, or back.
func (w *wall) set(d time.Duration) {
	w.Time = w.Add(d)
	w.accounts.ClockSet(w.Time, d)
}

// pass has time pass.
func (w *wall) pass(d time.Duration) { w.Time = w.Add(d) }

// spend spends an amount, and counts at the time that the clock shows.
func (w *wall) spend(call, amount string) {
	w.accounts.Spend(w.Time, row(call, "acme", amount, w.Time))
}

func (w *wall) check(spent string) {
	w.Helper()
	check(w.T, state(w.T, w.accounts, "daily", w.Time), spent, "0", "0")
}

// eachWindow runs a test with a sliding window of a day and with one of the calendar. It begins at noon.
func eachWindow(t *testing.T, test func(*wall)) {
	for name, b := range map[string]policy.Budget{"sliding": daily("10"), "calendar": {Name: "daily", Every: policy.EveryDay, Cap: usd("10")}} {
		t.Run(name, func(t *testing.T) {
			test(&wall{t, budget.New([]policy.Budget{b}), time.Date(2026, 5, 5, 12, 0, 0, 0, time.UTC)})
		})
	}
}

// A clock that is set for a moment makes nothing free: neither what was spent before, nor what is spent in that moment.
func TestClockSetForAMoment(t *testing.T) {
	const hour = time.Hour
	for _, wrong := range []time.Duration{72 * hour, 12*hour - time.Minute, 13 * hour, hour, 90_000 * hour, -hour, -13 * hour, -72 * hour, -90_000 * hour} {
		eachWindow(t, func(w *wall) {
			w.spend("1", "4")
			w.pass(time.Minute)
			w.set(wrong)
			w.check("4")
			w.spend("2", "3")
			w.pass(time.Minute)
			w.check("7")
			w.set(-wrong)
			w.check("7")
			w.spend("3", "3")
			w.pass(11 * hour)
			w.check("10")
			w.pass(14 * hour) // past both windows
			w.check("0")
		})
	}
}

// A clock that was wrong and is right from now on keeps no budget shut for longer than a window, and forgets nothing early.
func TestClockSetForGood(t *testing.T) {
	const hour = time.Hour
	for _, by := range []time.Duration{8 * hour, 13 * hour, 90_000 * hour, -2 * hour, -13 * hour, -90_000 * hour} {
		eachWindow(t, func(w *wall) {
			w.spend("1", "4")
			w.set(by)
			w.pass(12*hour - time.Minute)
			w.check("4")
			w.pass(13 * hour)
			w.check("0")
			w.spend("2", "1")
			w.check("1")
		})
	}
	// The window of the calendar is not granted twice when the clock is set back within it, and the next one is the clock's.
	w := &wall{t, budget.New([]policy.Budget{{Name: "daily", Every: policy.EveryDay, Cap: usd("10")}}), time.Date(2026, 5, 5, 12, 0, 0, 0, time.UTC)}
	w.spend("1", "4")
	w.set(-2 * hour)
	w.pass(13 * hour)
	w.check("4")
	w.pass(hour)
	w.check("0")
	w.spend("2", "1")
	w.pass(24*hour - 1)
	w.check("1")
	w.pass(1)
	w.check("0")
}

// What is held, and the rows that a later one replaces, are moved with the clock.
func TestClockSetUnderWay(t *testing.T) {
	for _, by := range []time.Duration{72 * time.Hour, -72 * time.Hour} {
		eachWindow(t, func(w *wall) {
			hold := w.accounts.Hold(w.Time, refs(w.accounts, "acme"), usd("3"))
			began := w.Time
			w.accounts.Spend(w.Time, exposed("2", "2", policy.Ambiguous, w.Time))
			history, _ := w.accounts.History(w.Time)
			if err := history.Read(w.Time, rowsOf(row("3", "acme", "1", w.Time))); err != nil {
				w.Fatal(err)
			}
			w.set(by)
			w.accounts.Settle(w.Time, &hold, row("1", "acme", "3", began))
			w.accounts.Add(w.Time, history)
			check(w.T, state(w.T, w.accounts, "daily", w.Time), "6", "2", "0")
			bill := row("2", "acme", "0.5", began)
			bill.PriceID = ledger.BillPriceID
			w.accounts.Spend(w.Time, bill)
			w.pass(11 * time.Hour)
			w.check("4.5")
			w.pass(14 * time.Hour)
			w.check("0")
		})
	}
}
