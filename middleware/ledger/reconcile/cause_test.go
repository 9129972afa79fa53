package reconcile_test

import (
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/middleware/ledger/reconcile"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// In each case one cause is found and no other. In the next case the figures are a little off, and it is not found.
func TestCauses(t *testing.T) {
	std := func(u price.Usage) ledger.Row { return priced(noon, "m-one", policy.Standard, u) }
	flex := priced(noon, "m-one", policy.Flex, small)
	regional := std(small)
	regional.Cost = ledger.Known(price.MustUSD("0.308"))
	reported := std(small)
	reported.Reported = ledger.Known(price.MustUSD("0.333333"))
	loose := ambiguous(noon, "m-one", "1")
	loose.Exposure = ledger.Amount{}
	late := priced(day1.Add(23*time.Hour+30*time.Minute), "m-one", policy.Standard, small)
	early := priced(day1.Add(-time.Minute), "m-one", policy.Standard, small)
	later := priced(day2.Add(time.Minute), "m-one", policy.Standard, small)
	mine := std(small) // of another catalog
	mine.Cost = ledger.Known(price.MustUSD("0.1234"))

	tests := []struct {
		name string
		rows []ledger.Row
		bill string
		want string
	}{
		{"equal", []ledger.Row{std(small), flex}, "0.42", ""},
		{"rounded", []ledger.Row{std(small)}, "0.2800004", "rounding"},
		{"just not rounded", []ledger.Row{std(small)}, "0.2800006", "elsewhere"},
		{"exposure", []ledger.Row{std(small), ambiguous(noon, "m-one", "0.5")}, "0.7", "exposure"},
		{"exposure to the last cent", []ledger.Row{std(small), ambiguous(noon, "m-one", "0.5")}, "0.78", "exposure"},
		{"more than the exposure", []ledger.Row{std(small), ambiguous(noon, "m-one", "0.5")}, "0.79", "(exposure) (elsewhere)"},
		{"less than we say, exposure or not", []ledger.Row{std(small), ambiguous(noon, "m-one", "0.5")}, "0.27", ""},
		{"unpriced", []ledger.Row{std(small), loose}, "0.9", "unpriced"},
		{"unpriced, and less than we say", []ledger.Row{std(small), loose}, "0.27", ""},
		{"flex billed as standard", []ledger.Row{std(small), flex}, "0.56", "tier"},
		{"half of it", []ledger.Row{std(small), flex}, "0.49", "elsewhere"},
		{"standard billed as flex", []ledger.Row{std(small), std(small), flex}, "0.42", "tier"},
		{"standard billed as priority", []ledger.Row{std(small), flex}, "0.616", "tier"},
		{"regional", []ledger.Row{std(small), flex}, "0.462", "regional"},
		{"a ninth", []ledger.Row{std(small), flex}, "0.47", "elsewhere"},
		{"regional, by us only", []ledger.Row{regional}, "0.28", "regional"},
		{"cached as uncached", []ledger.Row{std(cached)}, "0.28", "caching"},
		{"cached as something else", []ledger.Row{std(cached)}, "0.27", "elsewhere"},
		{"tools elsewhere", []ledger.Row{std(search), std(small)}, "0.56", "tools"},
		{"reported", []ledger.Row{reported}, "0.333333", "prices"},
		{"not all reported", []ledger.Row{reported, std(small)}, "0.613333", "elsewhere"},
		{"late", []ledger.Row{std(cached), late}, "0.16", "day_boundary"},
		{"early", []ledger.Row{std(small), early}, "0.51", "day_boundary"},
		{"later", []ledger.Row{std(small), later}, "0.51", "day_boundary"},
		{"more than is early", []ledger.Row{std(small), early}, "0.57", "elsewhere"},
		{"not billed", []ledger.Row{std(small)}, "", "not_billed"},
		{"no calls", nil, "0.28", "elsewhere"},
		{"of unknown prices, half", []ledger.Row{mine}, "0.0617", ""},
		{"of unknown prices, regional", []ledger.Row{mine}, "0.13574", "regional"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := bill()
			if test.bill != "" {
				b.Lines = append(b.Lines, line(day1, "m-one, input", test.bill))
			}
			e := entry(t, compare(t, b, reconcile.Config{}, test.rows...), day1, "m-one")
			if got := kinds(e); got != test.want {
				t.Errorf("residual %s: causes %q, want %q\n%+v", e.Residual, got, test.want, e.Causes)
			}
		})
	}
}

func TestCauseOfItems(t *testing.T) {
	b := bill(line(day1, "m-one, input", "0.28"), line(day1, "web search tool calls", "0.03"))
	r := compare(t, b, reconcile.Config{}, priced(noon, "m-one", policy.Standard, small))
	if got := kinds(entry(t, r, day1, "")); got != "items" {
		t.Errorf("causes %q", got)
	}
	if e := entry(t, r, day1, "m-one"); e.Residual.Sign() != 0 || e.Causes != nil {
		t.Errorf("%+v", e)
	}
}

func TestRoundingOfABill(t *testing.T) {
	b := bill(line(day1, "m-one, input", "0.21"), line(day1, "m-one, output", "0.08"))
	row := priced(noon, "m-one", policy.Standard, small)
	if got := kinds(entry(t, compare(t, b, reconcile.Config{Rounding: price.USD / 100}, row), day1, "m-one")); got != "rounding" {
		t.Errorf("causes %q, want that two lines in cents are rounded by a cent", got)
	}
	if got := kinds(entry(t, compare(t, b, reconcile.Config{Rounding: price.USD / 200}, row), day1, "m-one")); got != "elsewhere" {
		t.Errorf("causes %q", got)
	}
}
