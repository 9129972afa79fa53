package ledger_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"iter"
	"log"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// all returns rows as a Source does, and then an error, if there is one.
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
	outcomes := []policy.Outcome{policy.Billed, policy.Partial, policy.Ambiguous, policy.Rejected, policy.NotSent, policy.Refused, policy.Storage}
	for i := range n {
		r := ledger.Row{
			Call: fmt.Sprint(i - random.IntN(3)), Attempt: 1 + random.IntN(3), At: noon.Add(time.Duration(random.IntN(1e6)) * time.Second),
			Provider: "openai", Operation: "chat", Model: fmt.Sprint("m", random.IntN(3)), ServedTier: policy.Flex,
			Outcome: outcomes[random.IntN(len(outcomes))], UsageSource: ledger.Measured, Cost: known(),
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

// The causes add up to what is saved, whatever the rows, and rows, groups and hours to the totals.
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
		for _, part := range []price.Sum{s.Tier, s.Fallback, s.Cache, s.Storage, s.Retries, s.Unlisted} {
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
retries             -7
unlisted            -0.5
net                 -9.75
implicit, not ours  2
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

func TestWriteCSV(t *testing.T) {
	random := rand.New(rand.NewPCG(22, 23))
	rows := randomRows(random, 40)
	rows[0].Model, rows[0].ErrorCode = "=cmd|' /C calc'!A0", "-1+1"
	rows[1].Model, rows[1].Exposure = "a,\"b\"\nc", ledger.Known(-5)
	var b strings.Builder
	if err := ledger.WriteCSV(&b, all(nil, rows...)); err != nil {
		t.Fatal(err)
	}
	records, err := csv.NewReader(strings.NewReader(b.String())).ReadAll()
	if err != nil || len(records) != len(rows)+1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	column := func(name string) int { return slices.Index(records[0], name) }
	var cost, want price.Sum
	for i, record := range records[1:] {
		if text := record[column("cost_usd")]; text != "" {
			cost.Add(price.MustUSD(text))
		}
		want.Add(rows[i].Cost.Pico)
	}
	if cost != want {
		t.Errorf("the costs add up to %s, want %s", cost, want)
	}
	if got := records[1][column("model")]; got != "'=cmd|' /C calc'!A0" || records[1][column("error_code")] != "'-1+1" {
		t.Errorf("a formula: %q", records[1])
	}
	if records[2][column("model")] != rows[1].Model || records[2][column("exposure_usd")] != "-0.000000000005" {
		t.Errorf("%q", records[2])
	}
	failed := errors.New("failed")
	if err := ledger.WriteCSV(&b, all(failed, rows[0])); err != failed {
		t.Error(err)
	}
}

// Every member of a row's JSON but the lesser counters of its usage is a column.
func TestWriteCSVHasAll(t *testing.T) {
	var b strings.Builder
	if err := ledger.WriteCSV(&b, all(nil)); err != nil {
		t.Fatal(err)
	}
	columns := strings.Split(strings.TrimSpace(b.String()), ",")
	for _, name := range memberNames(ledger.Row{}) {
		if !slices.Contains(columns, name) {
			t.Errorf("%s is no column", name)
		}
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

func TestTee(t *testing.T) {
	var sink faultySink
	var m ledger.Memory
	w := ledger.NewWriter(&sink, ledger.WriterConfig{Logger: quiet})
	defer w.Close(t.Context())
	tee := ledger.Tee{&m, w}
	tee.Open(open("a", 1, 5))
	tee.Add(ledger.Row{Call: "a", Attempt: 1, Outcome: policy.Ambiguous, Exposure: ledger.Known(5), Unpriced: "?"})
	if err := tee.Resolve("a", 1, 3); err != nil {
		t.Fatal(err)
	}
	if err := tee.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := sink.calls(); got != "(a) a a" {
		t.Errorf("the sink has %q", got)
	}
	wantRows(t, tee, ledger.Filter{}, "a/1:ambiguous:0.000000000003")
	if tee.Totals().Cost != w.Totals().Cost || tee.Totals().Cost.String() != "0.000000000003" || len(tee.Rows()) != 1 {
		t.Errorf("%+v, %+v", tee.Totals(), w.Totals())
	}
	if tee.Resolve("a", 1, 3) == nil || (ledger.Tee{}).Resolve("a", 1, 3) == nil {
		t.Error("resolved twice, or nowhere")
	}
	if _, err := scan(t, ledger.Tee{}, ledger.Filter{}); err == nil {
		t.Error("nothing was read without an error")
	}
}

func ExampleSavingsOf() {
	var m ledger.Memory
	m.Add(ledger.Row{Call: "1", Attempt: 1, Outcome: policy.Billed, Cost: ledger.Known(price.MustUSD("0.5")), List: ledger.Known(price.MustUSD("1"))})
	savings, err := ledger.SavingsOf(m.Scan(context.Background(), ledger.Filter{}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("saved by tiers:", savings.Tier)
	// Output: saved by tiers: 0.5
}

func ExampleWriteCSV() {
	var m ledger.Memory
	m.Add(ledger.Row{Call: "1", Attempt: 1, Model: "gpt-5", Cost: ledger.Known(price.MustUSD("0.5"))})
	var b strings.Builder
	if err := ledger.WriteCSV(&b, m.Scan(context.Background(), ledger.Filter{Model: "gpt-5"})); err != nil {
		log.Fatal(err)
	}
	fmt.Println(strings.Count(b.String(), "\n"), "lines")
	// Output: 2 lines
}

func ExampleTotalsOf() {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	totals, err := ledger.TotalsOf(ledger.ReadJSONL(context.Background(), dir, ledger.Filter{Tags: map[string]string{"tenant": "acme"}}))
	fmt.Println(totals.Cost, err)
	// Output: 0 <nil>
}

func ExampleTee() {
	var latest, forever ledger.Memory
	store := ledger.Tee{&latest, &forever}
	store.Add(ledger.Row{Call: "1", Attempt: 1, Cost: ledger.Known(price.MustUSD("0.5"))})
	fmt.Println(latest.Totals().Cost, forever.Totals().Cost)
	// Output: 0.5 0.5
}
