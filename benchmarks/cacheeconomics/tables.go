package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/policy/price"
)

// writeTables prints tables that are also Markdown. absent says that there is no recorded trace.
func writeTables(out io.Writer, results []result, absent bool) error {
	var b strings.Builder
	if absent {
		b.WriteString(noTrace)
	}
	b.WriteString(legend)
	for i := range results {
		r := &results[i]
		fmt.Fprintf(&b, "\n%s: explicit caches, %d requests\n\n", r.name, len(r.requests))
		writeExplicit(&b, r)
		fmt.Fprintf(&b, "\n%s: priced writes; share: saved by ours, of what the clairvoyant saves\n\n", r.name)
		writeWrites(&b, r)
	}
	writeConclusion(&b, results)
	_, err := io.WriteString(out, b.String())
	return err
}

// noTrace is printed first if there is no recorded trace.
const noTrace = "Only generated traces are measured, because the recorded one is not present. -trace FILE measures one of yours.\n\n"

const legend = `A figure is the cost of all input over its cost without caches: 0.9 is a tenth less.

time       x0.1: the requests come ten times as fast as in the trace; x10: ten times as slowly
implicit   how many of 100 repeated prefixes the provider caches by itself
create     before: the call waits for the cache and reads it; beside: the cache is for later calls
ours       what this library does
hindsight  a policy that knows the future; clairvoyant: the same for priced writes
bound      no policy costs less
share      what ours saves, of what hindsight or the clairvoyant saves; negative: ours lost money
caches     how many caches ours created
`

// writeConclusion writes one line about all tables.
func writeConclusion(b *strings.Builder, results []result) {
	b.WriteString("\nConclusion: of what can be saved with the future known, explicit caches and priced writes of ours save")
	lost := 0.0
	for i := range results {
		var explicit, writes sums
		r := &results[i]
		for k := range r.explicit {
			e := &r.explicit[k]
			explicit.add(e.none, e.none-e.ours.cost, e.hindsight)
		}
		for k := range r.writes {
			w := &r.writes[k]
			writes.add(w.never, w.never-w.ours, w.never-w.clairvoyant)
		}
		lost = max(lost, explicit.lost, writes.lost)
		fmt.Fprintf(b, " %s and %s (%s),", explicit.percent(), writes.percent(), r.name)
	}
	fmt.Fprintf(b, " and in the worst row they cost %.1f %% more than no cache.\n", 100*lost)
}

// sums are sums over the rows of a trace.
type sums struct {
	saved, could float64 // over the cost without caches, so that all rows weigh the same
	lost         float64 // the highest loss of a row, over the cost without caches
}

func (s *sums) add(none, saved, could price.Pico) {
	s.saved += float64(saved) / float64(none)
	s.could += float64(could) / float64(none)
	s.lost = max(s.lost, -float64(saved)/float64(none))
}

// percent is how much of what could be saved was saved.
func (s *sums) percent() string {
	if s.could <= 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.0f %%", 100*s.saved/s.could)
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
