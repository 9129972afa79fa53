// Overhead measures what a client library adds to a request whose answer is good at once: ours, the peers that retry
// beneath a client too, and an SDK, each over the same bare transport, in memory and over loopback.
//
//	go run ./benchmarks/overhead          # a table
//	go run ./benchmarks/overhead -json    # one object
//	go run ./benchmarks/overhead -busy 8us # and a bare transport that does nothing for so long, for each request
//
// It fails unless our rows did their work meanwhile: unless every body they sent names its tier exactly once, and
// every row of their ledgers has the exact cost.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"strings"
)

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.DurationVar(&busy, "busy", 0, "measure a bare transport that is busy for so long, too")
	flag.Parse()
	if err := run(os.Stdout, full, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "overhead:", err)
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
	return writeTable(out, report)
}

// figures are the numbers of one row, as -json prints them.
type figures struct {
	Memory   float64 `json:"mem_2k_over_bare"`
	Loopback float64 `json:"loop_2k_over_bare"`
	Allocs   float64 `json:"allocs_2k"`
}

func writeJSON(out io.Writer, r *report) error {
	round := func(x float64) float64 { return math.Round(x*1000) / 1000 }
	object := make(map[string]any)
	for _, row := range r.rows {
		f := figures{round(row.memory.ratio), round(row.loopback.ratio), round(row.allocs)}
		object[row.key] = f
		if row.key == ours {
			object["mem_2k_over_bare"], object["loop_2k_over_bare"], object["allocs_2k"] = f.Memory, f.Loopback, f.Allocs
		}
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(object)
}

// writeTable prints a table that can be read as it is, and be pasted into Markdown.
func writeTable(out io.Writer, r *report) error {
	lines := [][]string{
		{"client", "in memory", "µs", "loopback", "µs", "allocs", "bytes", "what it does"},
		{":-", "-:", "-:", "-:", "-:", "-:", "-:", ":-"},
	}
	for _, row := range r.rows {
		lines = append(lines, []string{
			row.name,
			fmt.Sprintf("%.1fx", row.memory.ratio), fmt.Sprintf("%.1f", row.memory.micros),
			fmt.Sprintf("%.2fx", row.loopback.ratio), fmt.Sprintf("%.0f", row.loopback.micros),
			fmt.Sprintf("%.0f", row.allocs), fmt.Sprintf("%.0f", row.bytes), row.does,
		})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "per-request overhead: a chat completion, %d bytes of request and %d of answer\n", r.request, r.answer)
	fmt.Fprintf(&b, "%s %s/%s, %d CPUs; medians of %d interleaved rounds, ratios to bare in the same round; %d MB live\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), r.rounds, liveHeap>>20)
	align(&b, lines)
	b.WriteByte('\n')
	for _, line := range r.checked {
		fmt.Fprintln(&b, "checked:", line)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// align writes the lines as a table; its second line says how each column stands.
func align(b *strings.Builder, lines [][]string) {
	width := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, cell := range line {
			width[i] = max(width[i], len([]rune(cell)))
		}
	}
	for n, line := range lines {
		for i, cell := range line {
			right := lines[1][i] == "-:"
			fill := strings.Repeat(" ", width[i]-len([]rune(cell)))
			switch {
			case n == 1 && right:
				cell = strings.Repeat("-", width[i]-1) + ":"
			case n == 1:
				cell = ":" + strings.Repeat("-", width[i]-1)
			case right:
				cell = fill + cell
			default:
				cell += fill
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
}
