package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A truth is what was really billed, of which the rows know a part and the bill another.
type truth struct {
	random  *rand.Rand
	rows    []ledger.Row
	cost    map[string]price.Pico                  // of the attempts whose cost is not known, by call
	billed  map[time.Time]map[string][2]price.Pico // by day, model and kind
	ours    map[time.Time]price.Sum
	shifted bool // what begins within an hour before midnight is billed on the next day, or may be
}

// add makes up a call of a day.
func (w *truth) add(day time.Time, busy bool) {
	at := day.Add(2*time.Hour + time.Duration(w.random.Int64N(int64(20*time.Hour))))
	if busy {
		at = day.Add(time.Duration(w.random.Int64N(int64(24 * time.Hour))))
	}
	model := [...]string{"m-one-2026-01-01", "m-two"}[w.random.IntN(2)]
	r := priced(at, model, [...]policy.Tier{policy.Standard, policy.Flex}[w.random.IntN(2)],
		price.Usage{Input: 1 + w.random.Int64N(1e6), CachedInput: w.random.Int64N(1e5), Output: w.random.Int64N(1e5)})
	cost := r.Cost.Pico
	switch w.random.IntN(6) {
	case 0, 1: // an attempt of which nobody knows whether it was billed; it says the alias, as nothing served
		r.ServedModel, r.Model = "", [...]string{"m-one", "m-two"}[map[string]int{"m-two": 1}[model]]
		r.Outcome, r.Unpriced, r.Usage, r.ServedTier = policy.Ambiguous, "who knows", price.Usage{}, ""
		most := cost
		if w.random.IntN(3) > 0 {
			most += price.Pico(w.random.Int64N(1e12))
		}
		r.Cost, r.Implicit, r.Exposure = ledger.Amount{}, ledger.Amount{}, ledger.Known(most)
		if w.random.IntN(2) == 0 {
			cost = 0
		}
		w.cost[r.Call] = cost
	case 2: // a stream that was cut
		more := price.Pico(w.random.Int64N(1e11))
		r.Outcome, r.Exposure = policy.Partial, ledger.Known(2*more+1)
		cost += more
		w.cost[r.Call] = cost
	}
	w.rows = append(w.rows, r)
	sum := w.ours[day]
	sum.Add(r.Cost.Pico)
	w.ours[day] = sum
	on := day
	if w.shifted && at.Sub(day) > 23*time.Hour && w.random.IntN(2) == 0 {
		on = day.AddDate(0, 0, 1)
	}
	if w.billed[on] == nil {
		w.billed[on] = make(map[string][2]price.Pico)
	}
	kinds := w.billed[on][model]
	kinds[0] += cost / 3
	kinds[1] += cost - cost/3
	w.billed[on][model] = kinds
}

// bill is what the provider says of the days, each amount rounded.
func (w *truth) bill(rounding price.Pico, days ...time.Time) *reconcile.Bill {
	b := &reconcile.Bill{Days: days}
	for _, day := range days {
		for model, kinds := range w.billed[day] {
			for i, amount := range kinds {
				amount = (amount + rounding/2) / rounding * rounding
				b.Lines = append(b.Lines, reconcile.Line{
					Day: day, Item: fmt.Sprint(model, i), Model: model, Kind: [...]string{"input", "output"}[i], Amount: amount,
				})
			}
		}
	}
	return b
}

// Whatever was billed of what nobody knows: the residuals are exact, and nothing is settled otherwise than it was.
func TestSettledIsTrue(t *testing.T) {
	settled := make(map[string]int)
	open := 0
	for seed := range uint64(1500) {
		random := rand.New(rand.NewPCG(seed, 7))
		w := &truth{
			random: random, cost: make(map[string]price.Pico), billed: make(map[time.Time]map[string][2]price.Pico),
			ours: make(map[time.Time]price.Sum), shifted: seed%3 == 0,
		}
		rounding := [...]price.Pico{1, price.USD / 1e6, price.USD / 100}[random.IntN(3)]
		if w.shifted {
			// In cents, what is shifted from one side can hide what is shifted to the other.
			rounding = 1
		}
		days := []time.Time{day0, day1, day2}
		for _, day := range append(days, day0.AddDate(0, 0, -1), day2.AddDate(0, 0, 1)) {
			for range random.IntN(8) {
				w.add(day, seed%3 != 1)
			}
		}
		random.Shuffle(len(w.rows), func(i, j int) { w.rows[i], w.rows[j] = w.rows[j], w.rows[i] })
		b := w.bill(rounding, days...)
		r := compare(t, b, reconcile.Config{Rounding: rounding}, w.rows...)

		for _, day := range days {
			var residual, want price.Sum
			for _, l := range b.Lines {
				if l.Day.Equal(day) {
					want.Add(l.Amount)
				}
			}
			want = want.Minus(w.ours[day])
			for _, e := range r.Entries {
				if e.Day.Equal(day) {
					residual.AddSum(e.Residual)
				}
			}
			if residual != want {
				t.Fatalf("seed %d: residual of %s is %s, want %s", seed, day.Format(time.DateOnly), residual, want)
			}
		}
		open += len(w.cost)
		for _, s := range r.Resolutions {
			settled[s.Why]++
			var wrong price.Sum
			wrong.Add(s.Cost - w.cost[s.Call])
			if wrong.Sign() < 0 {
				wrong = price.Sum{}.Minus(wrong)
			}
			if wrong.Cmp(s.Off) > 0 {
				t.Errorf("seed %d: %s was settled as $%s (%s, off by $%s at most), and cost $%s\n%s", seed, s.Call, s.Cost, s.Why, s.Off, w.cost[s.Call], r)
			}
		}
	}
	t.Logf("of %d attempts of unknown cost, settled: %v", open, settled)
	for _, why := range []string{"nothing", "the_one", "everything"} {
		if settled[why] < 100 {
			t.Errorf("only %d were settled as %s: the test is too easy", settled[why], why)
		}
	}
}
