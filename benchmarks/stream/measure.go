package main

import (
	"runtime"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// An effort says how much is measured.
type effort struct {
	rounds   int
	busy     int // rounds with several streams at once, whose times vary most
	loopback int // events of a stream over loopback
	memory   int // events of a stream in memory
}

// full takes about 40 s on two slow cores. The stream in memory has about 64 MB, more than fits into a processor's cache.
var full = effort{rounds: 9, busy: 25, loopback: 20_000, memory: 240_000}

// atOnce is how many streams keep the machine busy. With one stream, client and server mostly wait for each other. A client
// that is a little slower then finds more events at each read and becomes the faster one. With several streams, all
// processor time is taken from the streams.
var atOnce = 2 * runtime.GOMAXPROCS(0)

// liveHeap is how much memory the program keeps during the measurement, like a program that makes such calls. With an empty heap the
// garbage collector would run every 4 MB for clients that allocate.
const liveHeap = 64 << 20

// newlines are how lines may end.
var newlines = []struct{ name, text string }{{"LF", "\n"}, {"CRLF", "\r\n"}}

// A report holds all results.
type report struct {
	rounds  int
	busy    int
	tables  []table
	checked []string
}

// A table holds the results on one ground.
type table struct {
	ground, about string
	events, bytes int // of a stream, with line feeds
	rows          []row
}

// A row holds the results of one kind with one sort of line ends.
type row struct {
	kind
	bench.Timing
	newline       string
	events, bytes int     // of a call
	allocs        float64 // for each event, beyond plain's
}

// share returns the speed as a share of plain's.
func (r *row) share() float64 { return 1 / r.Ratio }

// gigabytes returns the speed in gigabytes a second.
func (r *row) gigabytes() float64 { return float64(r.bytes) / float64(r.Time.Nanoseconds()) }

// alone returns the speed of the stack alone in gigabytes a second: the time of plain is subtracted.
func (r *row) alone(plain *row) float64 {
	return float64(r.bytes) / float64(max(1, (r.Time-plain.Time).Nanoseconds()))
}

// find returns a row of a table. The row must exist.
func (r *report) find(table int, newline, key string) *row {
	rows := r.tables[table].rows
	return &rows[slices.IndexFunc(rows, func(row row) bool { return row.newline == newline && row.key == key })]
}

// measure measures and checks every kind on all grounds.
func measure(size effort) (*report, error) {
	heap := make([]byte, liveHeap)
	defer runtime.KeepAlive(heap)
	r := &report{rounds: size.rounds, busy: size.busy}
	for _, on := range []struct {
		events int
		open   func(s *chat.Stream, newline string) (*ground, error)
	}{
		{size.loopback, func(s *chat.Stream, newline string) (*ground, error) { return loopback(s, newline, 1) }},
		{size.loopback, func(s *chat.Stream, newline string) (*ground, error) { return loopback(s, newline, atOnce) }},
		{size.memory, func(s *chat.Stream, newline string) (*ground, error) { return inMemory(s, newline), nil }},
	} {
		var t table
		for _, newline := range newlines {
			g, err := on.open(chat.NewStream(on.events, newline.text), newline.name)
			if err != nil {
				return nil, err
			}
			rows, err := r.on(g, size)
			g.close()
			if err != nil {
				return nil, err
			}
			if t.rows == nil {
				t = table{ground: g.name, about: g.about, events: len(g.stream.Events), bytes: len(g.stream.All)}
			}
			t.rows = append(t.rows, rows...)
		}
		r.tables = append(r.tables, t)
	}
	return r, nil
}

// on measures and checks every kind on a ground.
func (r *report) on(g *ground, size effort) ([]row, error) {
	var clients []*client
	for _, k := range kinds() {
		c, err := open(k, g)
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	rounds := size.rounds
	if g.atOnce > 1 {
		rounds = size.busy
	}
	timings, err := bench.Interleave(rounds, len(clients), 0, func(i int) (time.Duration, error) {
		return bench.Repeat(0, 1, clients[i].call)
	})
	if err != nil {
		return nil, err
	}
	events, bytes := g.atOnce*len(g.stream.Events), g.atOnce*len(g.stream.All)
	counts, err := count(clients, events)
	if err != nil {
		return nil, err
	}
	var rows []row
	for i, c := range clients {
		rows = append(rows, row{
			kind: c.kind, Timing: timings[i], newline: g.newline, events: events, bytes: bytes,
			allocs: counts[i] - counts[0],
		})
		line, err := c.check()
		if err != nil {
			return nil, err
		}
		if line != "" {
			r.checked = append(r.checked, line)
		}
	}
	return rows, nil
}

// count returns the allocations of each client for one event. Over loopback they include the server's, for every client. They
// are the median of a few streams, because a garbage collection or a new connection may fall into one.
func count(clients []*client, events int) ([]float64, error) {
	counts := make([]float64, len(clients))
	for i, c := range clients {
		var each []float64
		for range 3 {
			allocs, _, err := bench.Allocated(1, c.call)
			if err != nil {
				return nil, err
			}
			each = append(each, allocs/float64(events))
		}
		counts[i] = bench.Median(each)
	}
	return counts, nil
}
