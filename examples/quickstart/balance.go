package main

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/skinflint-go/skinflint/middleware"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/transport/llmtest"
)

// A summary is what -json prints. Money is in exact decimal strings.
type summary struct {
	Calls          int64  `json:"calls"`
	Attempts       int64  `json:"attempts"`
	Refused        int    `json:"refused"`         // attempts that the provider rejected
	Fallbacks      int    `json:"fallbacks"`       // calls that were then served on another tier
	BilledAttempts int    `json:"billed_attempts"` // by the ledger
	DoubleBilled   int    `json:"double_billed"`   // generations, by the meter, beyond one for each call
	Cost           string `json:"cost_usd"`
	List           string `json:"list_usd"` // the same usage on the standard tier, without caching
	Saved          string `json:"saved_usd"`
	Ledger         string `json:"ledger_usd"` // the sum of the ledger's rows
	Meter          string `json:"meter_usd"`  // the sum of the provider's meter, with prices that are not from the catalog
	Exposure       string `json:"exposure_usd"`
}

// balance compares the ledger with the provider's meter. It is an error if they differ by a picodollar.
func balance(stack *middleware.Stack, meter []llmtest.Generation) (summary, error) {
	totals := stack.Totals()
	s := summary{
		Calls: totals.Calls, Attempts: totals.Attempts,
		Cost: totals.Cost.String(), List: totals.List.String(), Saved: totals.Saved.String(), Exposure: totals.Exposure.String(),
	}
	ledgerSum := new(big.Rat)
	first := map[string]policy.Tier{}
	for _, row := range stack.Rows() {
		if row.Attempt == 1 {
			first[row.Call] = row.AskedTier
		}
		switch row.Outcome {
		case policy.Rejected:
			s.Refused++
		case policy.Billed:
			s.BilledAttempts++
			if row.AskedTier != first[row.Call] {
				s.Fallbacks++
			}
		}
		if err := addRow(ledgerSum, row); err != nil {
			return s, err
		}
	}
	meterSum, err := priceMeter(meter)
	if err != nil {
		return s, err
	}
	s.Ledger, s.Meter = decimal(ledgerSum), decimal(meterSum)
	s.DoubleBilled = doubleBilled(meter)
	switch {
	case ledgerSum.Cmp(meterSum) != 0:
		return s, fmt.Errorf("the ledger says $%s, the provider's meter $%s", s.Ledger, s.Meter)
	case s.DoubleBilled > 0:
		return s, fmt.Errorf("%d generations were billed twice", s.DoubleBilled)
	}
	return s, nil
}

// addRow adds the cost of a row to a sum.
func addRow(sum *big.Rat, row ledger.Row) error {
	cost, ok := new(big.Rat).SetString(row.Cost.String())
	if !ok {
		return fmt.Errorf("call %s, attempt %d: cost %s: %s", row.Call, row.Attempt, row.Cost, row.Unpriced)
	}
	sum.Add(sum, cost)
	return nil
}

// doubleBilled returns how many generations were billed for a prompt that was billed before.
func doubleBilled(meter []llmtest.Generation) (n int) {
	seen := map[string]bool{}
	for _, g := range meter {
		if seen[g.Call] {
			n++
		}
		seen[g.Call] = true
	}
	return n
}

// A rate is the price of a million tokens in dollars: input, cached input, output.
type rate struct{ input, cached, output string }

// rates are those of OpenAI's and Google's price pages of November 2026. They are written down here once more, so that the
// price of what the meter shows does not come from the library's catalog. The tiers have the providers' names.
var rates = map[string]rate{
	"gpt-5 flex":         {"0.625", "0.0625", "5"},
	"gpt-5 default":      {"1.25", "0.125", "10"},
	"gpt-5-mini flex":    {"0.125", "0.0125", "1"},
	"gpt-5-mini default": {"0.25", "0.025", "2"},
	"gpt-5-nano flex":    {"0.025", "0.0025", "0.2"},
	"gpt-5-nano default": {"0.05", "0.005", "0.4"},
	"o4-mini flex":       {"0.55", "0.138", "2.2"},
	"o4-mini default":    {"1.1", "0.275", "4.4"},
	"gpt-4o default":     {"2.5", "1.25", "10"},

	"gemini-2.5-pro flex":       {"0.625", "0.0625", "5"},
	"gemini-2.5-pro standard":   {"1.25", "0.125", "10"},
	"gemini-2.5-flash flex":     {"0.15", "0.015", "1.25"},
	"gemini-2.5-flash standard": {"0.3", "0.03", "2.5"},
}

// priceMeter returns what the generations cost in dollars.
func priceMeter(meter []llmtest.Generation) (*big.Rat, error) {
	sum := new(big.Rat)
	for _, g := range meter {
		r, ok := rates[g.Model+" "+g.Tier]
		if !ok {
			return nil, fmt.Errorf("no price for %s on tier %s", g.Model, g.Tier)
		}
		for _, part := range []struct {
			tokens int64
			price  string
		}{{g.Prompt - g.Cached, r.input}, {g.Cached, r.cached}, {g.Completion, r.output}} {
			price, ok := new(big.Rat).SetString(part.price)
			if !ok {
				return nil, fmt.Errorf("price %q of %s", part.price, g.Model)
			}
			sum.Add(sum, price.Mul(price, big.NewRat(part.tokens, 1_000_000)))
		}
	}
	return sum, nil
}

// decimal returns an amount of dollars as a decimal, exact to the picodollar.
func decimal(r *big.Rat) string {
	text := r.FloatString(12)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
