// Splice measures how long it takes to add one member, "service_tier":"flex", to a request's body. It compares skinflint,
// by the code that sends a call, with libraries that edit JSON and with copying the body, which is the least that a way
// with a new body has to do.
//
//	go run ./benchmarks/splice          # a table
//	go run ./benchmarks/splice -json    # one object
//
// It fails unless the output of every way is right.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

func main() {
	asJSON := flag.Bool("json", false, "print one JSON object")
	flag.Parse()
	if err := run(os.Stdout, full, *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, "splice:", err)
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

// figures is what -json prints. The ratios are of the way that writes to a writer, as the other libraries do.
type figures struct {
	Prose  float64 `json:"prose_10m_over_memcpy"`
	Base64 float64 `json:"base64_10m_over_memcpy"`
	Alloc  float64 `json:"alloc_bytes_10m"` // the highest of both bodies and both ways of sending them
}

func writeJSON(out io.Writer, r *report) error {
	most := 0.0
	for _, body := range []string{"prose-10m", "base64-10m"} {
		most = max(most, r.find(body, ours).bytes, r.find(body, oursRead).bytes)
	}
	return bench.WriteJSON(out, figures{
		Prose: bench.Round(r.find("prose-10m", ours).Ratio), Base64: bench.Round(r.find("base64-10m", ours).Ratio),
		Alloc: bench.Round(most),
	})
}

func writeTables(out io.Writer, r *report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "putting %s into a request's body\n", chat.Member)
	fmt.Fprintf(&b, "%s; medians of %d interleaved rounds, %d for the slow ones, ratios to memcpy in the same round; %d MB live\n",
		bench.Machine(), r.rounds, r.slowRounds, liveHeap>>20)
	for _, t := range r.tables {
		fmt.Fprintf(&b, "\n%s: %d bytes, %s\n\n", t.name, len(t.data), t.density())
		lines := [][]string{
			{"way", "over memcpy", "µs", "GB/s", "allocs", "bytes", "what it does"},
			{":-", "-:", "-:", "-:", "-:", "-:", ":-"},
		}
		for _, row := range t.rows {
			lines = append(lines, []string{
				row.name, fmt.Sprintf("%.1fx", row.Ratio), bench.Short(row.Micros()),
				fmt.Sprintf("%.2f", float64(len(t.data))/float64(row.Time)),
				fmt.Sprintf("%.0f", row.allocs), fmt.Sprintf("%.0f", row.bytes), row.does,
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
