package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/skinflint-go/skinflint/examples/internal/table"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// printReport prints a line for each call, and the sums.
func printReport(out io.Writer, rows []ledger.Row, sum summary) {
	t := [][]string{{"call", "model", "tiers", "in", "cached", "out", "waited", "cost", "list"}}
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].Call == rows[0].Call {
			n++
		}
		t = append(t, line(rows[:n]))
		rows = rows[n:]
	}
	table.Print(out, 3, t)
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
		what, last.Model, strings.Join(tiers, " > "), table.Count(last.Usage.Input, ""), table.Count(last.Usage.CachedInput, ""),
		table.Count(last.Usage.Output, ""), table.Count(waited, " ms"), table.Dollars(last.Cost), table.Dollars(last.List),
	}
}
