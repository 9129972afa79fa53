package budget_test

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

var start = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

var subject = policy.Subject{Provider: "openai", Operation: "chat", Model: "gpt-5"}

// usd returns dollars.
func usd(s string) price.Pico { return price.MustUSD(s) }

// refs returns the accounts of an attempt of a tenant.
func refs(a *budget.Accounts, tenant string) []budget.Ref {
	return a.Match(nil, &subject, policy.Flex, "", map[string]string{"tenant": tenant})
}

// ask returns what an attempt asks that can cost so much.
func ask(most string) *budget.Ask { return &budget.Ask{Most: ledger.Known(usd(most))} }

// row returns the row of a call of a tenant.
func row(call, tenant, cost string, at time.Time) *ledger.Row {
	return &ledger.Row{Call: call, Attempt: 1, At: at, Provider: "openai", Operation: "chat", Model: "gpt-5", Outcome: policy.Billed,
		Cost: ledger.Known(usd(cost)), Tags: map[string]string{"tenant": tenant}}
}

// exposed returns a row whose cost is not known; it has no exposure if that is "".
func exposed(call, exposure string, outcome policy.Outcome, at time.Time) *ledger.Row {
	r := row(call, "acme", "0", at)
	r.Outcome, r.Cost, r.Unpriced = outcome, ledger.Amount{}, "lost"
	if exposure != "" {
		r.Exposure = ledger.Known(usd(exposure))
	}
	return r
}

// state returns the state of a budget's first key.
func state(t *testing.T, a *budget.Accounts, name string, now time.Time) budget.State {
	t.Helper()
	all := a.States(now)
	i := slices.IndexFunc(all, func(s budget.State) bool { return s.Budget.Name == name })
	if i < 0 {
		t.Fatalf("no state of %s: %v", name, all)
	}
	return all[i]
}

// check checks what an account counts.
func check(t *testing.T, s budget.State, spent, exposure, held string) {
	t.Helper()
	if s.Spent != usd(spent) || s.Exposure != usd(exposure) || s.Held != usd(held) {
		t.Errorf("%s: $%s spent, of these $%s exposure, $%s held; want %s, %s and %s", s.Budget.Name, s.Spent, s.Exposure, s.Held, spent, exposure, held)
	}
}

func daily(limit string) policy.Budget {
	return policy.Budget{Name: "daily", Window: 24 * time.Hour, Cap: usd(limit)}
}

// Of nested budgets, all hold or none does, and the one in the way is named.
func TestNested(t *testing.T) {
	a := budget.New([]policy.Budget{
		daily("10"),
		{Name: "tenants", Per: []string{"tag:tenant"}, Every: policy.EveryDay, Cap: usd("1")},
	})
	acme := refs(a, "acme")
	hold := a.Hold(start, acme, usd("0.8"))
	if v := a.Check(start, acme, ask("0.3")); v != budget.Waits {
		t.Errorf("verdict %d", v)
	}
	if v := a.Check(start, refs(a, "other"), ask("0.3")); v != budget.Admits {
		t.Errorf("another tenant: verdict %d", v)
	}
	if e := a.Refusal(start, acme, ask("0.3"), errors.New("stop")); e.Budget != "tenants" || e.Key != "tenant acme" || e.Held != usd("0.8") {
		t.Errorf("%+v", e)
	}
	check(t, state(t, a, "daily", start), "0", "0", "0.8")
	a.Settle(start, &hold, row("1", "acme", "0.5", start))
	check(t, state(t, a, "daily", start), "0.5", "0", "0")
	check(t, state(t, a, "tenants", start), "0.5", "0", "0")
	if e := a.Refusal(start, acme, ask("0.6"), nil); e == nil || !e.Frees.Equal(time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("%+v", e)
	}
}

