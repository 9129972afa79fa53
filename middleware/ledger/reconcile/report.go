package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A Report is the result of a comparison. Money is exact. It encodes as JSON.
type Report struct {
	Provider string  `json:"provider,omitzero"`
	Total    Figures `json:"total"`
	// Entries has one entry for each day that the bill covers and each model, by day and model.
	Entries []Entry `json:"entries"`
	// Resolutions are the costs of attempts of unknown cost that the bill establishes: see [Report.Resolve].
	Resolutions []Resolution `json:"settled"`
	// Beyond has the rows of days that the bill does not cover, by day. They are in no other figure.
	Beyond []Beyond `json:"beyond,omitzero"`
}

// Figures are what the bill says and what the rows say.
type Figures struct {
	Rows     int64     `json:"rows"`
	Billed   price.Sum `json:"billed_usd"`   // on the bill
	Ours     price.Sum `json:"ours_usd"`     // the known cost of the rows
	Reported price.Sum `json:"reported_usd"` // what the provider's answers said that they cost
	Exposure price.Sum `json:"exposure_usd"` // the most that the rows may have cost beyond Ours
	Unpriced int64     `json:"unpriced"`     // rows of unknown cost
	Residual price.Sum `json:"residual_usd"` // Billed minus Ours
}

// add adds other figures.
func (f *Figures) add(g *Figures) {
	f.Rows += g.Rows
	f.Billed.AddSum(g.Billed)
	f.Ours.AddSum(g.Ours)
	f.Reported.AddSum(g.Reported)
	f.Exposure.AddSum(g.Exposure)
	f.Unpriced += g.Unpriced
	f.Residual.AddSum(g.Residual)
}

// An Entry compares one day and model.
type Entry struct {
	Day time.Time `json:"day"` // midnight in UTC
	// Model is the model. It is empty for items of the bill that name no model, and if the bill has no items at all.
	Model string `json:"model,omitzero"`
	// Models are the names that rows and bill have for the model.
	Models []string `json:"models,omitzero"`
	Figures
	// Tolerance is how much of the residual can come from the rounding of the bill.
	Tolerance price.Sum `json:"tolerance_usd"`
	// Causes are the possible causes of the residual, the likeliest first. There are none if the residual is zero, or if the
	// figures support none.
	Causes []Cause `json:"causes,omitzero"`
}

// A Cause is a possible cause of a residual that the figures support.
type Cause struct {
	// Kind is the kind of the cause: rounding, prices, tier, regional, caching, tools, exposure, day_boundary, unpriced,
	// items, not_billed or elsewhere.
	Kind string `json:"kind"`
	// Explains is how much of the residual the cause can explain, with its sign. For prices, tier, regional, caching and tools
	// it is the exact amount, for the others the most.
	Explains price.Sum `json:"explains_usd"`
	// Covers says that the cause can explain the whole residual, up to the tolerance.
	Covers bool `json:"covers"`
	// Text describes the cause.
	Text string `json:"text"`
}

// The kinds of a [Cause].
const (
	causeRounding  = "rounding"     // the bill is rounded
	causePrices    = "prices"       // the bill agrees with what the answers reported, and not with our prices
	causeTier      = "tier"         // calls were billed at another tier than the answers said
	causeRegional  = "regional"     // a regional uplift that only we, or only the provider applied
	causeCaching   = "caching"      // cached tokens are billed as uncached ones
	causeTools     = "tools"        // tools are in our cost, and in separate lines of the bill
	causeExposure  = "exposure"     // attempts of unknown cost were billed
	causeMidnight  = "day_boundary" // calls near midnight are billed on the other day
	causeUnpriced  = "unpriced"     // rows whose cost has no bound
	causeItems     = "items"        // the bill has items without a model: tools, storage
	causeNotBilled = "not_billed"   // the bill has nothing of the model
	causeElsewhere = "elsewhere"    // calls that are not in the ledger
)

