package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// Which attempts are resolved, and which must not be.
func TestSettled(t *testing.T) {
	std := priced(noon, "m-one", policy.Standard, small)
	one, two := ambiguous(noon, "m-one", "0.5"), ambiguous(noon, "m-one", "0.25")
	partial := priced(noon, "m-one", policy.Standard, small)
	partial.Outcome, partial.Exposure = policy.Partial, ledger.Known(price.MustUSD("0.5"))
	loose := ambiguous(noon, "m-one", "1")
	loose.Exposure = ledger.Amount{}
	late := ambiguous(day1.Add(23*time.Hour+59*time.Minute), "m-one", "0.5")
	lateStd := priced(day1.Add(23*time.Hour+59*time.Minute), "m-one", policy.Standard, small)
	nameless := ambiguous(noon, "", "0.5")
	background := ambiguous(noon, "m-one", "0.5")
	background.Outcome = policy.Billed
	fetched := priced(noon, "m-one", policy.Standard, small)
	fetched.Settles = true
	m := func(usd string) []reconcile.Line { return []reconcile.Line{line(day1, "m-one, input", usd)} }
	next := line(day2, "m-one, input", "0")

	tests := []struct {
		name  string
		rows  []ledger.Row
		lines []reconcile.Line
		opt   reconcile.Config
		want  string
	}{
		{"nothing was billed", []ledger.Row{std, one, two}, m("0.28"), reconcile.Config{}, "0 nothing, 0 nothing"},
		{"beyond what is known", []ledger.Row{partial}, m("0.28"), reconcile.Config{}, "0.28 nothing"},
		{"the one", []ledger.Row{std, one}, m("0.4"), reconcile.Config{}, "0.12 the_one"},
		{"the one, beyond what is known", []ledger.Row{partial}, m("0.4"), reconcile.Config{}, "0.4 the_one"},
		{"all of the one", []ledger.Row{std, one}, m("0.78"), reconcile.Config{}, "0.5 everything"},
		{"everything", []ledger.Row{std, one, two}, m("1.03"), reconcile.Config{}, "0.5 everything, 0.25 everything"},
		{"one of two", []ledger.Row{std, one, two}, m("0.53"), reconcile.Config{}, ""},
		{"more than all", []ledger.Row{std, one}, m("0.79"), reconcile.Config{}, ""},
		{"less than nothing", []ledger.Row{std, one}, m("0.27"), reconcile.Config{}, ""},
		{"too coarse", []ledger.Row{std, one}, m("0.5"), reconcile.Config{Rounding: price.USD}, ""},
		{"what may cost anything", []ledger.Row{std, one, loose}, m("0.4"), reconcile.Config{}, ""},
		{"what may cost anything, and did not", []ledger.Row{std, one, loose}, m("0.28"), reconcile.Config{}, "0 nothing"},
		{"it is the uplift", []ledger.Row{std, one}, m("0.308"), reconcile.Config{}, ""},
		{"calls of no name", []ledger.Row{std, one, nameless}, m("0.4"), reconcile.Config{}, ""},
		{"tools", []ledger.Row{std, one}, append(m("0.4"), line(day1, "web search tool calls", "0.01")), reconcile.Config{}, ""},
		{"tools, but no tokens", []ledger.Row{std, one}, append(m("0.28"), line(day1, "web search tool calls", "0.01")), reconcile.Config{}, "0 nothing"},
		{"our tools", []ledger.Row{priced(noon, "m-one", policy.Standard, search), one}, m("0.4"), reconcile.Config{}, ""},
		{"something not understood", []ledger.Row{std, one}, append(m("0.28"), reconcile.Line{Day: day1, Item: "Completions", Kind: "other", Amount: 1}), reconcile.Config{}, ""},
		{"a credit", []ledger.Row{std, one}, append(m("0.3"), line(day1, "m-one, credit", "-0.02")), reconcile.Config{}, ""},
		{"not complete", []ledger.Row{std, one}, m("0.28"), reconcile.Config{Complete: day2.Add(-1)}, ""},
		{"complete", []ledger.Row{std, one}, m("0.28"), reconcile.Config{Complete: day2}, "0 nothing"},
		{"late, and the next day is not there", []ledger.Row{std, late, one}, m("0.28"), reconcile.Config{}, "0 nothing"},
		{"late, and the next day is even", []ledger.Row{std, late}, append(m("0.28"), next), reconcile.Config{}, "0 nothing"},
		{"late, and the next day is not even", []ledger.Row{std, late}, append(m("0.28"), line(day2, "m-one, input", "0.1")), reconcile.Config{}, ""},
		{"another is late", []ledger.Row{std, lateStd, one}, m("0.6"), reconcile.Config{}, ""},
		{"another is late, and the next day is even", []ledger.Row{std, lateStd, one}, append(m("0.6"), next), reconcile.Config{}, "0.04 the_one"},
		{"the same, too coarse to see", []ledger.Row{std, lateStd, one}, append(m("0.6"), next), reconcile.Config{Rounding: price.USD / 100}, ""},
		{"never named", []ledger.Row{ambiguous(noon, "m-two", "0.5")}, m("0.28"), reconcile.Config{}, ""},
		{"not of that day", []ledger.Row{std, ambiguous(noon.AddDate(0, 0, 5), "m-one", "0.5")}, m("0.28"), reconcile.Config{}, ""},
		{"in the background", []ledger.Row{std, background}, m("0.4"), reconcile.Config{}, "0.12 the_one"},
		{"in the background, and the next day is even", []ledger.Row{std, background}, append(m("0.4"), next), reconcile.Config{}, "0.12 the_one"},
		{"in the background, and fetched", []ledger.Row{std, fetched, one}, m("0.6"), reconcile.Config{}, ""},
		{"fetched, and the next day is even", []ledger.Row{std, fetched, one}, append(m("0.6"), next), reconcile.Config{}, "0.04 the_one"},
		{"fetched, and nothing else was billed", []ledger.Row{std, fetched, one}, m("0.56"), reconcile.Config{}, "0 nothing"},
		{"another provider's", []ledger.Row{std, one}, m("0.28"), reconcile.Config{Provider: "gemini"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := bill(test.lines...)
			r := compare(t, b, test.opt, test.rows...)
			var got []string
			for _, s := range r.Resolutions {
				got = append(got, fmt.Sprint(s.Cost, " ", s.Why))
			}
			if s := strings.Join(got, ", "); s != test.want {
				t.Errorf("settled %q, want %q\n%s", s, test.want, r)
			}
		})
	}
}

// A truth is what was really billed. The rows know one part of it and the bill another.
type truth struct {
	random  *rand.Rand
	rows    []ledger.Row
	cost    map[string]price.Pico                  // of the attempts whose cost is not known, by call
	billed  map[time.Time]map[string][2]price.Pico // by day, model and kind
	ours    map[time.Time]price.Sum
	shifted bool // what begins within an hour before midnight is billed on the next day, or may be
}

// add adds a random call on a day.
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
	case 0, 1: // an attempt that may have been billed; it has the alias, because nothing served it
		r.ServedModel, r.Model = "", [...]string{"m-one", "m-two"}[map[string]int{"m-two": 1}[model]]
		r.Outcome, r.Unpriced, r.Usage, r.ServedTier = policy.Ambiguous, "may have been billed", price.Usage{}, ""
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

// bill returns the bill of the days, with each amount rounded.
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

// For any bill of the attempts of unknown cost, the residuals are exact, and no attempt is resolved wrongly.
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
