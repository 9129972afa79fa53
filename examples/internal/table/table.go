// Package table prints tables of text and figures, for the examples.
//
//	table.Print(os.Stdout, 1, [][]string{
//		{"tier", "calls", "cost"},
//		{"flex", table.Count(170, ""), table.Dollars(ledger.Known(price.MustUSD("0.25")))},
//	})
package table

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/skinflint-go/skinflint/middleware/ledger"
)

// Print prints rows of cells, with two spaces between columns. The first text columns are aligned to the left. The others are
// figures, aligned to the right. A row may have fewer cells than others.
func Print(out io.Writer, text int, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			width := widths[i]
			if i < text {
				width = -width
			}
			fmt.Fprintf(&line, "%*s  ", width, cell)
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}

// Count returns a number with its unit, and nothing for zero.
func Count(n int64, unit string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n) + unit
}

// Dollars returns an amount with nine decimals, or with more if it has more; nothing for one that is not known.
func Dollars(a ledger.Amount) string {
	if !a.Known {
		return ""
	}
	return Decimals(a.String())
}

// Decimals returns an exact amount, such as "-0.25", as Dollars does: "-$0.250000000".
func Decimals(amount string) string {
	whole, fraction, _ := strings.Cut(amount, ".")
	sign := ""
	if rest, negative := strings.CutPrefix(whole, "-"); negative {
		sign, whole = "-", rest
	}
	return sign + "$" + whole + "." + fraction + strings.Repeat("0", max(0, 9-len(fraction)))
}
