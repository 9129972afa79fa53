package ledger_test

import (
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// all returns rows as a Scanner does, and then an error, if there is one.
func all(err error, rows ...ledger.Row) iter.Seq2[ledger.Row, error] {
	return func(yield func(ledger.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
		if err != nil {
			yield(ledger.Row{}, err)
		}
	}
}

// randomRows returns rows of some calls as a chain makes them.
func randomRows(random *rand.Rand, n int) (rows []ledger.Row) {
	known := func() ledger.Amount {
		if random.IntN(4) == 0 {
			return ledger.Amount{}
		}
		return ledger.Known(price.Pico(random.Int64N(1e12)))
	}
	sources := []ledger.UsageSource{ledger.Measured, ledger.Measured, ledger.Estimated, ledger.Unknown}
	outcomes := []policy.Outcome{policy.Billed, policy.Partial, policy.Ambiguous, policy.Rejected, policy.NotSent, policy.Refused, policy.Storage}
	for i := range n {
		r := ledger.Row{
			Call: fmt.Sprint(i - random.IntN(3)), Attempt: 1 + random.IntN(3), At: noon.Add(time.Duration(random.IntN(1e6)) * time.Second),
			Provider: "openai", Operation: "chat", Model: fmt.Sprint("m", random.IntN(3)), ServedTier: policy.Flex,
			Outcome: outcomes[random.IntN(len(outcomes))], UsageSource: sources[random.IntN(len(sources))], Cost: known(),
			Tags: map[string]string{"tenant": fmt.Sprint(random.IntN(5))},
		}
		switch r.Outcome {
		case policy.Billed, policy.Partial:
			r.List, r.Implicit, r.Explicit = known(), known(), known()
			if random.IntN(10) == 0 {
				r.Operation, r.List = "create_cache", ledger.Known(0)
			}
		case policy.Ambiguous:
			r.Cost, r.Exposure, r.Unpriced = ledger.Amount{}, known(), "?"
		case policy.Rejected:
			r.Cost = ledger.Known(0)
			if random.IntN(2) == 0 {
				r.Reason = policy.Capacity
			}
		case policy.Storage:
			r.Cost = ledger.Known(price.Pico(random.IntN(1e9) - 5e8))
		}
		if !r.Cost.Known {
			r.Unpriced = "?"
		}
		rows = append(rows, r)
	}
	return rows
}

// For any rows, the causes add up to what is saved, and rows, groups and hours to the totals.
func TestSavingsAddUp(t *testing.T) {
	random := rand.New(rand.NewPCG(20, 21))
	for range 200 {
		rows := randomRows(random, 50)
		totals, err := ledger.TotalsOf(all(nil, rows...))
		if err != nil {
			t.Fatal(err)
		}
		s, err := ledger.SavingsOf(all(nil, rows...))
		if err != nil {
			t.Fatal(err)
		}
		var sum price.Sum
		for _, part := range []price.Sum{s.Tier, s.Fallback, s.Cache, s.Storage, s.Unlisted} {
			sum.AddSum(part)
		}
		if sum != s.Net || s.Net != totals.Saved || s.Implicit != totals.Implicit || s.Unpriced != totals.Unpriced {
			t.Fatalf("%+v adds up to %s, saved %s", s, sum, totals.Saved)
		}
		var m ledger.Memory
		for _, r := range rows {
			m.Add(r)
		}
		if got, want := fmt.Sprint(m.Totals()), fmt.Sprint(totals); got != want {
			t.Fatalf("memory\n%s\nsum\n%s", got, want)
		}
		for name, groups := range map[string]func(string) bool{
			"models": func(k string) bool { return strings.HasPrefix(k, "model:") },
			"tags":   func(k string) bool { return strings.HasPrefix(k, "tag:") },
			"hours":  nil,
		} {
			var cost, saved price.Sum
			by := totals.Hours
			if groups != nil {
				by = totals.By
			}
			for k, total := range by {
				if groups == nil || groups(k) {
					cost.AddSum(total.Cost)
					saved.AddSum(total.Saved)
				}
			}
			if cost != totals.Cost || saved != totals.Saved {
				t.Fatalf("%s add up to %s and %s, want %s and %s", name, cost, saved, totals.Cost, totals.Saved)
			}
		}
	}
}

func TestSavingsByCause(t *testing.T) {
	usd := func(s string) ledger.Amount { return ledger.Known(price.MustUSD(s)) }
	billed := func(call string, cost, list string) ledger.Row {
		return ledger.Row{Call: call, Attempt: 1, Outcome: policy.Billed, Cost: usd(cost), List: usd(list)}
	}
	capacity := ledger.Row{Call: "back", Attempt: 1, Outcome: policy.Rejected, Reason: policy.Capacity, Cost: usd("0")}
	back := billed("back", "10", "10")
	up := billed("up", "20", "10")
	refusedUp := capacity
	refusedUp.Call = "up"
	cached := billed("cached", "3", "10")
	cached.Explicit = usd("6")
	implicit := billed("implicit", "8", "10")
	implicit.Implicit = usd("2")
	create := billed("create", "4", "0")
	create.Operation = "create_cache"
	unlisted := ledger.Row{Call: "unlisted", Attempt: 1, Outcome: policy.Billed, Cost: usd("0.5")}
	got, err := ledger.SavingsOf(all(nil, billed("flex", "5", "10"), capacity, back, refusedUp, up, cached, implicit, create, unlisted,
		ledger.Row{Call: "rent", Attempt: 1, Outcome: policy.Storage, Cost: usd("0.25")},
		ledger.Row{Call: "lost", Attempt: 1, Outcome: policy.Ambiguous, Exposure: usd("7"), Unpriced: "?"}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `tier                6
fallback            -10
cache               2
storage             -0.25
unlisted            -0.5
net                 -2.75
implicit, not ours  2
exposure            7
rows unpriced       1
`
	if got.String() != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	failed := errors.New("failed")
	if got, err := ledger.SavingsOf(all(failed, billed("flex", "5", "10"))); err != failed || got.Net.String() != "5" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := ledger.TotalsOf(all(failed, billed("flex", "5", "10"))); err != failed || got.Cost.String() != "5" {
		t.Errorf("%v, %v", got, err)
	}
}
