package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// A table is rows of cells. The first three columns are text, aligned to the left. The others are figures, aligned to the
// right.
type table [][]string

func (t table) print(out io.Writer) {
	widths := make([]int, len(t[0]))
	for _, row := range t {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for _, row := range t {
		var line strings.Builder
		for i, cell := range row {
			width := widths[i]
			if i < 3 {
				width = -width
			}
			fmt.Fprintf(&line, "%*s  ", width, cell)
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}

// printReport prints a line for each call, and the sums.
func printReport(out io.Writer, rows []ledger.Row, sum summary) {
	t := table{{"call", "model", "tiers", "in", "cached", "out", "waited", "cost", "list"}}
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].Call == rows[0].Call {
			n++
		}
		t = append(t, line(rows[:n]))
		rows = rows[n:]
	}
	t.print(out)
	fmt.Fprintf(out, "\n%d calls, %d attempts: %d rejected at no cost, %d calls fell back, %d billed, %d billed twice.\n",
		sum.Calls, sum.Attempts, sum.Refused, sum.Fallbacks, sum.BilledAttempts, sum.DoubleBilled)
	fmt.Fprintf(out, "Paid $%s for what lists at $%s: saved $%s, not counting the provider's own cache discount.\n", sum.Cost, sum.List, sum.Saved)
	fmt.Fprintf(out, "The ledger says $%s. The provider's meter says $%s. Neither includes the storage of context caches.\n", sum.Ledger, sum.Meter)
}

// line returns the cells of a call, from the rows of its attempts.
func line(attempts []ledger.Row) []string {
	last := attempts[len(attempts)-1]
	var tiers []string
	var waited int64
	for _, a := range attempts {
		step := string(a.AskedTier)
		if a.Outcome == policy.Billed {
			step = string(a.ServedTier)
		} else {
			step += " (" + string(a.Reason) + ")"
		}
		tiers = append(tiers, step)
		waited += a.WaitMS
	}
	what := last.Tags["what"]
	if last.Stream {
		what += " ~"
	}
	return []string{
		what, last.Model, strings.Join(tiers, " > "), count(last.Usage.Input, ""), count(last.Usage.CachedInput, ""),
		count(last.Usage.Output, ""), count(waited, " ms"), dollars(last.Cost), dollars(last.List),
	}
}

// count returns a number with its unit, and nothing for zero.
func count(n int64, unit string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n) + unit
}

// dollars returns an amount with nine decimals, or with more if it has more.
func dollars(a ledger.Amount) string {
	whole, fraction, _ := strings.Cut(a.String(), ".")
	return "$" + whole + "." + fraction + strings.Repeat("0", max(0, 9-len(fraction)))
}
