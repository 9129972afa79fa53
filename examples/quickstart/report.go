package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// printReport prints a line for each call, and what it all came to.
func printReport(out io.Writer, rows []ledger.Row, sum summary) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "call\tmodel\ttiers\ttokens in\tcached\tout\twaited\tcost\tlist\t")
	fmt.Fprintln(w, "----\t-----\t-----\t---------\t------\t---\t------\t----\t----\t")
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].Call == rows[0].Call {
			n++
		}
		printCall(w, rows[:n])
		rows = rows[n:]
	}
	w.Flush()
	fmt.Fprintf(out, "\n%d calls, %d attempts: %d refused and not billed, %d calls fell back, %d billed, %d billed twice.\n",
		sum.Calls, sum.Attempts, sum.Refused, sum.Fallbacks, sum.BilledAttempts, sum.DoubleBilled)
	fmt.Fprintf(out, "Paid $%s for what lists at $%s: saved $%s, beside what the provider's own cache took off.\n", sum.Cost, sum.List, sum.Saved)
	fmt.Fprintf(out, "The ledger says   $%s\nThe meter says    $%s\n", sum.Ledger, sum.Meter)
}

// printCall prints the line of a call, given its attempts.
func printCall(w io.Writer, attempts []ledger.Row) {
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
	fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%d\t%s\t$%s\t$%s\t\n", what, last.Model, strings.Join(tiers, " > "),
		last.Usage.Input, blank(last.Usage.CachedInput, ""), last.Usage.Output, blank(waited, " ms"), last.Cost, last.List)
}

// blank returns nothing for zero.
func blank(n int64, unit string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n) + unit
}
