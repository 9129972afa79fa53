// Overhead measures what a client library adds to a request whose answer is good at once: ours, the peers that retry
// beneath a client too, and an SDK, each over the same bare transport, in memory and over loopback.
//
//	go run ./benchmarks/overhead          # two tables
//	go run ./benchmarks/overhead -json    # one object
//	go run ./benchmarks/overhead -busy 8us # and a bare transport that does nothing for so long, for each request
//
// A second table has long bodies over loopback, and what a crowd of calls with such bodies keeps in memory.
//
// It fails unless our rows did their work meanwhile: unless every body they sent names its tier exactly once, and
// every row of their ledgers has the exact cost.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
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
	return writeTables(out, report)
}

// figures are the numbers of one row, as -json prints them. A kind without long bodies has none of theirs.
type figures struct {
	Memory   float64 `json:"mem_2k_over_bare"`
	Loopback float64 `json:"loop_2k_over_bare"`
	Allocs   float64 `json:"allocs_2k"`

	Prose1M   float64 `json:"loop_1m_prose_over_bare,omitempty"`
	Base641M  float64 `json:"loop_1m_base64_over_bare,omitempty"`
	Prose16M  float64 `json:"loop_16m_prose_over_bare,omitempty"`
	Base6416M float64 `json:"loop_16m_base64_over_bare,omitempty"`
	Live      *int64  `json:"peak_live_100x16m,omitempty"` // bytes
}

func (r *row) figures() figures {
	f := figures{Memory: bench.Round(r.memory.Ratio), Loopback: bench.Round(r.loopback.Ratio), Allocs: bench.Round(r.allocs)}
	if !r.heavy() {
		return f
	}
	for i, to := range []*float64{&f.Prose1M, &f.Base641M, &f.Prose16M, &f.Base6416M} {
		*to = bench.Round(r.loads[i].Ratio)
	}
	f.Live = &r.live
	return f
}

func writeJSON(out io.Writer, r *report) error {
	object := make(map[string]any)
	for _, row := range r.rows {
		f := row.figures()
		object[row.key] = f
		if row.key == ours {
			object["mem_2k_over_bare"], object["loop_2k_over_bare"], object["allocs_2k"] = f.Memory, f.Loopback, f.Allocs
			object["loop_1m_prose_over_bare"], object["loop_1m_base64_over_bare"] = f.Prose1M, f.Base641M
			object["peak_live_100x16m"] = f.Live
		}
	}
	return bench.WriteJSON(out, object)
}

// writeTables prints tables that can be read as they are, and be pasted into Markdown.
func writeTables(out io.Writer, r *report) error {
	lines := [][]string{
		{"client", "in memory", "µs", "loopback", "µs", "allocs", "bytes", "what it does"},
		{":-", "-:", "-:", "-:", "-:", "-:", "-:", ":-"},
	}
	for _, row := range r.rows {
		lines = append(lines, []string{
			row.name,
			fmt.Sprintf("%.1fx", row.memory.Ratio), fmt.Sprintf("%.1f", row.memory.Micros()),
			fmt.Sprintf("%.2fx", row.loopback.Ratio), fmt.Sprintf("%.0f", row.loopback.Micros()),
			fmt.Sprintf("%.0f", row.allocs), fmt.Sprintf("%.0f", row.bytes), row.does,
		})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "per-request overhead: a chat completion, %d bytes of request and %d of answer\n", r.request, r.answer)
	fmt.Fprintf(&b, "%s; medians of %d interleaved rounds, ratios to bare in the same round; %d MB live\n\n",
		bench.Machine(), r.rounds, liveHeap>>20)
	bench.Align(&b, lines)
	fmt.Fprintf(&b, "\nlong bodies over loopback, and what %d calls at once with the longest keep in memory beyond the bodies themselves\n\n", r.crowd)
	bench.Align(&b, r.largeLines())
	b.WriteByte('\n')
	for _, line := range r.checked {
		fmt.Fprintln(&b, "checked:", line)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// largeLines are those of the second table.
func (r *report) largeLines() [][]string {
	head, stand := []string{"client"}, []string{":-"}
	for _, name := range r.loads {
		head, stand = append(head, name, "ms"), append(stand, "-:", "-:")
	}
	lines := [][]string{append(head, fmt.Sprintf("MB live, %d calls", r.crowd)), append(stand, "-:")}
	for _, row := range r.rows {
		if !row.heavy() {
			continue
		}
		line := []string{row.name}
		for _, t := range row.loads {
			line = append(line, fmt.Sprintf("%.2fx", t.Ratio), bench.Short(t.Micros()/1e3))
		}
		lines = append(lines, append(line, fmt.Sprintf("%.1f", float64(row.live)/(1<<20))))
	}
	return lines
}
