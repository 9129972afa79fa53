package reconcile

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/skinflint-go/skinflint/policy/price"
)

// A Report is what came of a comparison. Money is exact.
type Report struct {
	Provider string  `json:"provider,omitzero"`
	Total    Figures `json:"total"`
	// Entries are one for each day that the bill is about and each model, by day and model.
	Entries []Entry `json:"entries"`
	// Settled is what attempts of unknown cost have cost, as far as the bill tells: see [Resolution] and [Apply].
	Settled []Resolution `json:"settled"`
	// Beyond are the rows of days that the bill is not about, by day. They are in no other figure.
	Beyond []Beyond `json:"beyond,omitzero"`
}

// Figures are what the bill says and what we say.
type Figures struct {
	Rows     int64     `json:"rows"`
	Billed   price.Sum `json:"billed_usd"`   // by the provider
	Ours     price.Sum `json:"ours_usd"`     // the known cost of our rows
	Reported price.Sum `json:"reported_usd"` // what the answers themselves said that is charged
	Exposure price.Sum `json:"exposure_usd"` // what our rows may cost beyond, at most
	Unpriced int64     `json:"unpriced"`     // rows whose cost is unknown
	Residual price.Sum `json:"residual_usd"` // Billed less Ours
}

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
	// Model is what the entry is of. It is none for the items of the bill that name no model, and where the bill names
	// no items at all.
	Model string `json:"model,omitzero"`
	// Models are the names that rows and bill have for it.
	Models []string `json:"models,omitzero"`
	Figures
	// Tolerance is how much of the residual the bill's rounding can be.
	Tolerance price.Sum `json:"tolerance_usd"`
	// Causes are what may be the cause of the residual, the likeliest first. There are none if it is zero, nor if the
	// figures bear none out.
	Causes []Cause `json:"causes,omitzero"`
}

// A Beyond is of a day that the bill is not about.
type Beyond struct {
	Day      time.Time `json:"day"`
	Rows     int64     `json:"rows"`
	Ours     price.Sum `json:"ours_usd"`
	Exposure price.Sum `json:"exposure_usd"`
}

// report puts the report together.
func (c *comparison) report() *Report {
	r := &Report{Provider: c.opt.Provider, Entries: []Entry{}, Settled: []Resolution{}}
	for _, k := range c.sorted() {
		g := c.groups[k]
		g.Residual = g.residual()
		if !c.covered[k.day] {
			if n := len(r.Beyond); n == 0 || !r.Beyond[n-1].Day.Equal(k.day.begin()) {
				r.Beyond = append(r.Beyond, Beyond{Day: k.day.begin()})
			}
			b := &r.Beyond[len(r.Beyond)-1]
			b.Rows += g.Rows
			b.Ours.AddSum(g.Ours)
			b.Exposure.AddSum(g.Exposure)
			continue
		}
		r.Total.add(&g.Figures)
		r.Entries = append(r.Entries, Entry{
			k.day.begin(), k.model, slices.Sorted(maps.Keys(g.models)), g.Figures, c.tolerance(g), c.causes(k, g),
		})
		r.Settled = append(r.Settled, c.resolve(k, g)...)
	}
	return r
}

// String is the report as WriteTo writes it.
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
	w.Flush() // a Buffer takes everything
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
	if len(r.Settled) > 0 {
		b.WriteString("\nsettled by the bill:\n")
	}
	for _, s := range r.Settled {
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

// WriteTo writes the report as text: a table, the causes of each residual, what is settled, and the days that the bill is
// not about. It implements [io.WriterTo].
func (r *Report) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, r.String())
	return int64(n), err
}

// name is the model for the table.
func (e *Entry) name() string {
	if e.Model == "" {
		return "-"
	}
	return printable(e.Model)
}

// printable is the text without what could break a line of the table.
func printable(s string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return '?'
		}
		return c
	}, s)
}
