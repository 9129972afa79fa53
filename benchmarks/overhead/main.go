// Overhead measures what a client library adds to a request that succeeds at the first attempt. It compares our stack
// with other libraries that retry below a client, and with an SDK that retries itself. All of them use the same bare
// transport: in memory, over loopback, and over HTTP/2.
//
//	go run ./benchmarks/overhead           # two tables
//	go run ./benchmarks/overhead -json     # one JSON object
//	go run ./benchmarks/overhead -busy 8us # one more row: a bare transport that keeps the CPU busy for 8 µs per request
//
// The first table is for a request of 2 KB. The second is for long request bodies, and for the memory that many
// concurrent calls with such bodies need.
//
// The program fails unless our variants did their work in every call that was measured: each request body names its
// tier exactly once, or is unchanged if the policy sets no tier, and each row of the ledger has the exact cost.
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
	flag.DurationVar(&busy, "busy", 0, "also measure a bare transport that keeps the CPU busy for this long per request")
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

// figures are the numbers of one row, as -json prints them. Ratios are to the row's reference. A variant that is not
// measured with long bodies has no numbers for them.
type figures struct {
	Memory   float64 `json:"mem_2k_over_bare"`
	Loopback float64 `json:"loop_2k_over_bare"`
	HTTP2    float64 `json:"h2_2k_over_bare"`
	Allocs   float64 `json:"allocs_2k"` // per call, in memory
	Bytes    float64 `json:"bytes_2k"`  // per call, in memory

	Prose1M   float64 `json:"loop_1m_prose_over_bare,omitempty"`
	Base641M  float64 `json:"loop_1m_base64_over_bare,omitempty"`
	Prose16M  float64 `json:"loop_16m_prose_over_bare,omitempty"`
	Base6416M float64 `json:"loop_16m_base64_over_bare,omitempty"`
	Live      *int64  `json:"peak_live_100x16m,omitempty"` // bytes
}

func (r *row) figures() figures {
	f := figures{
		Memory: bench.Round(r.memory.Ratio), Loopback: bench.Round(r.loopback.Ratio), HTTP2: bench.Round(r.http2.Ratio),
		Allocs: bench.Round(r.allocs), Bytes: bench.Round(r.bytes),
	}
	if !r.sendsLong() {
		return f
	}
	for i, to := range []*float64{&f.Prose1M, &f.Base641M, &f.Prose16M, &f.Base6416M} {
		*to = bench.Round(r.long[i].Ratio)
	}
	f.Live = &r.live
	return f
}

// writeJSON writes one object with the figures of every row by its key, and the main figures at the top level.
func writeJSON(out io.Writer, r *report) error {
	object := make(map[string]any)
	for _, row := range r.rows {
		f := row.figures()
		object[row.key] = f
		switch row.key {
		case ours:
			object["mem_2k_over_bare"], object["loop_2k_over_bare"], object["h2_2k_over_bare"] = f.Memory, f.Loopback, f.HTTP2
			object["allocs_2k"], object["bytes_2k"] = f.Allocs, f.Bytes
			object["loop_1m_prose_over_bare"], object["loop_1m_base64_over_bare"] = f.Prose1M, f.Base641M
			object["peak_live_100x16m"] = f.Live
		case oursSDK:
			object["stainless_2k_over_bare"] = f.Memory
		case loneRetry:
			object["lone_retry_2k_over_bare"] = f.Memory
		}
	}
	return bench.WriteJSON(out, object)
}

// writeTables prints tables that are readable as text and as Markdown.
func writeTables(out io.Writer, r *report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "per-request overhead: a chat completion, %d bytes of request and %d bytes of response\n", r.request, r.answer)
	fmt.Fprintf(&b, "%s; medians of %d interleaved rounds; %d MB live\n", bench.Machine(), r.rounds, liveHeap>>20)
	b.WriteString("a ratio is to the bare transport in the same round; below an SDK, to the bare transport there\n\n")
	bench.Align(&b, r.shortLines())
	fmt.Fprintf(&b, "\nlong bodies over loopback, and the memory that %d concurrent calls with the longest need beyond the bodies themselves\n\n",
		r.concurrent)
	bench.Align(&b, r.longLines())
	b.WriteByte('\n')
	for _, line := range r.checked {
		fmt.Fprintln(&b, "checked:", line)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// shortLines returns the first table.
func (r *report) shortLines() [][]string {
	lines := [][]string{
		{"client", "in memory", "µs", "loopback", "µs", "HTTP/2", "µs", "allocs", "bytes", "what it does"},
		{":-", "-:", "-:", "-:", "-:", "-:", "-:", "-:", "-:", ":-"},
	}
	for _, row := range r.rows {
		lines = append(lines, []string{
			row.name,
			fmt.Sprintf("%.1fx", row.memory.Ratio), fmt.Sprintf("%.1f", row.memory.Micros()),
			fmt.Sprintf("%.2fx", row.loopback.Ratio), fmt.Sprintf("%.0f", row.loopback.Micros()),
			fmt.Sprintf("%.2fx", row.http2.Ratio), fmt.Sprintf("%.0f", row.http2.Micros()),
			fmt.Sprintf("%.0f", row.allocs), fmt.Sprintf("%.0f", row.bytes), row.does,
		})
	}
	return lines
}

// longLines returns the second table.
func (r *report) longLines() [][]string {
	head, align := []string{"client"}, []string{":-"}
	for _, name := range r.loads {
		head, align = append(head, name, "ms"), append(align, "-:", "-:")
	}
	lines := [][]string{append(head, fmt.Sprintf("MB live, %d calls", r.concurrent)), append(align, "-:")}
	for _, row := range r.rows {
		if !row.sendsLong() {
			continue
		}
		line := []string{row.name}
		for _, t := range row.long {
			line = append(line, fmt.Sprintf("%.2fx", t.Ratio), bench.Short(t.Micros()/1e3))
		}
		lines = append(lines, append(line, fmt.Sprintf("%.1f", float64(row.live)/(1<<20))))
	}
	return lines
}
