package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// figures is what -json prints. Shares are of rows per second, and null if a server is not installed. Times are those of one
// goroutine, and allocations those of the whole program. An enqueuing has the worse figure of a sink that keeps up and of one
// that is blocked, and a pricing that of one catalog and of three layers.
type figures struct {
	JSONL         *float64 `json:"jsonl_share"`
	JSONLMaking   *float64 `json:"jsonl_encoding_share"` // of a raw file whose lines also have to be encoded
	SQLite        *float64 `json:"sqlite_share"`
	Postgres      *float64 `json:"postgres_share"`
	MemoryRows    int64    `json:"memory_rows_s"`
	EnqueueNS     int64    `json:"enqueue_ns"`
	EnqueueAllocs float64  `json:"enqueue_allocs"`
	OpenNS        int64    `json:"open_ns"`           // with a JSONL
	BlockedMax    float64  `json:"blocked_max_ms"`    // the longest wait of one caller for a sink that blocks
	BlockedSecond float64  `json:"blocked_second_ms"` // the second longest
	CostNS        int64    `json:"cost_ns"`           // by one catalog
	CostLayersNS  int64    `json:"cost_layers_ns"`    // by a user's, a feed's and the embedded one
	CostAllocs    float64  `json:"cost_allocs"`
	RollupBytes   int64    `json:"rollup_bytes_1m"`
}

func writeJSON(out io.Writer, r *report) error {
	quick, blocked, one := r.enqueuing(addQuick), r.enqueuing(addBlocked), r.delays[0]
	f := figures{
		JSONL: r.share("jsonl", 1), JSONLMaking: r.share("jsonl", 2), SQLite: r.share("sqlite", 1), Postgres: r.share("postgres", 1),
		MemoryRows: int64(time.Second / r.add), EnqueueNS: max(quick.time, blocked.time).Nanoseconds(),
		EnqueueAllocs: bench.Round(max(quick.allocs, blocked.allocs)), OpenNS: r.enqueuing(openFiles).time.Nanoseconds(),
		BlockedMax: bench.Round(millis(one.took[0])), BlockedSecond: bench.Round(millis(one.took[1])), RollupBytes: r.rollup.bytes,
	}
	f.CostNS = r.pricings[0].time.Nanoseconds()
	for _, p := range r.pricings {
		f.CostLayersNS, f.CostAllocs = p.time.Nanoseconds(), max(f.CostAllocs, bench.Round(p.allocs))
	}
	return bench.WriteJSON(out, f)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func nanos(d time.Duration) string { return fmt.Sprint(d.Nanoseconds()) }

func writeTables(out io.Writer, r *report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s; medians of %d interleaved rounds, seed %d\n", bench.Machine(), r.rounds, r.seed)
	fmt.Fprintf(&b, "\nkeeping %d rows for good, %d at a time, until all are safe; share: our rows a second by those of the raw thing in the same round\n\n",
		r.rows, batch)
	r.writeStandings(&b)
	fmt.Fprintf(&b, "\na Memory takes %d rows a second (%s ns each)\n", time.Second/r.add, nanos(r.add))
	fmt.Fprintf(&b, "\ngiving a row to a ledger.Writer: one goroutine\n\n")
	lines := [][]string{{"call", "ns", "allocs", "a second", "with"}, {":-", "-:", "-:", "-:", ":-"}}
	for _, h := range r.enqueued {
		lines = append(lines, []string{h.name, nanos(h.time), fmt.Sprintf("%.2f", h.allocs), fmt.Sprint(h.rows), h.does})
	}
	bench.Align(&b, lines)
	fmt.Fprintf(&b, "\ncalls held up by a sink that blocks: Open and Add; OpenWait is %v, and all callers together make %d calls\n\n", openWait, r.held)
	lines = [][]string{{"callers", "longest ms", "waited", "next µs", "99 % µs", "median µs"}, {"-:", "-:", "-:", "-:", "-:", "-:"}}
	for _, d := range r.delays {
		micros := func(d time.Duration) string { return bench.Short(float64(d.Nanoseconds()) / 1e3) }
		n := d.waited()
		lines = append(lines, []string{
			fmt.Sprint(d.callers), bench.Short(millis(d.took[0])), fmt.Sprint(n), micros(d.took[min(n, len(d.took)-1)]), micros(d.at(0.99)), micros(d.at(0.5)),
		})
	}
	bench.Align(&b, lines)
	fmt.Fprintf(&b, "\nwaited: for three quarters of OpenWait or longer; next: the longest of all others\n")
	fmt.Fprintf(&b, "\n%d rows of as many models, tags and calls leave %.1f MB in a Memory: %d groups, %d hours\n",
		r.rollup.rows, float64(r.rollup.bytes)/(1<<20), r.rollup.groups, r.rollup.hours)
	fmt.Fprintf(&b, "\npricing a usage\n\n")
	lines = [][]string{{"prices", "ns", "allocs", "of"}, {":-", "-:", "-:", ":-"}}
	for _, p := range r.pricings {
		lines = append(lines, []string{p.name, nanos(p.time), fmt.Sprintf("%.2f", p.allocs), p.does})
	}
	bench.Align(&b, lines)
	_, err := io.WriteString(out, b.String())
	return err
}

func (r *report) writeStandings(b *strings.Builder) {
	lines := [][]string{{"store", "way", "rows/s", "share", "what it does"}, {":-", ":-", "-:", "-:", ":-"}}
	for _, s := range r.standings {
		for i, w := range s.ways {
			share := ""
			if i > 0 {
				share = fmt.Sprintf("%.2f", s.timings[i].Ratio)
			}
			lines = append(lines, []string{s.name, w.name, fmt.Sprintf("%.0f", float64(r.rows)/s.timings[i].Time.Seconds()), share, w.does})
		}
	}
	bench.Align(b, lines)
}
