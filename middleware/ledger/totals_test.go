package ledger_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

func TestGroupsOfOneName(t *testing.T) {
	var m ledger.Memory
	m.Add(ledger.Row{Attempt: 1, Cost: ledger.Known(1), Tags: map[string]string{"x=y": "z"}})
	m.Add(ledger.Row{Attempt: 1, Cost: ledger.Known(2), Tags: map[string]string{"x": "y=z"}})
	if got := m.Totals().By["tag:x=y=z"]; got.Cost.String() != "0.000000000003" || got.Calls != 2 {
		t.Errorf("%+v", got)
	}
}

func TestTotals(t *testing.T) {
	var m ledger.Memory
	rejected := ledger.Row{Call: "01h", Attempt: 1, Model: "gpt-5", Outcome: policy.Rejected, Cost: ledger.Known(0), UsageSource: ledger.None}
	second := billed
	second.Attempt = 2
	m.Add(rejected)
	m.Add(second)
	m.Add(ledger.Row{Call: "02h", Outcome: policy.Refused, Cost: ledger.Known(0)})
	m.Add(ledger.Row{Call: "03h", Attempt: 1, Model: "gpt-5", Outcome: policy.Ambiguous, Unpriced: "lost", Exposure: ledger.Known(40)})
	m.Add(ledger.Row{Call: "04h", Outcome: policy.Storage, Cost: ledger.Known(7)})
	got := m.Totals()
	text, err := json.Marshal(got.Total)
	if err != nil {
		t.Fatal(err)
	}
	// Saved: 250 - 100 - 20 of the billed one, less 7 of storage. What is exposed is not in it.
	const want = `{"calls":3,"attempts":3,"cost_usd":"0.0000000001","list_usd":"0.00000000025","saved_usd":"0.000000000123",` +
		`"implicit_usd":"0.00000000002","storage_usd":"0.000000000007","exposure_usd":"0.00000000004","unpriced":1}`
	if string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if got.By["tag:tenant=acme"].Cost.String() != "0.0000000001" || got.By["tier:flex"].Attempts != 1 || got.By["model:gpt-5"].Attempts != 2 {
		t.Errorf("%+v", got.By)
	}
	var sum price.Sum
	for _, r := range m.Rows() {
		if r.Cost.Known && r.Outcome != policy.Storage {
			sum.Add(r.Cost.Pico)
		}
	}
	if sum.Cmp(got.Cost) != 0 {
		t.Errorf("rows %v, totals %v", sum, got.Cost)
	}
}

func TestGroupsAreBounded(t *testing.T) {
	var m ledger.Memory
	for i := range 3 * ledger.MaxGroups {
		m.Add(ledger.Row{Attempt: 1, Outcome: policy.Billed, Cost: ledger.Known(1), Tags: map[string]string{"user": fmt.Sprint(i)}})
	}
	by := m.Totals().By
	var sum int64
	delete(by, "model:"+ledger.NoGroup)
	delete(by, "tier:"+ledger.NoGroup)
	for _, g := range by {
		sum += g.Calls
	}
	if len(by) > ledger.MaxGroups+1 || sum != 3*ledger.MaxGroups || by["other:tag"].Calls == 0 {
		t.Errorf("%d groups of %d calls, other %+v", len(by), sum, by["other:tag"])
	}
}

func TestHoursAreBounded(t *testing.T) {
	var m ledger.Memory
	const hours = 2*ledger.MaxHours + 7
	for i := range hours {
		m.Add(ledger.Row{Call: fmt.Sprint(i), Attempt: 1, At: noon.Add(time.Duration(i) * time.Hour), Cost: ledger.Known(1)})
		if i%100 == 0 { // one that ended very late
			m.Add(ledger.Row{Call: fmt.Sprint(i), Attempt: 2, At: noon.Add(-time.Hour), Cost: ledger.Known(1)})
		}
	}
	got := m.Totals()
	var sum price.Sum
	for _, total := range got.Hours {
		sum.AddSum(total.Cost)
	}
	if len(got.Hours) != ledger.MaxHours+1 || sum != got.Cost {
		t.Errorf("%d hours that add up to %s of %s", len(got.Hours), sum, got.Cost)
	}
	last := noon.Add((hours - 1) * time.Hour).Format(time.RFC3339)
	if got.Hours[last].Attempts != 1 || got.Hours["other"].Attempts < hours-ledger.MaxHours {
		t.Errorf("last %+v, other %+v", got.Hours[last], got.Hours["other"])
	}
}

