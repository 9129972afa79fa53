package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// writeTables prints tables that are also Markdown. absent says that there is no recorded trace.
func writeTables(out io.Writer, results []result, absent bool) error {
	var b strings.Builder
	if absent {
		fmt.Fprintf(&b, "%s is not there: only generated traces, which are all of what follows\n\n", conversations)
	}
	b.WriteString("input cost over that without caches; share: saved by ours, of what hindsight saves; bound: no policy costs less\n")
	for i := range results {
		r := &results[i]
		fmt.Fprintf(&b, "\n%s: explicit caches, %d requests\n\n", r.name, len(r.requests))
		writeExplicit(&b, r)
		fmt.Fprintf(&b, "\n%s: priced writes; share: saved by ours, of what the clairvoyant saves\n\n", r.name)
		writeWrites(&b, r)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func writeExplicit(b *strings.Builder, r *result) {
	head := []string{"model", "time", "implicit", "create"}
	for _, s := range simple {
		head = append(head, s.name)
	}
	head = append(head, "ours", "hindsight", "bound", "share", "caches")
	lines := [][]string{head, aligned(head, 4)}
	for k := range r.explicit {
		row := r.explicit[k].row(r.name)
		line := []string{row.Model, scaleName(row.Scale), fmt.Sprintf("%d %%", row.Implicit), row.Create}
		for _, s := range simple {
			line = append(line, thousandths(row.Simple[s.name]))
		}
		lines = append(lines, append(line, thousandths(row.Ours), thousandths(row.Hindsight), thousandths(row.Bound),
			hundredths(row.Share), strconv.Itoa(row.Created)))
	}
	bench.Align(b, lines)
}

func writeWrites(b *strings.Builder, r *result) {
	head := []string{"product", "time", "never", "always", "ours", "clairvoyant", "share"}
	lines := [][]string{head, aligned(head, 2)}
	for k := range r.writes {
		row := r.writes[k].row(r.name)
		lines = append(lines, []string{row.Product, scaleName(row.Scale), thousandths(1), thousandths(row.Always),
			thousandths(row.Ours), thousandths(row.Clairvoyant), hundredths(row.Share)})
	}
	bench.Align(b, lines)
}

// aligned is the second line of a table, whose first columns are text.
func aligned(head []string, text int) []string {
	line := make([]string, len(head))
	for i := range line {
		line[i] = "-:"
		if i < text {
			line[i] = ":-"
		}
	}
	return line
}

func scaleName(scale float64) string { return fmt.Sprintf("x%g", scale) }

func thousandths(x float64) string { return fmt.Sprintf("%.3f", x) }

func hundredths(x float64) string { return fmt.Sprintf("%.2f", x) }