// What an open row may cost counts until the row of its attempt replaces it, and an exposure until a bill does.
func TestExposure(t *testing.T) {
	a := budget.New([]policy.Budget{daily("10")})
	a.Spend(start, exposed("1", "2", policy.Open, start))
	a.Spend(start, exposed("1", "2", policy.Open, start)) // again: it is the same attempt
	check(t, state(t, a, "daily", start), "2", "2", "0")
	a.Spend(start, exposed("1", "1.5", policy.Ambiguous, start))
	check(t, state(t, a, "daily", start), "1.5", "1.5", "0")
	a.Spend(start, row("1", "acme", "1", start)) // no row of a bill: the store keeps the first
	check(t, state(t, a, "daily", start), "1.5", "1.5", "0")
	bill := row("1", "", "0.25", start)
	bill.Tags, bill.PriceID = nil, ledger.BillPriceID
	a.Spend(start.Add(time.Hour), bill)
	check(t, state(t, a, "daily", start), "0.25", "0", "0")

	// The result of a background call.
	hold := a.Hold(start, refs(a, "acme"), usd("3"))
	a.Settle(start, &hold, exposed("2", "3", policy.Billed, start))
	check(t, state(t, a, "daily", start), "3.25", "3", "0")
	result := row("2", "acme", "0.75", start)
	result.Settles = true
	a.Spend(start.Add(time.Hour), result)
	check(t, state(t, a, "daily", start), "1", "0", "0")

	// A bill of a call that is out of the window by then.
	a.Spend(start, exposed("3", "1", policy.Ambiguous, start))
	later := start.Add(25 * time.Hour)
	bill = row("3", "acme", "0.5", start)
	bill.PriceID = ledger.BillPriceID
	a.Spend(later, bill)
	check(t, state(t, a, "daily", later), "0", "0", "0")
}

// A row without a bound counts as what was held for it. Without that, the state says that something is missing.
func TestUnknownCost(t *testing.T) {
	a := budget.New([]policy.Budget{daily("10")})
	hold := a.Hold(start, refs(a, "acme"), usd("3"))
	a.Settle(start, &hold, exposed("1", "", policy.Billed, start))
	check(t, state(t, a, "daily", start), "3", "3", "0")
	if n := a.Notices(); n != nil {
		t.Errorf("%v", n)
	}

	a = budget.New([]policy.Budget{daily("10")})
	a.Spend(start, exposed("1", "", policy.Ambiguous, start))
	a.Spend(start, exposed("2", "", policy.Ambiguous, start))
	if s := state(t, a, "daily", start); s.Unknown != 2 || s.Spent != 0 {
		t.Errorf("%+v", s)
	}
	if n := a.Notices(); len(n) != 1 || n[0].Kind != budget.Unknown || n[0].Call != "1" {
		t.Errorf("%v", n)
	}
	bill := row("1", "acme", "0.5", start)
	bill.PriceID = ledger.BillPriceID
	a.Spend(start, bill)
	if s := state(t, a, "daily", start); s.Unknown != 1 || s.Spent != usd("0.5") {
		t.Errorf("%+v", s)
	}
}

// An attempt that was not sent, or was rejected, counts nothing, and its account is not kept.
func TestFree(t *testing.T) {
	for _, outcome := range []policy.Outcome{policy.NotSent, policy.Rejected, policy.Refused} {
		a := budget.New([]policy.Budget{daily("10")})
		r := row("1", "acme", "0", start)
		r.Outcome, r.Cost = outcome, ledger.Amount{}
		a.Spend(start, r)
		if s := state(t, a, "daily", start); s.Unknown != 0 || s.Spent != 0 {
			t.Errorf("%s: %+v", outcome, s)
		}
		// It replaces the open row of its attempt.
		a.Spend(start, exposed("2", "2", policy.Open, start))
		r.Call = "2"
		a.Spend(start, r)
		check(t, state(t, a, "daily", start), "0", "0", "0")
	}
}

// Storage is corrected by rows of negative cost. Without the row that they correct, they add no room.
func TestStorage(t *testing.T) {
	a := budget.New([]policy.Budget{daily("10")})
	storage := func(call, cost string) {
		r := row(call, "acme", cost, start)
		r.Operation, r.Outcome = "cache_storage", policy.Storage
		a.Spend(start, r)
	}
	storage("1", "3")
	storage("2", "-1")
	check(t, state(t, a, "daily", start), "2", "0", "0")
	storage("3", "-5")
	check(t, state(t, a, "daily", start), "0", "0", "0")
	a.Spend(start, row("4", "acme", "-1", start.Add(-2*time.Hour))) // not of storage: no cost is negative
	check(t, state(t, a, "daily", start), "0", "0", "0")
}