// history returns rows as chains make them, in the order in which they come: attempts of many calls that go on at the same
// time, rows that settle others, changes of storage.
func history(random *rand.Rand, calls int) (rows []ledger.Row) {
	var now []ledger.Row // what may come next
	at := noon
	for calls > 0 || len(now) > 0 {
		if calls > 0 && (len(now) == 0 || random.IntN(3) == 0) {
			calls--
			now = append(now, beginning(random, calls))
			continue
		}
		i := random.IntN(len(now))
		r := now[i]
		at = at.Add(time.Duration(random.IntN(40)) * time.Minute)
		if r.At.IsZero() {
			r.At = at
		}
		if rows = append(rows, r); goesOn(random, &r) {
			now[i] = r
		} else {
			now = slices.Delete(now, i, i+1)
		}
	}
	return rows
}

// beginning returns the first row of a call.
func beginning(random *rand.Rand, n int) ledger.Row {
	r := ledger.Row{Call: fmt.Sprint("call ", n), Attempt: 1, Model: fmt.Sprint("m", random.IntN(3)), Tags: map[string]string{}}
	if random.IntN(9) == 0 {
		r.Model = ""
	}
	for _, name := range []string{"tenant", "job"} {
		if random.IntN(2) == 0 {
			r.Tags[name] = fmt.Sprint(random.IntN(3))
		}
	}
	end(random, &r)
	return r
}

// end lets a random thing happen to an attempt.
func end(random *rand.Rand, r *ledger.Row) {
	money := func() ledger.Amount { return ledger.Known(price.Pico(random.Int64N(1e12))) }
	unpriced := func() {
		r.Unpriced = "?"
		if random.IntN(2) == 0 {
			r.Exposure = money()
		}
	}
	switch random.IntN(7) {
	case 0:
		r.Outcome, r.UsageSource, r.Cost = policy.Rejected, ledger.None, ledger.Known(0)
	case 1:
		r.Outcome, r.UsageSource = policy.Ambiguous, ledger.Unknown
		unpriced()
	case 2:
		r.Outcome, r.UsageSource = policy.Billed, ledger.Unknown // its result is fetched later
		unpriced()
	case 3:
		r.Outcome, r.UsageSource, r.Cost = policy.Refused, ledger.None, ledger.Known(0)
		if r.Attempt == 1 {
			r.Attempt = random.IntN(2)
		}
	case 4:
		r.Outcome, r.UsageSource, r.ServedModel, r.ServedTier = policy.Partial, ledger.Estimated, r.Model, policy.Standard
		r.Cost, r.Exposure, r.List = money(), money(), money()
	default:
		serve(random, r)
	}
}

// serve lets an answer arrive.
func serve(random *rand.Rand, r *ledger.Row) {
	money := func() ledger.Amount { return ledger.Known(price.Pico(random.Int64N(1e12))) }
	r.Outcome, r.UsageSource, r.Unpriced, r.Exposure = policy.Billed, ledger.Measured, "", ledger.Amount{}
	r.ServedModel = fmt.Sprint(r.Model, "-", random.IntN(2))
	r.ServedTier = []policy.Tier{policy.Flex, policy.Standard}[random.IntN(2)]
	r.Cost, r.List, r.Implicit = money(), money(), money()
	if random.IntN(5) == 0 {
		r.Cost, r.List, r.Implicit, r.Unpriced, r.Exposure = ledger.Amount{}, ledger.Amount{}, ledger.Amount{}, "no price", money()
	}
}

