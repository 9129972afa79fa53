package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/skinflint-go/skinflint/examples/internal/table"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A summary is what a run has shown.
type summary struct {
	// Requests: those that reached the provider in the first part, and the most that the limit admits in that time.
	Admitted int `json:"admitted"`
	Limit    int `json:"limit"`

	// The budget at the end, from Redis: what was spent for certain, what is held for calls under way, and what may have been
	// charged in addition.
	Spent    price.Pico `json:"spent_usd"`
	Held     price.Pico `json:"held_usd"`
	Exposure price.Pico `json:"exposure_usd"`
	Cap      price.Pico `json:"cap_usd"`
	Meter    price.Pico `json:"meter_usd"` // what the provider bills

	// The largest sum of the first three at once, of so many samples. Unknown counts the times that Redis did not answer.
	Most    price.Pico `json:"most_usd"`
	Samples int        `json:"samples"`
	Unknown int        `json:"samples_unknown"`

	LedgerSpent    price.Sum `json:"ledger_usd"`
	LedgerExposure price.Sum `json:"ledger_exposure_usd"`
	LedgerRows     int       `json:"ledger_rows"`
	LedgerOpen     int       `json:"ledger_open"` // rows of attempts whose end is not known

	Workers int     `json:"workers"` // at once
	Killed  int     `json:"killed"`
	Down    float64 `json:"redis_down_seconds"`
	Seconds float64 `json:"seconds"` // that both parts took

	Sent             int `json:"sent"` // requests of both parts that reached the provider, and the most that the limit admits in their time
	SentLimit        int `json:"sent_limit"`
	ProviderRejected int `json:"provider_rejected"` // because of the provider's own limits

	// Calls of all workers. A killed worker's are those that it had reported.
	Calls         int   `json:"calls"`
	Answered      int   `json:"answered"`
	Shared        int64 `json:"admitted_by_share"` // while Redis was away
	RefusedBudget int   `json:"refused_budget"`    // it was spent
	RefusedDown   int   `json:"refused_down"`      // while Redis was away
	RefusedLimit  int   `json:"refused_limit"`
	Failed        int   `json:"failed"`
}

// summarize reads the figures when all workers have ended.
func (f *fleet) summarize(ctx context.Context) (s summary, err error) {
	seen, state := f.watch.result()
	meter, err := priceMeter(f.provider.Meter())
	if err = errors.Join(err, seen.err); err != nil {
		return s, err
	}
	s = summary{
		Admitted: f.admitted, Limit: f.agreement.allowed(f.first), Sent: len(f.provider.Requests()), SentLimit: f.agreement.allowed(f.all),
		Spent: state.Spent - state.Exposure, Held: state.Held, Exposure: state.Exposure, Cap: f.agreement.Cap, Meter: meter,
		Most: seen.most, Samples: seen.samples, Unknown: seen.unknown,
		Workers: f.settings.workers, Down: f.hung.Seconds(), Seconds: f.all.Seconds(),
	}
	for _, n := range f.provider.Admissions().Rejected {
		s.ProviderRejected += n
	}
	for _, w := range f.workers {
		if w.killed {
			s.Killed++
		}
		c := w.counts()
		s.Calls, s.Answered, s.Shared = s.Calls+c.Calls, s.Answered+c.Answered, s.Shared+c.Shared
		s.RefusedBudget, s.RefusedDown, s.RefusedLimit = s.RefusedBudget+c.RefusedBudget, s.RefusedDown+c.RefusedDown, s.RefusedLimit+c.RefusedLimit
		s.Failed += c.Failed
	}
	return s, s.readLedger(ctx, f.rows)
}

// readLedger adds up the ledger.
func (s *summary) readLedger(ctx context.Context, rows ledger.Scanner) error {
	for _, filter := range []ledger.Filter{{}, {Outcome: policy.Open}} {
		for row, err := range rows.Scan(ctx, filter) {
			if err != nil {
				return fmt.Errorf("the ledger: %w", err)
			}
			if row.Outcome == policy.Open {
				s.LedgerOpen++
				continue
			}
			s.LedgerRows++
			s.LedgerSpent.Add(row.Cost.Pico)
			s.LedgerExposure.Add(row.Exposure.Pico)
		}
	}
	return nil
}

