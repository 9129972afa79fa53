// Stream measures what a stack costs a streamed answer: over loopback, as a share of the speed of the same stream without it,
// and in memory, alone.
//
//	go run ./benchmarks/stream          # tables
//	go run ./benchmarks/stream -json    # one object
//
// It fails unless every stream arrives as it was sent, without the event with the usage if only the stack asked for that, and
// every row of the ledger has the exact usage and cost.
package main

import (
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	if err := run(os.Stdout, full, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "stream:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, size effort, asJSON bool) error {
	report, err := measure(size)
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(out, report)
	}
	return writeTables(out, report)
}

// figures is what -json prints. They are of a program that does not ask for the usage, so that the stack asks for it and hides
// it, and of lines that end in a line feed, as OpenAI's do. The share is of as many streams at once as keep the machine
// busy.
type figures struct {
	Share  float64 `json:"throughput_share"`
	Allocs float64 `json:"allocs_per_event"`
	Tap    float64 `json:"tap_gb_s"`
}

func writeJSON(out io.Writer, r *report) error {
	one, busy, alone := r.find(0, "LF", oursHides), r.find(1, "LF", oursHides), r.find(2, "LF", oursHides)
	return bench.WriteJSON(out, figures{
		Share: bench.Round(busy.share()), Allocs: bench.Round(math.Max(0, one.allocs)),
		Tap: bench.Round(alone.alone(r.find(2, "LF", plain))),
	})
}

func writeTables(out io.Writer, r *report) error {
	var b strings.Builder
	b.WriteString("a streamed chat completion, read in pieces of 32 KB at most\n")
	fmt.Fprintf(&b, "%s; medians of %d interleaved rounds (%d of several streams at once), shares of plain's speed in the same round; %d MB live\n",
		bench.Machine(), r.rounds, r.busy, liveHeap>>20)
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n%s: %d events of %d bytes; %s\n\n", t.ground, t.events, t.bytes/t.events, t.about)
		lines := [][]string{
			{"client", "line ends", "share of plain", "ms", "events/s", "GB/s", "allocs more an event"},
			{":-", ":-", "-:", "-:", "-:", "-:", "-:"},
		}
		for _, row := range t.rows {
			lines = append(lines, []string{
				row.name, row.newline, fmt.Sprintf("%.2f", row.share()), bench.Short(row.Micros() / 1e3),
				fmt.Sprintf("%.0f", float64(row.events)/row.Time.Seconds()), bench.Short(row.gigabytes()),
				// The difference of two measurements may be a little below zero.
				fmt.Sprintf("%.3f", math.Max(0, row.allocs)),
			})
		}
		bench.Align(&b, lines)
	}
	b.WriteByte('\n')
	for _, line := range r.checked {
		fmt.Fprintln(&b, "checked:", line)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