// goesOn turns a row into one that may follow it, and reports whether there is one.
func goesOn(random *rand.Rand, r *ledger.Row) bool {
	switch {
	case r.Settles || random.IntN(4) == 0:
		return false
	case r.Outcome == policy.Rejected || r.Outcome == policy.Ambiguous:
		*r = ledger.Row{Call: r.Call, Attempt: r.Attempt + 1, Model: r.Model, Tags: r.Tags}
		end(random, r)
		return true
	case r.Outcome == policy.Billed && r.UsageSource == ledger.Unknown:
		serve(random, r)
		r.Settles = true
		return true
	case r.Outcome == policy.Billed && r.Unpriced == "":
		*r = ledger.Row{Call: "storage of " + r.Call, Attempt: 1, Parent: r.Call, Operation: "cache_storage", Model: r.Model, ServedModel: r.ServedModel,
			Tags: r.Tags, Outcome: policy.Storage, UsageSource: ledger.Estimated, Cost: ledger.Known(price.Pico(random.Int64N(1e9)))}
		return true
	case r.Outcome == policy.Storage && r.Cost.Pico > 0: // the cache is deleted
		r.Call, r.Cost = r.Call+", deleted", ledger.Known(-r.Cost.Pico/2)
		return true
	}
	return false
}

// addUp returns an error unless the groups of each kind add up to the totals, in every figure, and none has less than nothing.
func addUp(totals ledger.Totals) error {
	sums := map[string]*ledger.Total{"hours": {}}
	add := func(kind string, g ledger.Total) {
		if sums[kind] == nil {
			sums[kind] = new(ledger.Total)
		}
		sums[kind].AddTotal(g)
	}
	for _, hour := range totals.Hours {
		add("hours", hour)
	}
	for name, g := range totals.By {
		kind, rest, _ := strings.Cut(name, ":")
		if kind == "tag" {
			kind, _, _ = strings.Cut(rest, "=")
		}
		if g.Calls < 0 || g.Attempts < 0 || g.Unpriced < 0 || g.Cost.Sign() < 0 || g.Exposure.Sign() < 0 || g.Storage.Sign() < 0 || g.List.Sign() < 0 {
			return fmt.Errorf("%s has %+v", name, g)
		}
		add(kind, g)
	}
	for kind, sum := range sums {
		if *sum != totals.Total {
			return fmt.Errorf("all of %s add up to\n%+v, want\n%+v", kind, *sum, totals.Total)
		}
	}
	return nil
}

// For any history, in every figure, the groups of each kind add up to the whole. What is kept in memory as the rows come is what
// a store's rows add up to afterwards: in the order in which they were stored, or by time.
func TestGroupsAddUp(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for range 100 {
		rows := history(random, 60)
		m := ledger.NewMemory(0)
		files := openJSONL(t, t.TempDir(), ledger.JSONLConfig{SegmentBytes: 4096})
		served := map[string]policy.Tier{}
		for _, r := range rows {
			m.Add(r)
			if r.Outcome != policy.Storage {
				served[r.Call] = r.ServedTier
			}
		}
		if err := files.Write(t.Context(), rows); err != nil {
			t.Fatal(err)
		}
		got := m.Totals()
		if err := addUp(got); err != nil {
			t.Fatal(err)
		}
		checkCalls(t, got, served)
		stored, err := ledger.TotalsOf(files.Scan(t.Context(), ledger.Filter{}))
		if want := fmt.Sprint(got); err != nil || fmt.Sprint(stored) != want {
			t.Fatalf("stored %v, %v\nwant   %s", stored, err, want)
		}
		kept := m.Rows()
		slices.SortStableFunc(kept, func(a, b ledger.Row) int { return a.At.Compare(b.At) })
		if byTime, err := ledger.TotalsOf(all(nil, kept...)); err != nil || fmt.Sprint(byTime) != fmt.Sprint(got) {
			t.Fatalf("by time %v, %v\nwant    %v", byTime, err, got)
		}
	}
}

// checkCalls compares the calls by tier with where the latest attempt of each call was served.
func checkCalls(t *testing.T, totals ledger.Totals, served map[string]policy.Tier) {
	t.Helper()
	want := map[policy.Tier]int64{}
	for _, tier := range served {
		want[tier]++
	}
	for tier, calls := range want {
		if got := totals.By["tier:"+cmp.Or(string(tier), ledger.NoGroup)].Calls; got != calls {
			t.Fatalf("%d calls were served on %q, and %d were", got, tier, calls)
		}
	}
	if totals.Calls != int64(len(served)) {
		t.Fatalf("%d calls, want %d", totals.Calls, len(served))
	}
}

