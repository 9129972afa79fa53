package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

var billed = ledger.Row{
	Call: "01h", Attempt: 1, At: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC),
	Provider: "openai", Operation: "chat", Model: "gpt-5", ServedModel: "gpt-5-2025-08-07",
	AskedTier: policy.Flex, ServedTier: policy.Flex, Outcome: policy.Billed, Status: 200,
	Usage: price.Usage{Input: 10, CachedInput: 5, Output: 7}, UsageSource: ledger.Measured,
	Cost: ledger.Known(100), List: ledger.Known(250), Implicit: ledger.Known(20), PriceID: "p",
	Tags: map[string]string{"tenant": "acme"},
}

func TestMemoryIsBounded(t *testing.T) {
	m := ledger.NewMemory(3)
	for i := range 10 {
		m.Add(ledger.Row{Call: fmt.Sprint(i), Attempt: 1, Cost: ledger.Known(1)})
	}
	var calls []string
	for _, r := range m.Rows() {
		calls = append(calls, r.Call)
	}
	if got := strings.Join(calls, ""); got != "789" || m.Totals().Calls != 10 {
		t.Errorf("rows %s, %d calls", got, m.Totals().Calls)
	}
}

func TestMemoryConcurrent(t *testing.T) {
	m := ledger.NewMemory(100)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 500 {
				m.Add(billed)
				m.Rows()
			}
		})
	}
	all.Wait()
	if got := m.Totals(); got.Attempts != 4000 || got.Cost.String() != "0.0000004" {
		t.Errorf("%+v", got.Total)
	}
}

// After any resolutions in any order, the totals and those of each group are the sums of the rows.
func TestResolve(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	m := ledger.NewMemory(0)
	var open []ledger.Row
	for i := range 500 {
		r := ledger.Row{
			Call: fmt.Sprint(i / 2), Attempt: 1 + i%2, Model: fmt.Sprint("m", i%3), Outcome: policy.Ambiguous,
			Exposure: ledger.Known(price.Pico(1 + random.IntN(1e9))), Unpriced: "nobody knows", Tags: map[string]string{"t": fmt.Sprint(i % 5)},
		}
		switch i % 4 {
		case 0: // what was seen of a stream that was cut
			r.Outcome, r.Cost, r.Unpriced, r.List = policy.Partial, ledger.Known(price.Pico(random.IntN(1e9))), "", ledger.Known(1e9)
		case 1:
			r.Outcome, r.Cost, r.Unpriced, r.Exposure = policy.Billed, ledger.Known(price.Pico(random.IntN(1e9))), "", ledger.Amount{}
		}
		if m.Add(r); r.Exposure.Known {
			open = append(open, r)
		}
	}
	check := func() {
		t.Helper()
		want := ledger.NewMemory(0)
		for _, r := range m.Rows() {
			want.Add(r)
		}
		got, sums := m.Totals(), want.Totals()
		if fmt.Sprint(got) != fmt.Sprint(sums) {
			t.Fatalf("totals\n%+v, rows add up to\n%+v", got, sums)
		}
	}
	check()
	for _, i := range random.Perm(len(open)) {
		if err := m.Resolve(open[i].Call, open[i].Attempt, price.Pico(random.IntN(1e9))); err != nil {
			t.Fatal(err)
		}
		if i%10 == 0 {
			check()
		}
		if m.Resolve(open[i].Call, open[i].Attempt, 1) == nil {
			t.Fatal("resolved twice")
		}
	}
	check()
	if got := m.Totals(); got.Exposure.Sign() != 0 || got.Unpriced != 0 {
		t.Errorf("%+v", got.Total)
	}
}

// A row that is no longer kept can be resolved all the same; one of many thousands ago cannot.
func TestResolveOldRows(t *testing.T) {
	m := ledger.NewMemory(10)
	const rows = 20_000
	for i := range rows {
		m.Add(ledger.Row{Call: fmt.Sprint(i), Attempt: 1, Outcome: policy.Ambiguous, Exposure: ledger.Known(5), Unpriced: "?"})
	}
	if err := m.Resolve("5000", 1, 3); err != nil {
		t.Error(err)
	}
	if err := m.Resolve("10", 1, 3); err == nil || !strings.Contains(err.Error(), `"10"`) {
		t.Error(err)
	}
	var want price.Sum
	want.Add(5 * (rows - 1))
	if got := m.Totals(); got.Cost.String() != "0.000000000003" || got.Exposure != want {
		t.Errorf("%+v", got.Total)
	}
}

// A row that settles an earlier one takes its place; then there is nothing to resolve any more.
func TestSettle(t *testing.T) {
	m := ledger.NewMemory(0)
	m.Add(ledger.Row{Call: "post", Attempt: 1, Model: "m", Outcome: policy.Billed, Exposure: ledger.Known(100), Unpriced: "?"})
	m.Add(ledger.Row{Call: "other", Attempt: 1, Model: "m", Outcome: policy.Billed, Cost: ledger.Known(1)})
	settled := ledger.Row{Call: "post", Attempt: 1, Model: "m", ServedModel: "m-1", ServedTier: policy.Flex, Outcome: policy.Billed,
		Cost: ledger.Known(40), List: ledger.Known(80), Settles: true}
	m.Add(settled)
	if m.Resolve("post", 1, 40) == nil {
		t.Error("resolved")
	}
	got := m.Totals()
	if got.Calls != 2 || got.Attempts != 2 || got.Unpriced != 0 || got.Exposure.Sign() != 0 || got.Cost.String() != "0.000000000041" {
		t.Errorf("%+v", got.Total)
	}
	flex := ledger.Total{Calls: 1, Attempts: 1}
	flex.Cost.Add(40)
	flex.List.Add(80)
	flex.Saved.Add(40)
	if got.By["tier:flex"] != flex || got.By["model:m-1"] != flex || got.By["tier:(none)"].Calls != 1 || got.By["model:m"].Calls != 1 {
		t.Errorf("%+v", got.By)
	}
	rows := m.Rows()
	if len(rows) != 2 || !rows[0].Settles || rows[0].Cost != settled.Cost {
		t.Errorf("%+v", rows)
	}
}

// What is settled without a cost can still be settled, or resolved by a bill.
func TestSettleTwice(t *testing.T) {
	m := ledger.NewMemory(0)
	row := ledger.Row{Call: "post", Attempt: 1, Outcome: policy.Billed, Unpriced: "it runs, and what it may cost has no bound"}
	m.Add(row)
	row.Settles, row.Unpriced, row.Exposure = true, "no price", ledger.Known(9)
	m.Add(row)
	if got := m.Totals(); got.Unpriced != 1 || got.Calls != 1 || got.Exposure.String() != "0.000000000009" {
		t.Errorf("%+v", got.Total)
	}
	if err := m.Resolve("post", 1, 5); err != nil {
		t.Error(err)
	}
	if got := m.Totals(); got.Unpriced != 0 || got.Calls != 1 || got.Exposure.Sign() != 0 || got.Cost.String() != "0.000000000005" {
		t.Errorf("%+v", got.Total)
	}
}
