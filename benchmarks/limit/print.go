package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// writeJSON writes one object. The figures at the top level are ours; those of each way stand beside them.
func writeJSON(out io.Writer, r *report) error {
	object := map[string]any{}
	for _, row := range r.local {
		object[row.way.key] = map[string]float64{
			"local_ns": bench.Round(nanos(row.alone.Time)), "local_over_xtime": bench.Round(row.alone.Ratio),
			"contended_ns": bench.Round(nanos(row.contended.Time)), "contended_over_xtime": bench.Round(row.contended.Ratio),
			"allocs": bench.Round(row.allocs), "bytes": bench.Round(row.bytes),
		}
		if row.way.key == oursRate {
			object["local_ns"], object["contended_ns"] = bench.Round(nanos(row.alone.Time)), bench.Round(nanos(row.contended.Time))
			object["allocs"] = bench.Round(row.allocs)
		}
	}
	var growth float64
	for _, row := range r.growth {
		growth = max(growth, row.growth)
	}
	object["queue_growth"] = bench.Round(growth)
	object["bytes_1m_keys"] = r.perMillion(r.keys[0])
	object["after_cancel_ms"] = bench.Round(millis(r.cancel[0].wait))
	for _, row := range r.cancel[1:] {
		object["after_cancel_ms_"+row.way.key] = bench.Round(millis(row.wait))
	}
	if r.redis != nil {
		object["redis_two_over_ping"] = bench.Round(r.redis.rows[redisTwo].alone.Ratio)
		object["redis_full_over_ping"] = bench.Round(r.redis.rows[redisFull].alone.Ratio)
		object["redis_share_of_redis_rate"] = bench.Round(1 / r.redis.rows[redisTwo].together.Ratio)
	}
	return bench.WriteJSON(out, object)
}

// perMillion returns the bytes of a million keys.
func (r *report) perMillion(row keysRow) int64 { return row.bytes * 1_000_000 / int64(r.size.keys) }

func nanos(d time.Duration) float64  { return float64(d) }
func millis(d time.Duration) float64 { return float64(d) / 1e6 }
func micros(d time.Duration) string  { return bench.Short(float64(d) / 1e3) }

// writeTables prints tables that are readable as text and as Markdown.
func writeTables(out io.Writer, r *report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "limits; %s; medians of %d interleaved rounds\n", bench.Machine(), r.size.rounds)
	fmt.Fprintf(&b, "\na call that is admitted at once, in one process: alone, and from %d goroutines on one key\n\n", r.size.together)
	lines := [][]string{{"limiter", "ns", "over x/time/rate", fmt.Sprintf("ns, %d at once", r.size.together), "over x/time/rate", "allocs", "bytes", "what it does"},
		{":-", "-:", "-:", "-:", "-:", "-:", "-:", ":-"}}
	for _, row := range r.local {
		lines = append(lines, []string{
			row.way.name, fmt.Sprint(row.alone.Time.Nanoseconds()), fmt.Sprintf("%.1fx", row.alone.Ratio),
			fmt.Sprint(row.contended.Time.Nanoseconds()), fmt.Sprintf("%.1fx", row.contended.Ratio),
			fmt.Sprintf("%.0f", row.allocs), fmt.Sprintf("%.0f", row.bytes), row.way.does,
		})
	}
	bench.Align(&b, lines)

	fmt.Fprintf(&b, "\nthe next call at %d per second, after %d that waited have given up\n\n", slowRate, r.size.cancelled)
	lines = [][]string{{"limiter", "waits ms"}, {":-", "-:"}}
	for _, row := range r.cancel {
		lines = append(lines, []string{row.way.name, fmt.Sprintf("%.0f", millis(row.wait))})
	}
	bench.Align(&b, lines)

	b.WriteString("\nto admit a call while others wait\n\n")
	lines = [][]string{{"queue", fmt.Sprintf("µs, %d wait", r.size.few), fmt.Sprintf("µs, %d wait", r.size.many), "growth"}, {":-", "-:", "-:", "-:"}}
	for _, row := range r.growth {
		lines = append(lines, []string{row.name, micros(row.few), micros(row.many), fmt.Sprintf("%.2fx", row.growth)})
	}
	bench.Align(&b, lines)

	fmt.Fprintf(&b, "\nmemory of %d keys, none of which can be left out\n\n", r.size.keys)
	lines = [][]string{{"limiter", "MB", "bytes a key"}, {":-", "-:", "-:"}}
	for _, row := range r.keys {
		lines = append(lines, []string{row.name, fmt.Sprintf("%.0f", float64(row.bytes)/1e6), fmt.Sprint(row.bytes / int64(r.size.keys))})
	}
	bench.Align(&b, lines)
	if r.redis != nil {
		r.redis.write(&b, r.size)
	}
	_, err := io.WriteString(out, b.String())
	return err
}
