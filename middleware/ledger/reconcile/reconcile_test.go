package reconcile_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
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

// priced is a row of an answer, priced as the ledger does.
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

// ambiguous is a row of an attempt that may have been billed.
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

func compare(t *testing.T, b *reconcile.Bill, opt reconcile.Config, rows ...ledger.Row) *reconcile.Report {
	t.Helper()
	opt.Prices = prices
	r, err := reconcile.Compare(seq(rows...), b, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// entry is the report's entry of the day and model.
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

// kinds are the causes of an entry; one that does not cover the residual is in brackets.
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

// In each case that cause holds, and no other; in the next the figures are off by a little, and it does not.
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

// A shift over midnight shows on both days, or it is none.
func TestMidnightShowsOnBothDays(t *testing.T) {
	rows := []ledger.Row{
		priced(noon, "m-one", policy.Standard, search), priced(day1.Add(23*time.Hour+55*time.Minute), "m-one", policy.Standard, small),
		priced(day2.Add(12*time.Hour), "m-one", policy.Standard, search),
	}
	for _, test := range []struct {
		day1, day2 string
		want       [2]string
	}{
		{"0.31", "0.59", [2]string{"day_boundary", "day_boundary"}},
		{"0.31", "0.31", [2]string{"", ""}},
		{"0.59", "0.59", [2]string{"", "elsewhere"}},
	} {
		b := bill(line(day1, "m-one, input", test.day1), line(day2, "m-one, input", test.day2))
		r := compare(t, b, reconcile.Config{}, rows...)
		if got := [2]string{kinds(entry(t, r, day1, "m-one")), kinds(entry(t, r, day2, "m-one"))}; got != test.want {
			t.Errorf("billed %s and %s: %q, want %q", test.day1, test.day2, got, test.want)
		}
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

func TestModels(t *testing.T) {
	row := func(model string) ledger.Row {
		return ledger.Row{At: noon, Model: model, ServedModel: model, Cost: ledger.Known(1)}
	}
	asked := ambiguous(noon, "gpt-4o", "1")
	deployed := row("gpt-4o-2024-08-06")
	deployed.Model = "prod"
	for _, test := range []struct {
		name   string
		rows   []ledger.Row
		billed []string
		want   string // the entries
	}{
		{"exact", []ledger.Row{row("gpt-4o-2024-08-06"), row("gpt-4o")}, []string{"gpt-4o", "gpt-4o-2024-08-06", "gpt-4o-2024-11-20"}, "gpt-4o gpt-4o-2024-08-06 gpt-4o-2024-11-20"},
		{"alias", []ledger.Row{row("gpt-4o")}, []string{"gpt-4o-2024-08-06"}, "gpt-4o"},
		{"alias of one of several", []ledger.Row{row("gpt-4o"), row("gpt-4o-2024-08-06")}, []string{"gpt-4o-2024-08-06"}, "gpt-4o"},
		{"other models stay", []ledger.Row{row("gpt-4o"), row("gpt-4o-mini")}, []string{"gpt-4o-2024-08-06", "gpt-4o-mini"}, "gpt-4o gpt-4o-mini"},
		{"nobody knows what served", []ledger.Row{asked, row("gpt-4o-2024-08-06")}, []string{"gpt-4o", "gpt-4o-2024-08-06"}, "gpt-4o"},
		{"a deployment", []ledger.Row{deployed, ambiguous(noon, "prod", "1")}, []string{"gpt-4o-2024-08-06"}, "gpt-4o"},
		{"fine-tuned", []ledger.Row{row("ft:gpt-4o-2024-08-06:acme::abc")}, []string{"ft-gpt-4o-2024-08-06"}, "ft-gpt-4o-2024-08-06"},
		{"letters", []ledger.Row{row("gpt-5.4")}, []string{"GPT-5.4"}, "gpt-5.4"},
		{"old snapshots", []ledger.Row{row("gpt-4")}, []string{"gpt-4-0613"}, "gpt-4"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := bill()
			for _, name := range test.billed {
				b.Lines = append(b.Lines, reconcile.Line{Day: day1, Model: name, Amount: 1})
			}
			var got []string
			for _, e := range compare(t, b, reconcile.Config{}, test.rows...).Entries {
				got = append(got, e.Model)
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("entries %q, want %q", s, test.want)
			}
		})
	}
}

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

// What is settled, and what must not be.
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
	poll := func(at time.Time) ledger.Row {
		r := priced(at, "m-one", policy.Standard, small)
		r.Parent, r.Exposure = background.Call, ledger.Known(price.MustUSD("-0.5"))
		return r
	}
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
		{"the same, too coarse to show", []ledger.Row{std, lateStd, one}, append(m("0.6"), next), reconcile.Config{Rounding: price.USD / 100}, ""},
		{"never named", []ledger.Row{ambiguous(noon, "m-two", "0.5")}, m("0.28"), reconcile.Config{}, ""},
		{"not of that day", []ledger.Row{std, ambiguous(noon.AddDate(0, 0, 5), "m-one", "0.5")}, m("0.28"), reconcile.Config{}, ""},
		{"told later", []ledger.Row{std, background, poll(noon.Add(time.Hour))}, m("0.56"), reconcile.Config{}, ""},
		{"told later, and another", []ledger.Row{std, background, poll(noon.Add(time.Hour)), one}, m("0.6"), reconcile.Config{}, "0.04 the_one"},
		{"told the next day", []ledger.Row{std, background, poll(noon.AddDate(0, 0, 1)), one}, append(m("0.56"), next), reconcile.Config{}, ""},
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

// The exposure that a row takes back on another day is that of the row that had it.
func TestBackgroundOfAnotherDay(t *testing.T) {
	parent := ambiguous(noon, "m-one", "0.5")
	parent.Outcome = policy.Billed
	poll := priced(noon.AddDate(0, 0, 1), "m-one", policy.Standard, small)
	poll.Parent, poll.Exposure = parent.Call, ledger.Known(price.MustUSD("-0.5"))
	b := bill(line(day1, "m-one, input", "0.28"), line(day2, "m-one, input", "0"))
	r := compare(t, b, reconcile.Config{}, parent, poll)
	for _, e := range r.Entries {
		if e.Exposure.Sign() != 0 || e.Unpriced != 0 {
			t.Errorf("%+v", e.Figures)
		}
	}
}

func TestBeyond(t *testing.T) {
	r := compare(t, bill(line(day1, "m-one, input", "0")), reconcile.Config{},
		priced(day0, "m-one", policy.Standard, small), priced(day0, "m-two", policy.Standard, small), priced(day2, "m-one", policy.Standard, small))
	if len(r.Beyond) != 2 || r.Beyond[0].Rows != 2 || r.Beyond[0].Ours.String() != "0.56" || r.Total.Rows != 0 {
		t.Errorf("%+v", r)
	}
}

func TestReportJSON(t *testing.T) {
	want := compare(t, bill(line(day1, "m-one, input", "0.4")), reconcile.Config{Provider: "openai"},
		priced(noon, "m-one", policy.Standard, small), ambiguous(noon, "m-one", "0.5"), priced(day0, "m-one", policy.Standard, small))
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got reconcile.Report
	if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(&got, want) {
		t.Errorf("%v: read back\n%+v, want\n%+v", err, &got, want)
	}
	if !strings.Contains(string(text), `"residual_usd":"0.12","tolerance_usd":"0.0000005"`) {
		t.Errorf("%s", text)
	}
}

// What comes from elsewhere does not break the table.
func TestReportText(t *testing.T) {
	b := bill(reconcile.Line{Day: day1, Model: "m\x1b[2J\none", Amount: 1})
	if text := compare(t, b, reconcile.Config{}).String(); strings.Contains(text, "\x1b") || strings.Contains(text, "\none") {
		t.Errorf("%q", text)
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

func TestApply(t *testing.T) {
	m := ledger.NewMemory(0)
	row := ambiguous(noon, "m-one", "0.5")
	m.Add(row)
	settled := []reconcile.Resolution{{Call: "nobody", Attempt: 1}, {Call: row.Call, Attempt: 1, Cost: 7}, {Call: "nobody", Attempt: 2}}
	err := (&reconcile.Report{Resolutions: settled}).Resolve(m)
	if err == nil || strings.Count(err.Error(), "nobody") < 2 {
		t.Errorf("errors %v, want one for each", err)
	}
	if got := m.Totals(); got.Exposure.Sign() != 0 || got.Cost.String() != "0.000000000007" {
		t.Errorf("%+v", got.Total)
	}
	rows := m.Rows()
	if i := slices.IndexFunc(rows, func(r ledger.Row) bool { return r.PriceID == ledger.BillPriceID }); i < 0 {
		t.Error("the row was not settled")
	}
	// Settled once, the attempt is known, and the bill is even.
	r := compare(t, &reconcile.Bill{Lines: []reconcile.Line{{Day: day1, Model: "m-one", Amount: 7}}}, reconcile.Config{Rounding: 1}, rows...)
	if r.Total.Residual.Sign() != 0 || len(r.Resolutions) != 0 {
		t.Errorf("%s", r)
	}
}
