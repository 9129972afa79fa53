package reconcile_test

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// prices have the models of the tests, in four tiers, with an uplift and a tool.
var prices = func() *price.Catalog {
	const model = `"periods": [{"source": "made up", "tiers": {
		"standard": [{"usd_per_million": {"input": "2", "cached_input": "0.5", "output": "8"}, "usd_per_thousand": {"web_searches": "10"}}],
		"flex": [{"usd_per_million": {"input": "1", "cached_input": "0.25", "output": "4"}}],
		"priority": [{"usd_per_million": {"input": "3.4", "cached_input": "0.85", "output": "13.6"}}],
		"batch": [{"usd_per_million": {"input": "0.9", "cached_input": "0.9", "output": "4"}}]
	}}]`
	c, err := price.Parse("test", strings.NewReader(
		`{"providers": {"openai": {"models": {"m-one": {"regional_uplift": "1.10", `+model+`}, "m-two": {`+model+`}}}}}`))
	if err != nil {
		panic(err)
	}
	return c
}()

// The days of the tests.
var (
	day0 = time.Date(2026, 9, 27, 0, 0, 0, 0, time.UTC)
	day1 = day0.AddDate(0, 0, 1)
	day2 = day0.AddDate(0, 0, 2)
	noon = day1.Add(12 * time.Hour)
)

var calls int

// priced returns the row of an answer with its cost.
func priced(at time.Time, model string, tier policy.Tier, u price.Usage) ledger.Row {
	calls++
	q := price.Query{Provider: "openai", Model: model, Tier: string(tier), At: at}
	cost, err := prices.Cost(q, u)
	if err != nil {
		panic(err)
	}
	return ledger.Row{
		Call: fmt.Sprint("call-", calls), Attempt: 1, At: at, Provider: "openai", Operation: "chat", Model: model, ServedModel: model,
		ServedTier: tier, Outcome: policy.Billed, Usage: u, UsageSource: ledger.Measured,
		Cost: ledger.Known(cost.Cost), PriceID: cost.PriceID, Implicit: ledger.Known(cost.Uncached - cost.Cost),
	}
}

// ambiguous returns the row of an attempt that may have been billed.
func ambiguous(at time.Time, model, most string) ledger.Row {
	calls++
	return ledger.Row{
		Call: fmt.Sprint("call-", calls), Attempt: 1, At: at, Provider: "openai", Model: model, Outcome: policy.Ambiguous,
		Unpriced: "it may have been billed", Exposure: ledger.Known(price.MustUSD(most)),
	}
}

func seq(rows ...ledger.Row) iter.Seq2[ledger.Row, error] {
	return func(yield func(ledger.Row, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func line(day time.Time, item, usd string) reconcile.Line {
	l := reconcile.Line{Day: day, Item: item, Amount: price.MustUSD(usd)}
	model, _, ok := strings.Cut(item, ", ")
	switch {
	case ok:
		l.Model = model
	case item == "":
		l.Kind = "whole"
	default:
		l.Kind = "tool"
	}
	return l
}

func bill(lines ...reconcile.Line) *reconcile.Bill {
	return &reconcile.Bill{Days: []time.Time{day1}, Lines: lines}
}

func compare(t *testing.T, b *reconcile.Bill, c reconcile.Config, rows ...ledger.Row) *reconcile.Report {
	t.Helper()
	c.Prices = prices
	r, err := reconcile.Compare(seq(rows...), b, c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// entry returns the report's entry of the day and model.
func entry(t *testing.T, r *reconcile.Report, day time.Time, model string) *reconcile.Entry {
	t.Helper()
	for i := range r.Entries {
		if e := &r.Entries[i]; e.Day.Equal(day) && e.Model == model {
			return e
		}
	}
	t.Fatalf("no entry of %s %q in\n%s", day.Format(time.DateOnly), model, r)
	return nil
}

// kinds returns the causes of an entry. A cause that does not cover the residual is in brackets.
func kinds(e *reconcile.Entry) string {
	var names []string
	for _, c := range e.Causes {
		if c.Covers {
			names = append(names, string(c.Kind))
		} else {
			names = append(names, "("+string(c.Kind)+")")
		}
	}
	return strings.Join(names, " ")
}

var (
	small  = price.Usage{Input: 100_000, Output: 10_000}                     // $0.28 at standard, $0.14 at flex, $0.476 at priority
	cached = price.Usage{Input: 20_000, CachedInput: 80_000, Output: 10_000} // $0.16 at standard, $0.28 uncached
	search = price.Usage{Input: 100_000, Output: 10_000, WebSearches: 3}     // $0.31
)

func TestWhole(t *testing.T) {
	rows := []ledger.Row{
		priced(noon, "m-one", policy.Standard, small), priced(noon, "m-two", policy.Standard, small), ambiguous(noon, "m-one", "1"),
	}
	r := compare(t, bill(line(day1, "", "0.56")), reconcile.Config{}, rows...)
	if len(r.Entries) != 1 || r.Total.Residual.Sign() != 0 || len(r.Resolutions) != 1 || r.Resolutions[0].Cost != 0 {
		t.Errorf("%+v", r)
	}
	r = compare(t, bill(line(day1, "", "0.66")), reconcile.Config{}, rows...)
	if len(r.Resolutions) != 0 || kinds(&r.Entries[0]) != "exposure" {
		t.Errorf("a bill without items settled what may be an item: %+v", r)
	}
}

func TestBeyond(t *testing.T) {
	r := compare(t, bill(line(day1, "m-one, input", "0")), reconcile.Config{},
		priced(day0, "m-one", policy.Standard, small), priced(day0, "m-two", policy.Standard, small), priced(day2, "m-one", policy.Standard, small))
	if len(r.Beyond) != 2 || r.Beyond[0].Rows != 2 || r.Beyond[0].Ours.String() != "0.56" || r.Total.Rows != 0 {
		t.Errorf("%+v", r)
	}
}

func TestCompareErrors(t *testing.T) {
	broken := errors.New("disk on fire")
	failing := func(yield func(ledger.Row, error) bool) { yield(ledger.Row{}, broken) }
	if _, err := reconcile.Compare(failing, bill(), reconcile.Config{}); !errors.Is(err, broken) {
		t.Error(err)
	}
	for _, opt := range []reconcile.Config{{Rounding: -1}, {Boundary: -1}, {Boundary: 13 * time.Hour}} {
		if _, err := reconcile.Compare(seq(), bill(), opt); err == nil {
			t.Errorf("%+v was taken", opt)
		}
	}
	if _, err := reconcile.Compare(seq(), nil, reconcile.Config{}); err == nil {
		t.Error("no bill was taken")
	}
}