// A call that was served on another tier than it first asked for counts there, once.
func TestCallsCountWhereTheyWereServed(t *testing.T) {
	var m ledger.Memory
	for i := range 63 {
		call := fmt.Sprint(i)
		m.Add(ledger.Row{Call: call, Attempt: 1, Model: "gpt-5", AskedTier: policy.Flex, Outcome: policy.Rejected, Cost: ledger.Known(0)})
		m.Add(ledger.Row{Call: call, Attempt: 2, Model: "gpt-5", ServedModel: "gpt-5-2025-08-07", AskedTier: policy.Standard, ServedTier: policy.Standard,
			Outcome: policy.Billed, UsageSource: ledger.Measured, Cost: ledger.Known(10), List: ledger.Known(10)})
	}
	got := m.Totals()
	standard, none := got.By["tier:standard"], got.By["tier:"+ledger.NoGroup]
	if got.Calls != 63 || standard.Calls != 63 || standard.Attempts != 63 || none.Calls != 0 || none.Attempts != 63 {
		t.Errorf("standard %+v, none %+v, all %+v", standard, none, got.Total)
	}
	if model := got.By["model:gpt-5-2025-08-07"]; model.Calls != 63 || got.By["model:gpt-5"].Calls != 0 {
		t.Errorf("%+v", got.By)
	}
}

// Rows of a part of a call, as a filter selects them, count it once.
func TestCallsOfAFilter(t *testing.T) {
	rows := []ledger.Row{
		{Call: "a", Attempt: 2, ServedTier: policy.Standard, Outcome: policy.Billed, Cost: ledger.Known(1)},
		{Call: "b", Attempt: 2, Outcome: policy.Rejected, Cost: ledger.Known(0)},
		{Call: "b", Attempt: 3, ServedTier: policy.Standard, Outcome: policy.Billed, Cost: ledger.Known(1)},
	}
	got, err := ledger.TotalsOf(all(nil, rows...))
	if err != nil || got.Calls != 2 || got.By["tier:standard"].Calls != 2 || addUp(got) != nil {
		t.Errorf("%+v, %v", got, err)
	}
	rows = append(rows, ledger.Row{Call: "b", Attempt: 1, Outcome: policy.Rejected, Cost: ledger.Known(0)}) // it comes late
	if got, err := ledger.TotalsOf(all(nil, rows...)); err != nil || got.Calls != 2 || got.By["tier:standard"].Calls != 2 || addUp(got) != nil {
		t.Errorf("%+v, %v", got, err)
	}
}

// What was not measured, or has no known cost, saves nothing and loses nothing.
func TestSavedIsMeasured(t *testing.T) {
	usd := func(s string) ledger.Amount { return ledger.Known(price.MustUSD(s)) }
	for name, test := range map[string]struct {
		row  ledger.Row
		want string
	}{
		"measured":          {ledger.Row{UsageSource: ledger.Measured, Cost: usd("1"), List: usd("3"), Implicit: usd("0.5")}, "1.5"},
		"a creation":        {ledger.Row{UsageSource: ledger.Measured, Cost: usd("1"), List: usd("0"), Operation: "create_cache"}, "-1"},
		"storage":           {ledger.Row{UsageSource: ledger.Estimated, Outcome: policy.Storage, Cost: usd("1")}, "-1"},
		"storage, unknown":  {ledger.Row{UsageSource: ledger.Unknown, Outcome: policy.Storage, Unpriced: "?"}, "0"},
		"exposed":           {ledger.Row{UsageSource: ledger.Unknown, Exposure: usd("9"), Unpriced: "?"}, "0"},
		"estimated":         {ledger.Row{UsageSource: ledger.Estimated, Cost: usd("1"), List: usd("3"), Exposure: usd("9")}, "0"},
		"without a price":   {ledger.Row{UsageSource: ledger.Measured, List: usd("3"), Unpriced: "?"}, "0"},
		"resolved by bill":  {ledger.Row{UsageSource: ledger.Unknown, Cost: usd("1"), PriceID: ledger.BillPriceID}, "0"},
		"resent beneath us": {ledger.Row{UsageSource: ledger.Measured, Cost: usd("1"), List: usd("1"), Exposure: usd("4")}, "0"},
	} {
		totals, _ := ledger.TotalsOf(all(nil, test.row))
		savings, _ := ledger.SavingsOf(all(nil, test.row))
		if totals.Saved.String() != test.want || savings.Net != totals.Saved || savings.Exposure != totals.Exposure {
			t.Errorf("%s: saved %s, %s, want %s", name, totals.Saved, savings.Net, test.want)
		}
	}
}