// The steps: a warning, only the cheapest tier, a stop; each said once in a window.
func TestSteps(t *testing.T) {
	b := daily("10")
	b.CheapestPercent = 50
	a := budget.New([]policy.Budget{b})
	r := refs(a, "acme")
	spend := func(call, cost string) { a.Spend(start, row(call, "acme", cost, start)) }
	spend("1", "4.999999999999")
	if v := a.Check(start, r, ask("1")); v != budget.Admits {
		t.Errorf("below 50%%: verdict %d", v)
	}
	spend("2", "0.000000000001")
	if e := a.Refusal(start, r, ask("1"), nil); e == nil || !e.OnlyCheapest {
		t.Errorf("%+v", e)
	}
	cheapest := ask("1")
	cheapest.Cheapest = true
	if v := a.Check(start, r, cheapest); v != budget.Admits {
		t.Errorf("the cheapest tier: verdict %d", v)
	}
	var kinds []budget.Kind
	for i := range 10 {
		spend(fmt.Sprint("more ", i), "0.6")
		for _, n := range a.Notices() {
			kinds = append(kinds, n.Kind)
		}
	}
	if !slices.Equal(kinds, []budget.Kind{budget.Warned, budget.Exceeded}) {
		t.Errorf("%v", kinds)
	}
	if v := a.Check(start, r, cheapest); v != budget.Refuses {
		t.Errorf("verdict %d at 110%%", v)
	}
	if v := a.Check(start, r, ask("0")); v != budget.Admits {
		t.Errorf("what costs nothing: verdict %d at 110%%", v)
	}
	a.Hold(start, r, 1) // so that the account stays
	next := start.Add(25 * time.Hour)
	a.Spend(next, row("next", "acme", "10", next)) // all of the cap, and no more
	a.Spend(next, row("next", "acme", "0", next))
	if n := a.Notices(); len(n) != 1 || n[0].Kind != budget.Warned {
		t.Errorf("the next window: %v", n)
	}
}

// Notices that are not taken are bounded, and what is left out is said.
func TestNoticesAreBounded(t *testing.T) {
	a := budget.New([]policy.Budget{{Name: "tenants", Per: []string{"tag:tenant"}, Window: time.Hour, Cap: 1}})
	for i := range 250 {
		a.Spend(start, row(fmt.Sprint(i), fmt.Sprint(i), "1", start))
	}
	n := a.Notices()
	if len(n) != 101 || n[100].Kind != budget.Omitted || n[100].Count != 150 {
		t.Errorf("%d notices, the last is %v", len(n), n[len(n)-1])
	}
	if n := a.Notices(); len(n) != 0 {
		t.Errorf("taken again: %v", n)
	}
}

// Amounts near the end of what a Pico holds are refused, and never wrap around.
func TestOverflow(t *testing.T) {
	b := daily("10")
	b.Cap, b.CheapestPercent = math.MaxInt64, 99
	a := budget.New([]policy.Budget{b})
	r := refs(a, "acme")
	most := &budget.Ask{Most: ledger.Known(math.MaxInt64), Cheapest: true}
	if v := a.Check(start, r, most); v != budget.Admits {
		t.Errorf("verdict %d", v)
	}
	hold := a.Hold(start, r, math.MaxInt64)
	if v := a.Check(start, r, &budget.Ask{Most: ledger.Known(1), Cheapest: true}); v != budget.Waits {
		t.Errorf("verdict %d beside all of it", v)
	}
	a.Settle(start, &hold, row("1", "acme", "9000000", start))
	for i := range 3 {
		a.Spend(start, row(fmt.Sprint("more ", i), "acme", "9000000", start.Add(-time.Duration(i)*time.Hour)))
	}
	if s := state(t, a, "daily", start); s.Spent != math.MaxInt64 {
		t.Errorf("$%s spent", s.Spent)
	}
	if v := a.Check(start, r, &budget.Ask{Most: ledger.Known(1), Cheapest: true}); v != budget.Refuses {
		t.Errorf("verdict %d past all of it", v)
	}
	if v := a.Check(start, r, &budget.Ask{Most: ledger.Known(-1), Cheapest: true}); v != budget.Refuses {
		t.Errorf("verdict %d on a negative bound", v)
	}

	// A sum that was too large stays so until it leaves, whatever corrects it.
	a = budget.New([]policy.Budget{b})
	correction := row("5", "acme", "-9000000", start)
	correction.Outcome = policy.Storage
	for range 3 {
		a.Spend(start, row("4", "acme", "9000000", start))
	}
	for range 3 {
		a.Spend(start, correction)
	}
	if s := state(t, a, "daily", start); s.Spent != math.MaxInt64 {
		t.Errorf("after corrections, $%s spent", s.Spent)
	}
	check(t, state(t, a, "daily", start.Add(25*time.Hour)), "0", "0", "0")
}

