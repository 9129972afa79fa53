package budget_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/budget"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

func TestErrorText(t *testing.T) {
	nightly := policy.Budget{Name: "nightly", Per: []string{"tag:tenant"}, Window: 24 * time.Hour, Cap: usd("25"), CheapestPercent: 90}
	monthly := policy.Budget{Name: "monthly", Every: policy.EveryMonth, Zone: "Europe/Berlin", Cap: usd("25")}
	for name, test := range map[string]struct {
		budget      policy.Budget
		spent, held string
		ask         budget.Ask
		err         error
		want        string
	}{
		"spent": {
			budget: nightly, spent: "24.81", held: "0.1", ask: budget.Ask{Most: ledger.Known(usd("0.25")), Cheapest: true},
			want: "budget nightly (tenant acme): $24.81 spent and $0.1 held of $25 in 24h; it can cost $0.25; room for it frees at 2026-12-02T09:12:00Z: " +
				"wait until then, lower what it can cost, or raise the cap",
		},
		"spent in a month": {
			budget: monthly, spent: "24.81", held: "0", ask: budget.Ask{Most: ledger.Known(usd("0.25"))},
			want: "budget monthly: $24.81 spent and $0 held of $25 each month in Europe/Berlin; it can cost $0.25; room for it frees at 2026-12-31T23:00:00Z: " +
				"wait until then, lower what it can cost, or raise the cap",
		},
		"held": {
			budget: nightly, spent: "20", held: "4.9", ask: budget.Ask{Most: ledger.Known(usd("0.25")), Cheapest: true}, err: context.DeadlineExceeded,
			want: "budget nightly (tenant acme): $20 spent and $4.9 held of $25 in 24h; it can cost $0.25; others hold what it needs; room for it frees at 2026-12-02T09:12:00Z: " +
				"context deadline exceeded: wait longer, send fewer at once, or raise the cap",
		},
		"held, and nothing spent": {
			budget: nightly, spent: "0", held: "24.9", ask: budget.Ask{Most: ledger.Known(usd("0.25")), Cheapest: true},
			want: "budget nightly (tenant acme): $0 spent and $24.9 held of $25 in 24h; it can cost $0.25; others hold what it needs: wait longer, send fewer at once, or raise the cap",
		},
		"more than the cap": {
			budget: monthly, spent: "1", held: "0", ask: budget.Ask{Most: ledger.Known(usd("26"))},
			want: "budget monthly: it can cost $26, and the cap is $25 each month in Europe/Berlin: lower what it can cost, such as its max_completion_tokens or max_tokens, or raise the cap",
		},
		"only the cheapest": {
			budget: nightly, spent: "22.5", held: "0", ask: budget.Ask{Most: ledger.Known(usd("0.25"))},
			want: "budget nightly (tenant acme): $22.5 spent and $0 held of $25 in 24h; it asks for a tier that is not the cheapest of its plan: " +
				"ask for the cheapest tier, or raise the cap, or the share of it from which only that tier is asked for",
		},
		"no bound": {
			budget: nightly, spent: "0", held: "0", ask: budget.Ask{NoBound: "the model has no price"},
			want: "budget nightly (tenant acme): it is not known what it can cost at most: the model has no price: " +
				"change the request so that its cost has a bound, or leave it out of the budget's match",
		},
		"no reason for that": {
			budget: nightly, spent: "0", held: "0",
			want: "budget nightly (tenant acme): it is not known what it can cost at most: the caller does not say why: " +
				"change the request so that its cost has a bound, or leave it out of the budget's match",
		},
		"in front": { // nothing is in its way but others that came before it
			budget: nightly, spent: "1", held: "0", ask: budget.Ask{Most: ledger.Known(usd("2"))}, err: context.Canceled,
			want: "budget nightly (tenant acme): $1 spent and $0 held of $25 in 24h; it can cost $2; others that wait for money came before it: " +
				"context canceled: wait longer, send fewer at once, or raise the cap",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := budget.New([]policy.Budget{test.budget})
			a.Spend(start, row("1", "acme", test.spent, start))
			r := refs(a, "acme")
			a.Hold(start, r, usd(test.held))
			e := a.Explain(start, r, &test.ask, test.err)
			if e == nil || e.Error() != test.want {
				t.Errorf("\n %v\nwant\n %s", e, test.want)
			}
			if !errors.Is(e, test.err) && test.err != nil {
				t.Errorf("it does not wrap %v", test.err)
			}
		})
	}
}

func TestNoticeText(t *testing.T) {
	state := budget.State{Budget: policy.Budget{Name: "nightly", Window: 90 * time.Minute, Cap: usd("25")}, Key: "tenant acme", Spent: usd("26")}
	for kind, want := range map[budget.Kind]string{
		budget.Warned:    "budget nightly (tenant acme): $26 spent of $25 in 1h30m, which is 80% of the cap or more",
		budget.Exceeded:  "budget nightly (tenant acme): $26 spent of $25 in 1h30m: attempt 2 of call 01K is beyond the cap: it cost more than was held for it; nothing more is admitted until enough has left the window",
		budget.Unknown:   "budget nightly (tenant acme): $26 spent of $25 in 1h30m, and it is not known what attempt 2 of call 01K added to it: its cost has no bound, and nothing was held for it",
		budget.Forgotten: "budget: more than 65536 attempts have an exposure: those of older ones count until they leave the window, also beside a later row that replaces them",
		budget.Omitted:   "budget: 3 more notices",
	} {
		if got := (budget.Notice{Kind: kind, State: state, Call: "01K", Attempt: 2, Count: 3, Why: "it cost more than was held for it"}).String(); got != want {
			t.Errorf("\n %s\nwant\n %s", got, want)
		}
	}
}

func TestWindowText(t *testing.T) {
	for want, b := range map[string]policy.Budget{
		"in 1m":                      {Window: time.Minute},
		"in 1h30m":                   {Window: 90 * time.Minute},
		"in 24h":                     {Window: 24 * time.Hour},
		"in 25h":                     {Window: 25 * time.Hour},
		"in 7 days":                  {Window: 7 * 24 * time.Hour},
		"in 366 days":                {Window: 366 * 24 * time.Hour},
		"each day":                   {Every: policy.EveryDay},
		"each week in Europe/Berlin": {Every: policy.EveryWeek, Zone: "Europe/Berlin"},
	} {
		if got := budget.WindowText(&b); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
