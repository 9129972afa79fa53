package budget_test

import (
	"flag"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/budget/budgettest"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A run makes random changes to Accounts and to the exact model, and compares them after each.
type run struct {
	*testing.T
	random   *rand.Rand
	budgets  []policy.Budget
	accounts *budget.Accounts
	model    *budgettest.Model
	now      time.Time
	calls    int
	holds    []under
	unsure   []ledger.Row // rows that a later one may replace
	tame     bool         // the clock is not set back, and nothing costs more than was held for it
	unit     price.Pico

	admitted, waited, refused int
}

// An under is an attempt under way.
type under struct {
	hold  budget.Hold
	model int
	row   ledger.Row
	most  price.Pico
}

var tenants = []string{"a", "b", "c"}

func newRun(t *testing.T, seed uint64) *run {
	r := &run{T: t, random: rand.New(rand.NewPCG(seed, 7)), unit: 1, now: time.Date(2026, 10, 24, 22, 0, 0, 0, time.UTC)}
	r.tame = r.random.IntN(2) == 0
	if r.random.IntN(4) == 0 {
		r.unit = 1 << 56 // caps near the end of what a Pico holds
	}
	for _, b := range []policy.Budget{
		{Name: "all", Window: time.Minute},
		{Name: "tenants", Per: []string{"tag:tenant"}, Window: time.Hour},
		{Name: "hours", Every: policy.EveryHour},
		{Name: "days", Per: []string{"model", "tag:tenant"}, Every: policy.EveryDay, Zone: "Europe/Berlin"},
		{Name: "only a", Match: policy.Match{Tags: map[string]string{"tenant": "a"}}, Window: 7 * time.Minute},
	} {
		if r.random.IntN(3) > 0 {
			b.Cap = r.unit * price.Pico(20+r.random.IntN(100))
			b.CheapestPercent = []int{0, 0, 50}[r.random.IntN(3)]
			r.budgets = append(r.budgets, b)
		}
	}
	r.accounts, r.model = budget.New(r.budgets), budgettest.New(r.budgets)
	return r
}

func (r *run) amount(most int) price.Pico { return r.unit * price.Pico(r.random.IntN(most+1)) }

// step makes one change.
func (r *run) step() {
	switch n := r.random.IntN(20); {
	case n < 8:
		r.ask()
	case n < 14:
		r.settle()
	case n < 16:
		r.replace()
	case n < 17 && !r.tame:
		r.storage()
	case n < 18:
		r.pass()
	default:
		r.now = r.now.Add(time.Duration(r.random.IntN(5000)) * time.Millisecond)
	}
	r.model.Look(r.now)
	r.compare()
}

// pass lets much time pass, or sets the clock back.
func (r *run) pass() {
	d := time.Duration(r.random.ExpFloat64() * float64(20*time.Minute))
	if !r.tame && r.random.IntN(3) == 0 {
		d = -d
	}
	r.now = r.now.Add(d)
}

// ask asks for an attempt, and holds what it may cost.
func (r *run) ask() {
	r.calls++
	row := ledger.Row{Call: fmt.Sprint("call ", r.calls), Attempt: 1, Provider: "openai", Operation: "chat",
		Model: []string{"x", "y"}[r.random.IntN(2)], AskedTier: policy.Flex, Tags: map[string]string{"tenant": tenants[r.random.IntN(3)]}}
	s := policy.Subject{Provider: row.Provider, Operation: row.Operation, Model: row.Model}
	refs := r.accounts.Match(nil, &s, row.AskedTier, "k", row.Tags)
	places := r.model.Match(&s, row.AskedTier, "k", row.Tags)
	ask := budget.Ask{Most: ledger.Known(r.amount(30)), Cheapest: r.random.IntN(2) == 0}
	verdict := r.accounts.Check(r.now, refs, &ask)
	r.checkVerdict(verdict, places, &ask)
	err := r.accounts.Refusal(r.now, refs, &ask, nil)
	if (err == nil) != (verdict == budget.Admits) {
		r.Fatalf("verdict %d and refusal %v", verdict, err)
	}
	switch verdict {
	case budget.Refuses:
		r.refused++
		r.checkFrees(refs, &ask, err)
		return
	case budget.Waits:
		r.waited++
		return
	}
	r.admitted++
	u := under{row: row, most: ask.Most.Pico}
	u.hold, u.model = r.accounts.Hold(r.now, refs, u.most), r.model.Hold(r.now, places, u.most)
	u.row.At = r.now.Add(time.Duration(r.random.IntN(50)) * time.Millisecond)
	r.holds = append(r.holds, u)
}

// allowed is what the exact amounts allow accounts to say.
type allowed struct {
	mustAdmit, mayAdmit, mayWait bool
	onlyCheapest, maybeCheapest  bool
}

// checkVerdict compares a verdict with the exact amounts.
func (r *run) checkVerdict(v budget.Verdict, places []budgettest.Account, ask *budget.Ask) {
	is := allowed{mustAdmit: true, mayAdmit: true, mayWait: true}
	for _, a := range places {
		r.allow(&is, a, ask.Most.Pico)
	}
	if ask.Most.Pico == 0 {
		is = allowed{mustAdmit: true, mayAdmit: true}
	}
	if ask.Cheapest {
		is.onlyCheapest, is.maybeCheapest = false, false
	}
	switch {
	case v == budget.Admits && (!is.mayAdmit || is.onlyCheapest):
		r.Fatalf("admitted although it does not fit: %+v, %+v", ask, is)
	case v == budget.Waits && (!is.mayWait || is.onlyCheapest):
		r.Fatalf("waits although what is spent refuses it: %+v, %+v", ask, is)
	case v != budget.Admits && is.mustAdmit && !is.maybeCheapest:
		r.Fatalf("verdict %d although it fits: %+v, %+v", v, ask, is)
	}
}

// allow takes what one account allows into what all allow.
func (r *run) allow(is *allowed, a budgettest.Account, ask price.Pico) {
	b := &r.budgets[a.Budget]
	least, most, _, _ := r.model.Spent(r.now, a)
	held := r.model.Held(a)
	is.mayAdmit = is.mayAdmit && fits(b, least, held, ask)
	is.mayWait = is.mayWait && fits(b, least, new(big.Int), ask)
	is.mustAdmit = is.mustAdmit && fits(b, most, held, ask)
	if b.CheapestPercent > 0 {
		share := big.NewInt(int64(b.Share(b.CheapestPercent)))
		is.onlyCheapest = is.onlyCheapest || least.Cmp(share) >= 0
		is.maybeCheapest = is.maybeCheapest || most.Cmp(share) >= 0
	}
}

// fits reports whether an amount fits under the cap beside what is spent and held.
func fits(b *policy.Budget, spent, held *big.Int, most price.Pico) bool {
	sum := new(big.Int).Add(spent, held)
	return sum.Add(sum, big.NewInt(int64(most))).Cmp(big.NewInt(int64(b.Cap))) <= 0
}

// checkFrees checks that nothing but what others hold is in the way once the time has come, and that something is before.
func (r *run) checkFrees(refs []budget.Ref, ask *budget.Ask, err *budget.Error) {
	if err.Frees.IsZero() || len(refs) != 1 {
		return
	}
	only := *ask
	only.Cheapest = true
	if v := r.accounts.Check(err.Frees, refs, &only); v == budget.Refuses {
		r.Fatalf("refused at %v, when it should be free: %v", err.Frees, err)
	}
	if v := r.accounts.Check(err.Frees.Add(-1), refs, &only); v != budget.Refuses {
		r.Fatalf("verdict %d just before %v: %v", v, err.Frees, err)
	}
}

// settle ends an attempt under way.
func (r *run) settle() {
	if len(r.holds) == 0 {
		return
	}
	i := r.random.IntN(len(r.holds))
	u := r.holds[i]
	r.holds = append(r.holds[:i], r.holds[i+1:]...)
	row := u.row
	most := int(u.most / r.unit)
	switch r.random.IntN(8) {
	case 0: // never sent
		r.accounts.Settle(r.now, &u.hold, nil)
		r.model.Settle(r.now, u.model, nil)
		return
	case 1:
		row.Outcome, row.Unpriced, row.Exposure = policy.Ambiguous, "lost", ledger.Known(u.most)
	case 2:
		row.Outcome, row.Unpriced = policy.Billed, "it has no bound"
	case 3:
		row.Outcome, row.Cost = policy.Partial, ledger.Known(r.amount(most))
		row.Exposure = ledger.Known(u.most - row.Cost.Pico)
	case 4:
		row.Outcome, row.Cost = policy.Rejected, ledger.Known(0)
	default:
		row.Outcome, row.Cost = policy.Billed, ledger.Known(r.amount(most))
		if !r.tame && r.random.IntN(4) == 0 && r.unit == 1 {
			row.Cost.Pico += r.amount(20)
		}
	}
	r.accounts.Settle(r.now, &u.hold, &row)
	r.accounts.Settle(r.now, &u.hold, &row) // settling again does nothing
	r.model.Settle(r.now, u.model, &row)
	if row.Exposure.Pico > 0 || !row.Cost.Known {
		r.unsure = append(r.unsure, row)
	}
}

// replace replaces the row of an attempt whose cost is not known, or tries to.
func (r *run) replace() {
	if len(r.unsure) == 0 {
		return
	}
	i := r.random.IntN(len(r.unsure))
	row := r.unsure[i]
	most := max(row.Exposure.Pico+row.Cost.Pico, 0)
	switch r.random.IntN(4) {
	case 0: // the same row again: it does not count twice
	case 1:
		row.Settles, row.Outcome = true, policy.Billed
	default:
		row.PriceID = ledger.BillPriceID
		row.Cost, row.Exposure, row.Unpriced = ledger.Known(r.amount(int(most/r.unit))), ledger.Amount{}, ""
		r.unsure = append(r.unsure[:i], r.unsure[i+1:]...)
	}
	r.accounts.Spend(r.now, &row)
	r.model.Spend(&row)
}

// storage counts the storage of a context cache, and perhaps a correction.
func (r *run) storage() {
	r.calls++
	row := ledger.Row{Call: fmt.Sprint("call ", r.calls), Attempt: 1, Provider: "gemini", Model: "x", Outcome: policy.Storage,
		Cost: ledger.Known(r.amount(10)), At: r.now.Add(-time.Duration(r.random.IntN(600)) * time.Second), Tags: map[string]string{"tenant": "a"}}
	for range 1 + r.random.IntN(2) {
		r.accounts.Spend(r.now, &row)
		r.model.Spend(&row)
		r.calls++
		row.Call = fmt.Sprint("call ", r.calls)
		row.Cost.Pico = -row.Cost.Pico / 2
	}
}

// compare compares the accounts with the model.
func (r *run) compare() {
	states := make(map[string]budget.State)
	for _, s := range r.accounts.States(r.now) {
		states[s.Budget.Name+"/"+s.Key] = s
	}
	for _, a := range r.model.Accounts() {
		b := &r.budgets[a.Budget]
		s := states[b.Name+"/"+policy.KeyText(b.Per, a.Key)]
		least, most, leastExposure, mostExposure := r.model.Spent(r.now, a)
		if s.Spent == math.MaxInt64 { // more than can be counted
			least, most = big.NewInt(0), big.NewInt(math.MaxInt64)
		}
		spent, exposure := big.NewInt(int64(s.Spent)), big.NewInt(int64(s.Exposure))
		if spent.Cmp(least) < 0 || spent.Cmp(most) > 0 || exposure.Cmp(leastExposure) < 0 || exposure.Cmp(mostExposure) > 0 {
			r.Fatalf("%s %q at %v: spent %v, want %v to %v; exposure %v, want %v to %v", b.Name, a.Key, r.now, spent, least, most, exposure, leastExposure, mostExposure)
		}
		if held := big.NewInt(int64(s.Held)); held.Cmp(r.model.Held(a)) != 0 {
			r.Fatalf("%s %q: held %v, want %v", b.Name, a.Key, held, r.model.Held(a))
		}
		if sum := new(big.Int).Add(least, r.model.Held(a)); r.tame && sum.Cmp(big.NewInt(int64(b.Cap))) > 0 {
			r.Fatalf("%s %q: %v spent and held of %v", b.Name, a.Key, sum, b.Cap)
		}
	}
}

const defaultSeeds = 30

var seeds = flag.Int("seeds", defaultSeeds, "how many runs of random changes are compared with the model")

// Whatever happens in whatever order, the accounts count what an exact model counts: in a window of the calendar exactly, and
// in a sliding one within a sixtieth of it. As long as the clock runs on and nothing costs more than was held for it, no
// window anywhere has more than the cap.
func TestAgainstModel(t *testing.T) {
	n := *seeds
	if n == defaultSeeds && raceEnabled {
		n = 10
	}
	var admitted, waited, refused int
	for range n {
		seed := rand.Uint64()
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := newRun(t, seed)
			for range 400 {
				r.step()
			}
			for _, u := range r.holds {
				r.accounts.Settle(r.now, &u.hold, nil)
				r.model.Settle(r.now, u.model, nil)
			}
			r.compare()
			for _, a := range r.model.Accounts() {
				if worst := r.model.Worst(a); r.tame && worst.Cmp(big.NewInt(int64(r.budgets[a.Budget].Cap))) > 0 {
					t.Errorf("%s: a window has %v, and the cap is %v", r.budgets[a.Budget].Name, worst, r.budgets[a.Budget].Cap)
				}
			}
			for _, s := range r.accounts.States(r.now) {
				if s.Held != 0 {
					t.Errorf("%s %s: $%s held at the end", s.Budget.Name, s.Key, s.Held)
				}
			}
			admitted, waited, refused = admitted+r.admitted, waited+r.waited, refused+r.refused
		})
	}
	if min(admitted, waited, refused) < 100 {
		t.Errorf("%d admitted, %d waited, %d refused: the test shows little", admitted, waited, refused)
	}
}