// A row counts at its time, but not earlier than it was held: what has left the window in between had made room for it.
func TestRowBeforeItsHold(t *testing.T) {
	a := budget.New([]policy.Budget{daily("10")})
	hold := a.Hold(start, refs(a, "acme"), usd("1"))
	a.Settle(start, &hold, row("1", "acme", "1", start.Add(-23*time.Hour)))
	check(t, state(t, a, "daily", start.Add(2*time.Hour)), "1", "0", "0")
	a.Spend(start, row("2", "acme", "2", start.Add(-23*time.Hour)))
	check(t, state(t, a, "daily", start), "3", "0", "0")
	check(t, state(t, a, "daily", start.Add(2*time.Hour)), "1", "0", "0")
}

// Setting the clock back frees nothing, and its times may be absurd.
func TestClockSteps(t *testing.T) {
	for _, b := range []policy.Budget{daily("10"), {Name: "daily", Every: policy.EveryDay, Cap: usd("10")}} {
		a := budget.New([]policy.Budget{b})
		a.Spend(start, row("1", "acme", "4", start))
		for _, back := range []time.Duration{time.Minute, 25 * time.Hour, 1000 * time.Hour} {
			check(t, state(t, a, "daily", start.Add(-back)), "4", "0", "0")
		}
		check(t, state(t, a, "daily", start.Add(48*time.Hour)), "0", "0", "0")
		for _, at := range []time.Time{{}, time.Unix(1<<60, 0), time.Unix(-1<<60, 0), time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)} {
			r := row("far", "acme", "1", at)
			a.Spend(start, r)
			a.Check(at, refs(a, "acme"), ask("1"))
			a.States(at)
		}
		if s := state(t, a, "daily", start); s.Spent < usd("6") { // with that of no time, which counts now, and those of the future
			t.Errorf("$%s spent", s.Spent)
		}
	}
}

// An Update keeps what was spent and held under the same name, and refuses to forget what it cannot carry over.
func TestUpdate(t *testing.T) {
	a := budget.New([]policy.Budget{daily("10"), {Name: "gone", Window: time.Hour, Cap: usd("1")}})
	r := refs(a, "acme")
	hold := a.Hold(start, r, usd("0.5"))
	a.Spend(start, row("1", "acme", "0.6", start))
	if v := a.Check(start, r, ask("1")); v != budget.Refuses {
		t.Fatalf("verdict %d", v)
	}
	for _, changed := range []policy.Budget{
		{Name: "daily", Window: time.Hour, Cap: 1}, {Name: "daily", Every: policy.EveryDay, Cap: 1},
		{Name: "daily", Window: 24 * time.Hour, Per: []string{"model"}, Cap: 1},
	} {
		if err := a.Update([]policy.Budget{changed}, false); err == nil || !strings.HasPrefix(err.Error(), "budget daily: its window or its per was changed") {
			t.Errorf("%+v: %v", changed, err)
		}
	}
	check(t, state(t, a, "gone", start), "0.6", "0", "0.5")
	fresh := policy.Budget{Name: "new", Window: time.Hour, Cap: usd("5")}
	if err := a.Update([]policy.Budget{fresh, daily("20")}, false); err != nil {
		t.Fatal(err)
	}
	if v := a.Check(start, r, ask("1")); v != budget.Admits {
		t.Errorf("what was forgotten holds it back: verdict %d", v)
	}
	check(t, state(t, a, "daily", start), "0.6", "0", "0.5")
	check(t, state(t, a, "new", start), "0", "0", "0")
	// The attempt under way counts in the budget that has come since.
	a.Settle(start, &hold, row("2", "acme", "0.5", start))
	check(t, state(t, a, "daily", start), "1.1", "0", "0")
	check(t, state(t, a, "new", start), "0.5", "0", "0")
	if len(a.States(start)) != 2 {
		t.Errorf("%v", a.States(start))
	}
}