// causeKinds has the kinds in the order of their rank, among causes that cover the whole residual.
var causeKinds = [...]string{
	causeRounding, causePrices, causeTier, causeRegional, causeCaching, causeTools, causeExposure, causeMidnight, causeUnpriced,
	causeItems, causeNotBilled, causeElsewhere,
}

// A Resolution is the cost of an attempt of unknown cost, which the bill establishes.
type Resolution struct {
	Call    string    `json:"call"`
	Attempt int       `json:"attempt"`
	Day     time.Time `json:"day"` // midnight in UTC
	Model   string    `json:"model,omitzero"`
	// Cost is the whole cost of the attempt: what was known of it, and its share of the residual.
	Cost price.Pico `json:"cost_usd"`
	// Off is how much Cost can be wrong because the bill is rounded. It is one figure for all attempts of a day and model:
	// their costs together are not more wrong than that.
	Off price.Sum `json:"off_usd"`
	// Why is the rule. With nothing, the residual is zero, so nothing was billed beyond what is known. With the_one, there is
	// one such attempt, and the residual is between zero and the most that it can have cost. With everything, the residual is
	// the most that all such attempts together can have cost, so each of them has cost its most.
	Why string `json:"why"`
}

// A Beyond is a day that the bill does not cover.
type Beyond struct {
	Day      time.Time `json:"day"`
	Rows     int64     `json:"rows"`
	Ours     price.Sum `json:"ours_usd"`
	Exposure price.Sum `json:"exposure_usd"`
}

// Resolve gives the costs that the report has established to a ledger. It continues after an error, and returns all errors:
// one for each attempt that the ledger does not have, or that has no exposure any more.
func (r *Report) Resolve(to ledger.Resolver) error {
	var errs []error
	for i := range r.Resolutions {
		s := &r.Resolutions[i]
		if err := to.Resolve(s.Call, s.Attempt, s.Cost); err != nil {
			errs = append(errs, fmt.Errorf("reconcile: attempt %d of call %q: %w", s.Attempt, s.Call, err))
		}
	}
	return errors.Join(errs...)
}

// String returns the report as text: a table, the causes of each residual, the resolutions, and the days that the bill does
// not cover.
func (r *Report) String() string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "day\tmodel\tbilled\tours\treported\texposure\tunpriced\tresidual")
	line := func(day, model string, f *Figures) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", day, model, f.Billed, f.Ours, f.Reported, f.Exposure, f.Unpriced, f.Residual)
	}
	for i := range r.Entries {
		e := &r.Entries[i]
		line(e.Day.Format(time.DateOnly), e.name(), &e.Figures)
	}
	line("total", "", &r.Total)
	w.Flush() // writing to a Buffer does not fail
	for i := range r.Entries {
		e := &r.Entries[i]
		if e.Residual.Sign() == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n%s %s: residual $%s\n", e.Day.Format(time.DateOnly), e.name(), e.Residual)
		for _, cause := range e.Causes {
			fmt.Fprintf(&b, "  %s: %s\n", cause.Kind, cause.Text)
		}
		if len(e.Causes) == 0 {
			b.WriteString("  no cause was found\n")
		}
	}
	if len(r.Resolutions) > 0 {
		b.WriteString("\nsettled by the bill:\n")
	}
	for _, s := range r.Resolutions {
		fmt.Fprintf(&b, "  %s attempt %d: $%s (%s)\n", printable(s.Call), s.Attempt, s.Cost, s.Why)
	}
	if len(r.Beyond) > 0 {
		b.WriteString("\nnot on the bill:\n")
	}
	for _, d := range r.Beyond {
		fmt.Fprintf(&b, "  %s: %s, $%s\n", d.Day.Format(time.DateOnly), count(d.Rows, "row"), d.Ours)
	}
	return b.String()
}

// name returns the model for the table.
func (e *Entry) name() string {
	if e.Model == "" {
		return "-"
	}
	return printable(e.Model)
}

// printable replaces the characters that could break a line of the table.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, s)
}

// count returns "1 row" or "2 rows".
func count(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