// broken returns the promises that were not kept.
func (s *summary) broken() (list []string) {
	promise := func(kept bool, format string, args ...any) {
		if !kept {
			list = append(list, fmt.Sprintf(format, args...))
		}
	}
	promise(s.Samples > 0, "the budget was never seen")
	promise(s.Most <= s.Cap, "at one time $%s were spent, held and exposed, of $%s", s.Most, s.Cap)
	promise(s.Spent >= s.Cap*8/10, "$%s were spent, less than 80 %% of $%s", s.Spent, s.Cap)
	promise(s.Held == 0, "$%s are still held", s.Held)
	promise(s.Exposure > 0, "what the killed worker held has not become exposure")
	promise(s.Meter <= s.Spent+s.Exposure, "the provider bills $%s, and $%s are spent and $%s exposed", s.Meter, s.Spent, s.Exposure)
	ledgerMost := s.LedgerSpent
	ledgerMost.AddSum(s.LedgerExposure)
	var meter price.Sum
	meter.Add(s.Meter)
	promise(meter.Cmp(ledgerMost) <= 0, "the provider bills $%s, and the ledger has $%s", s.Meter, ledgerMost)
	promise(s.LedgerOpen == 0, "the ledger has %d rows whose end is not known", s.LedgerOpen)
	promise(s.Admitted <= s.Limit, "%d requests were sent in the first part, and the limit admits %d", s.Admitted, s.Limit)
	promise(s.Sent <= s.SentLimit, "%d requests were sent, and the limit admits %d", s.Sent, s.SentLimit)
	promise(s.ProviderRejected == 0, "the provider's own limits rejected %d requests", s.ProviderRejected)
	promise(s.Failed == 0, "%d calls failed", s.Failed)
	return list
}

// unreached returns the goal that was not reached; "" if it was. It is no promise, because it also depends on how busy the
// machine is.
func (s *summary) unreached() string {
	if s.Admitted*100 >= s.Limit*95 {
		return ""
	}
	return fmt.Sprintf("%d requests were sent in the first part, less than 95 %% of the %d that the limit admits", s.Admitted, s.Limit)
}

// print prints the summary as tables.
func (s *summary) print(out io.Writer) error {
	share := func(n, of float64) string { return fmt.Sprintf("%.1f %%", 100*n/of) }
	count := func(n int) string { return fmt.Sprint(n) }
	table.Print(out, 1, [][]string{
		{"limit", "requests", "at most", ""},
		{"first part", count(s.Admitted), count(s.Limit), share(float64(s.Admitted), float64(s.Limit))},
		{"both parts", count(s.Sent), count(s.SentLimit), share(float64(s.Sent), float64(s.SentLimit))},
	})
	dollars := func(p price.Pico) string { return table.Decimals(p.String()) }
	money := func(what string, p price.Pico) []string {
		return []string{what, dollars(p), share(float64(p), float64(s.Cap))}
	}
	fmt.Fprintln(out)
	table.Print(out, 1, [][]string{
		{"budget", "amount", "of the cap"},
		money("cap", s.Cap),
		money("spent", s.Spent),
		money("held", s.Held),
		money("exposed", s.Exposure),
		money("most at once", s.Most),
		money("provider's meter", s.Meter),
		{"ledger, spent", table.Decimals(s.LedgerSpent.String())},
		{"ledger, exposed", table.Decimals(s.LedgerExposure.String())},
	})
	fmt.Fprintf(out, "\n%d workers, %d killed. Redis hung for %.1f s, and %d attempts were admitted by the workers' shares meanwhile.\n",
		s.Workers, s.Killed, s.Down, s.Shared)
	_, err := fmt.Fprintf(out, "%d calls in %.1f s: %d answered; %d refused because the budget was spent, %d because Redis was away, %d by the limit.\n",
		s.Calls, s.Seconds, s.Answered, s.RefusedBudget, s.RefusedDown, s.RefusedLimit)
	return err
}