// An attempt that waits may go when enough has left the window, even if others go on to hold what they do.
func TestFrees(t *testing.T) {
	a := budget.New([]policy.Budget{
		{Name: "hourly", Window: time.Hour, Cap: usd("1")},
		{Name: "by the day", Every: policy.EveryDay, Cap: usd("1")},
	})
	r := refs(a, "acme")
	a.Spend(start, row("1", "acme", "0.5", start))
	hold := a.Hold(start, r, usd("0.4"))
	midnight := time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)
	if at := a.Frees(start, r[:1], ask("0.3")); !at.Equal(start.Add(time.Hour + time.Minute)) {
		t.Errorf("%v", at)
	}
	if at := a.Frees(start, r, ask("0.3")); !at.Equal(midnight) {
		t.Errorf("%v", at)
	}
	if at := a.Frees(start, r, ask("0.7")); !at.IsZero() {
		t.Errorf("%v, while others hold too much", at)
	}
	if at := a.Frees(start, r, ask("0.1")); !at.IsZero() {
		t.Errorf("%v, and nothing is in the way", at)
	}
	if v := a.Check(midnight, r, ask("0.3")); v != budget.Admits {
		t.Errorf("verdict %d", v)
	}
	a.Settle(start, &hold, nil)
}

// Of very many exposures, the oldest can no longer be replaced. They go on to count, and a notice says so.
func TestForgottenExposures(t *testing.T) {
	b := daily("1000000")
	a := budget.New([]policy.Budget{b})
	const n = 65536
	for i := range n + 2 {
		a.Spend(start, exposed(fmt.Sprint(i), "1", policy.Ambiguous, start))
	}
	for _, call := range []string{"0", "1", "2", fmt.Sprint(n)} {
		bill := row(call, "acme", "0", start)
		bill.PriceID = ledger.BillPriceID
		a.Spend(start, bill)
	}
	check(t, state(t, a, "daily", start), fmt.Sprint(n), fmt.Sprint(n), "0")
	if all := a.Notices(); len(all) != 1 || all[0].Kind != budget.Forgotten {
		t.Errorf("%v", all)
	}
	// Those that have left the window make room without a notice.
	later := start.Add(48 * time.Hour)
	for i := range 10 {
		a.Spend(later, exposed(fmt.Sprint("later ", i), "1", policy.Ambiguous, later))
	}
	check(t, state(t, a, "daily", later), "10", "10", "0")
	if all := a.Notices(); len(all) != 0 {
		t.Errorf("%v", all)
	}
}

// Only the fullest keys have a State, the fullest first.
func TestStates(t *testing.T) {
	a := budget.New([]policy.Budget{{Name: "tenants", Per: []string{"tag:tenant"}, Window: time.Hour, Cap: usd("1000")}, daily("1")})
	for i := range 500 {
		a.Spend(start, row(fmt.Sprint(i), fmt.Sprintf("t%03d", i*7%500), fmt.Sprint(i*7%500), start))
	}
	states := a.States(start)
	if len(states) != 101 {
		t.Fatalf("%d states", len(states))
	}
	for i, s := range states[:100] {
		if want := fmt.Sprintf("tenant t%03d", 499-i); s.Key != want || s.Spent != price.USD*price.Pico(499-i) {
			t.Fatalf("%d: %s, want %s", i, s.Key, want)
		}
	}
}

var keys = flag.Int("keys", 50_000, "how many keys of a budget have something spent")

// Many keys take little, and give it back when their windows have passed.
func TestManyKeys(t *testing.T) {
	n := *keys
	for _, b := range []policy.Budget{
		{Name: "sliding", Per: []string{"tag:tenant"}, Window: time.Hour, Cap: usd("1")},
		{Name: "calendar", Per: []string{"tag:tenant"}, Every: policy.EveryHour, Cap: usd("1")},
	} {
		a := budget.New([]policy.Budget{b})
		tags := map[string]string{}
		r := row("1", "", "0.1", start)
		r.Tags = tags
		before := heap()
		for i := range n {
			tags["tenant"] = fmt.Sprintf("tenant-%07d", i)
			a.Spend(start, r)
		}
		each := (heap() - before) / int64(n)
		if each > 250 {
			t.Errorf("%s: %d bytes per key, want at most 250", b.Name, each)
		}
		// Other keys in the next window take the place of these.
		later := start.Add(2 * time.Hour)
		r.At = later
		for i := range n {
			tags["tenant"] = fmt.Sprintf("other-%07d", i)
			a.Spend(later, r)
		}
		both := (heap() - before) / int64(n)
		t.Logf("%s: %d bytes per key; %d with as many in the next window", b.Name, each, both)
		if both > 2*each {
			t.Errorf("%s: %d bytes per key after the next window, want at most %d", b.Name, both, 2*each)
		}
		runtime.KeepAlive(a)
	}
}

