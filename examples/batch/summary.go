package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/skinflint-go/skinflint/examples/internal/table"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A summary is what -json prints. Lines = Done + Resumed + Failed + Skipped + Left. The other figures are those of the whole
// batch, with its earlier runs. Money is in exact decimal strings.
type summary struct {
	Lines     int `json:"lines"`
	Done      int `json:"done"`       // answered in this run
	Resumed   int `json:"resumed"`    // answered in earlier runs
	Failed    int `json:"failed"`     // with an error in the output
	MaybePaid int `json:"maybe_paid"` // of the failed ones, those that may have been paid for
	Skipped   int `json:"skipped"`    // no valid requests
	Left      int `json:"left"`       // for another run

	BudgetRefused int `json:"budget_refused"` // of those that are left

	Calls          int64           `json:"calls"`
	Attempts       int64           `json:"attempts"`
	Refused        int64           `json:"refused"` // attempts that the provider rejected
	Fallbacks      int64           `json:"fallbacks"`
	BilledAttempts int64           `json:"billed_attempts"`
	Cost           price.Sum       `json:"cost_usd"`
	List           price.Sum       `json:"list_usd"`
	Saved          price.Sum       `json:"saved_usd"`
	Exposure       price.Sum       `json:"exposure_usd"`
	Unpriced       int64           `json:"unpriced"`   // attempts whose cost is not known
	Ledger         price.Sum       `json:"ledger_usd"` // the sum of the rows in the ledger's files
	Tiers          map[string]tier `json:"tiers"`

	// Of the simulated provider, in this run.
	Meter        *price.Sum `json:"meter_usd,omitempty"`
	DoubleBilled *int       `json:"double_billed,omitempty"`
}

// A tier is what was served on a tier.
type tier struct {
	Lines int       `json:"lines"` // answered
	Calls int64     `json:"calls"` // that ended on it
	Cost  price.Sum `json:"cost_usd"`
	List  price.Sum `json:"list_usd"`
	Saved price.Sum `json:"saved_usd"`
}

// sumUp sums up a run that has ended. If the ledger is not safe, its files need not have all rows.
func (b *batch) sumUp(ctx context.Context, r *run, safe bool) (s summary, err error) {
	t, c := &b.tally, &r.counted
	s = summary{
		Lines: t.lines, Done: c.done, Resumed: t.resumed, Failed: t.failed + t.unclear + c.failed, MaybePaid: t.unclear + c.unclear,
		Skipped: t.broken, Left: t.todo + t.paid - c.done - c.failed, BudgetRefused: c.refused, Tiers: map[string]tier{},
	}
	totals := b.account.totals.Totals()
	s.Calls, s.Attempts, s.Unpriced = totals.Calls, totals.Attempts, totals.Unpriced
	s.Cost, s.List, s.Saved, s.Exposure = totals.Cost, totals.List, totals.Saved, totals.Exposure
	s.addTiers(&totals, t.tiers, c.tiers)
	rows, err := b.account.count(ctx, b.set.name)
	if err != nil {
		return s, err
	}
	s.Refused, s.Fallbacks, s.BilledAttempts, s.Ledger = rows.rejected, rows.fallbacks, rows.billed, rows.sum
	if safe && s.Ledger != s.Cost {
		return s, fmt.Errorf("the ledger's files say $%s, and the totals $%s", s.Ledger, s.Cost)
	}
	if b.provider != nil {
		m, err := readMeter(b.provider)
		if err != nil {
			return s, err
		}
		s.Meter, s.DoubleBilled = &m.cost, &m.double
	}
	return s, nil
}

// addTiers adds the tiers with what was spent on them, and with the lines that were answered on them.
func (s *summary) addTiers(totals *ledger.Totals, lines ...map[policy.Tier]int) {
	for name, group := range totals.By {
		if name, ok := strings.CutPrefix(name, "tier:"); ok && (group.Cost.Sign() != 0 || group.List.Sign() != 0 || group.Saved.Sign() != 0) {
			s.Tiers[name] = tier{0, group.Calls, group.Cost, group.List, group.Saved}
		}
	}
	for _, lines := range lines {
		for name, n := range lines {
			name := cmp.Or(string(name), ledger.NoGroup)
			t := s.Tiers[name]
			t.Lines += n
			s.Tiers[name] = t
		}
	}
}

// exitCode returns the exit code of a run that ended for a reason; nil if it came to its end.
func (s *summary) exitCode(why error) int {
	switch {
	case errors.Is(why, errInterrupted):
		return exitInterrupted
	case errors.Is(why, errBudget):
		return exitBudget
	case why != nil || s.Failed+s.Skipped+s.Left > 0:
		return exitFailed
	}
	return exitDone
}

func (s *summary) write(out io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(out).Encode(s)
	}
	s.print(out)
	return nil
}

// print prints the summary as tables.
func (s *summary) print(out io.Writer) {
	rows := [][]string{{"lines", fmt.Sprint(s.Lines)}}
	for _, r := range []struct {
		name  string
		count int
	}{
		{"  answered", s.Done}, {"  answered in earlier runs", s.Resumed}, {"  failed", s.Failed}, {"    may have been paid for", s.MaybePaid},
		{"  skipped, as no valid requests", s.Skipped}, {"  left for another run", s.Left}, {"    refused by the budget", s.BudgetRefused},
	} {
		if r.count > 0 {
			rows = append(rows, []string{r.name, fmt.Sprint(r.count)})
		}
	}
	rows = append(rows, []string{"attempts", fmt.Sprint(s.Attempts)}, []string{"  rejected at no cost", fmt.Sprint(s.Refused)},
		[]string{"  billed", fmt.Sprint(s.BilledAttempts)}, []string{"calls that fell back to another tier", fmt.Sprint(s.Fallbacks)})
	table.Print(out, 1, rows)
	fmt.Fprintln(out)

	s.printTiers(out)
	if s.Exposure.Sign() > 0 {
		fmt.Fprintf(out, "\nAttempts without an answer may have cost up to $%s more.\n", s.Exposure)
	}
	if s.Unpriced > 0 {
		fmt.Fprintf(out, "\nThe cost of %d attempts is not known; the ledger says why.\n", s.Unpriced)
	}
	if s.Meter != nil {
		fmt.Fprintf(out, "\nThe simulated provider has billed $%s in this run, and %d requests twice.\n", s.Meter, *s.DoubleBilled)
	}
}

// printTiers prints what each tier has answered, and what it cost. Each line of the input is in one row, and so is all money.
func (s *summary) printTiers(out io.Writer) {
	rows := [][]string{{"tier", "lines", "cost", "list", "saved"}}
	for _, name := range slices.Sorted(maps.Keys(s.Tiers)) {
		t := s.Tiers[name]
		rows = append(rows, []string{name, fmt.Sprint(t.Lines), dollars(t.Cost), dollars(t.List), dollars(t.Saved)})
	}
	for _, r := range []struct {
		name  string
		lines int
	}{{"no answer: failed", s.Failed}, {"no answer: skipped", s.Skipped}, {"no answer: left", s.Left}} {
		if r.lines > 0 {
			rows = append(rows, []string{r.name, fmt.Sprint(r.lines), "", "", ""})
		}
	}
	rows = append(rows, []string{"all", fmt.Sprint(s.Lines), dollars(s.Cost), dollars(s.List), dollars(s.Saved)})
	table.Print(out, 1, rows)
}

func dollars(s price.Sum) string { return table.Decimals(s.String()) }
