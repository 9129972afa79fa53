package budget_test

import (
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

func monthly() policy.Budget {
	return policy.Budget{Name: "monthly", Every: policy.EveryMonth, Zone: "Europe/Berlin", Cap: usd("100")}
}

// rowsOf returns rows as a store does.
func rowsOf(rows ...*ledger.Row) iter.Seq2[ledger.Row, error] {
	return func(yield func(ledger.Row, error) bool) {
		for _, r := range rows {
			if !yield(*r, nil) {
				return
			}
		}
	}
}

// Rows of an earlier run are counted from where the earliest window begins.
func TestHistory(t *testing.T) {
	a := budget.New([]policy.Budget{daily("10"), monthly()})
	now := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	if _, since := a.History(now); !since.Equal(now.Add(-24 * time.Hour)) {
		t.Errorf("since %v", since)
	}
	now = time.Date(2026, 12, 15, 9, 0, 0, 0, time.UTC)
	h, since := a.History(now)
	if !since.Equal(time.Date(2026, 11, 30, 23, 0, 0, 0, time.UTC)) {
		t.Errorf("since %v", since)
	}
	rows := rowsOf(row("1", "acme", "1", now.Add(-time.Hour)), row("2", "acme", "2", now.Add(-30*time.Hour)), exposed("3", "4", policy.Open, now))
	if err := h.Read(now, rows); err != nil {
		t.Fatal(err)
	}
	a.Add(now, h)
	a.Add(now, h)
	check(t, state(t, a, "daily", now), "5", "4", "0")
	check(t, state(t, a, "monthly", now), "7", "4", "0")
	if h, _ := a.History(now); h != nil {
		t.Error("budgets are new although a history was added")
	}
	bill := &ledger.Row{Call: "3", Attempt: 1, Cost: ledger.Known(usd("1")), PriceID: ledger.BillPriceID}
	a.Spend(now, bill)
	check(t, state(t, a, "daily", now), "2", "0", "0")
	check(t, state(t, a, "monthly", now), "4", "0", "0")
}

// An error ends the reading, and nothing is counted.
func TestHistoryIsBroken(t *testing.T) {
	broken := errors.New("broken")
	a := budget.New([]policy.Budget{monthly()})
	h, _ := a.History(time.Now())
	err := h.Read(time.Now(), func(yield func(ledger.Row, error) bool) {
		_ = yield(*row("1", "acme", "1", time.Now()), nil) && yield(ledger.Row{}, broken)
	})
	if !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	check(t, state(t, a, "monthly", time.Now()), "0", "0", "0")
}

// A budget that comes later gets a history of its own. A row that settles an attempt then replaces its exposure in all budgets.
func TestHistoryOfNewBudget(t *testing.T) {
	now := time.Date(2026, 12, 15, 9, 0, 0, 0, time.UTC)
	a := budget.New([]policy.Budget{daily("10")})
	h, _ := a.History(now)
	a.Add(now, h)
	known := exposed("3", "4", policy.Ambiguous, now)
	a.Spend(now, known)
	if err := a.Update([]policy.Budget{daily("10"), monthly()}, true); err != nil {
		t.Fatal(err)
	}
	if h, _ = a.History(now); h == nil {
		t.Fatal("no budget is new")
	}
	if err := h.Read(now, rowsOf(known, row("4", "acme", "2", now))); err != nil {
		t.Fatal(err)
	}
	a.Add(now, h)
	check(t, state(t, a, "daily", now), "4", "4", "0")
	check(t, state(t, a, "monthly", now), "6", "4", "0")
	a.Spend(now, &ledger.Row{Call: "3", Attempt: 1, Cost: ledger.Known(usd("1")), PriceID: ledger.BillPriceID})
	check(t, state(t, a, "daily", now), "1", "0", "0")
	check(t, state(t, a, "monthly", now), "3", "0", "0")
}

// An attempt that is under way while a budget is new has an open row in the history of that one, and a Hold in the others. Its
// row counts once in each.
func TestHistoryOfAnAttemptUnderWay(t *testing.T) {
	for name, settled := range map[string]*ledger.Row{
		"a known cost": row("1", "acme", "1.5", start),
		"an exposure":  exposed("1", "1.5", policy.Ambiguous, start),
	} {
		t.Run(name, func(t *testing.T) {
			a := budget.New([]policy.Budget{daily("10")})
			h, _ := a.History(start)
			a.Add(start, h)
			hold := a.Hold(start, refs(a, "acme"), usd("2"))
			if err := a.Update([]policy.Budget{daily("10"), monthly()}, false); err != nil {
				t.Fatal(err)
			}
			h, _ = a.History(start)
			if err := h.Read(start, rowsOf(exposed("1", "2", policy.Open, start))); err != nil {
				t.Fatal(err)
			}
			a.Add(start, h)
			check(t, state(t, a, "daily", start), "0", "0", "2")
			check(t, state(t, a, "monthly", start), "2", "2", "0")
			a.Settle(start, &hold, settled)
			exposure := settled.Exposure.Pico.String()
			check(t, state(t, a, "daily", start), "1.5", exposure, "0")
			check(t, state(t, a, "monthly", start), "1.5", exposure, "0")
			if settled.Exposure.Known {
				a.Spend(start, &ledger.Row{Call: "1", Attempt: 1, Cost: ledger.Known(usd("1")), PriceID: ledger.BillPriceID})
				check(t, state(t, a, "daily", start), "1", "0", "0")
				check(t, state(t, a, "monthly", start), "1", "0", "0")
			}
		})
	}
}