// heap returns how many bytes are in use.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// What matches no budget allocates nothing, and what does allocates little.
func TestAllocations(t *testing.T) {
	a := budget.New([]policy.Budget{{Name: "other", Match: policy.Match{Provider: "gemini"}, Window: time.Hour, Cap: 1}, daily("10")})
	one := budget.New([]policy.Budget{{Name: "other", Match: policy.Match{Provider: "gemini"}, Window: time.Hour, Cap: 1}})
	room := make([]budget.Ref, 0, 8)
	if n := testing.AllocsPerRun(100, func() { one.Match(room, &subject, policy.Flex, "", nil) }); n != 0 {
		t.Errorf("%v allocations where nothing matches", n)
	}
	r, asked := row("1", "acme", "0.000001", start), ask("0.1")
	n := testing.AllocsPerRun(1000, func() {
		in := a.Match(room, &subject, policy.Flex, "", nil)
		if a.Check(start, in, asked) != budget.Admits {
			t.Fatal("refused")
		}
		hold := a.Hold(start, in, usd("0.1"))
		a.Settle(start, &hold, r)
	})
	if n != 0 {
		t.Errorf("%v allocations for an attempt", n)
	}
}

func BenchmarkAttempt(b *testing.B) {
	a := budget.New([]policy.Budget{daily("1000000"), {Name: "tenants", Per: []string{"tag:tenant"}, Every: policy.EveryDay, Cap: usd("1000000")}})
	tags := map[string]string{"tenant": "acme"}
	r, asked := row("1", "acme", "0.000001", start), ask("0.1")
	room := make([]budget.Ref, 0, 8)
	b.ReportAllocs()
	for b.Loop() {
		in := a.Match(room, &subject, policy.Flex, "", tags)
		if a.Check(start, in, asked) != budget.Admits {
			b.Fatal("refused")
		}
		hold := a.Hold(start, in, usd("0.1"))
		a.Settle(start, &hold, r)
	}
}

// What an attempt adds to the storage of a context cache is counted together with its row.
func TestSettleBoth(t *testing.T) {
	a := budget.New([]policy.Budget{daily("10"), {Name: "only creations", Match: policy.Match{Operation: "create_cache"}, Window: time.Hour, Cap: usd("10")}})
	created := policy.Subject{Provider: "gemini", Operation: "create_cache", Model: "m"}
	both := func(now time.Time, most string, row, storage *ledger.Row) {
		hold := a.Hold(now, a.Match(nil, &created, "", "", nil), usd(most))
		a.SettleBoth(now, &hold, row, storage)
		a.SettleBoth(now, &hold, row, storage) // again: it does nothing
	}
	creation := func(cost string, at time.Time) *ledger.Row {
		r := row("c"+cost, "", cost, at)
		r.Operation, r.Tags = "create_cache", nil
		return r
	}
	storage := func(cost ledger.Amount, at time.Time) *ledger.Row {
		r := creation("0", at)
		r.Operation, r.Outcome, r.Cost = "cache_storage", policy.Storage, cost
		return r
	}
	both(start, "5", creation("1", start), storage(ledger.Known(usd("2")), start))
	for _, name := range []string{"daily", "only creations"} {
		check(t, state(t, a, name, start), "3", "0", "0")
	}
	a.Spend(start, storage(ledger.Known(-usd("1.5")), start)) // it is deleted
	check(t, state(t, a, "only creations", start), "1.5", "0", "0")

	// What was held and is not known to be less counts, once.
	both(start, "5", creation("1", start), storage(ledger.Amount{}, start))
	check(t, state(t, a, "daily", start), "6.5", "4", "0")
	both(start, "1", nil, nil)
	check(t, state(t, a, "daily", start), "6.5", "4", "0")

	// To prolong an old cache counts now, and to make it shorter where it counted.
	later := start.Add(2 * time.Hour)
	both(later, "1", creation("0", later), storage(ledger.Known(usd("0.5")), start))
	check(t, state(t, a, "only creations", later), "0.5", "0", "0")
	both(later, "1", nil, storage(ledger.Known(-usd("0.5")), start))
	check(t, state(t, a, "only creations", later), "0.5", "0", "0")
}
