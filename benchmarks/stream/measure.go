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
	busy     int // rounds with several streams at once, whose times differ most
	loopback int // events of a stream over loopback
	memory   int // and of one in memory
}

// full takes some 40 s on two slow cores. The stream in memory is some 64 MB, more than a processor keeps at hand.
var full = effort{rounds: 9, busy: 25, loopback: 20_000, memory: 240_000}

// atOnce is how many streams keep the machine busy. With one, the client waits for the server, and the server for the
// client, most of the time: who is a little slower then finds more events waiting when it reads, and ends up the faster
// one. With these, whatever takes the processor's time takes it from the streams.
var atOnce = 2 * runtime.GOMAXPROCS(0)

// liveHeap is what the program keeps in memory meanwhile, as one that makes such calls does. With an empty heap the
// collector would run every 4 MB, for those who allocate.
const liveHeap = 64 << 20

// newlines are how lines may end.
var newlines = []struct{ name, text string }{{"LF", "\n"}, {"CRLF", "\r\n"}}

// A report is all that was found out.
type report struct {
	rounds  int
	busy    int
	tables  []table
	checked []string
}

// A table is what was found out on one ground.
type table struct {
	ground, about string
	events, bytes int // of a stream, with line feeds
	rows          []row
}

// A row is what was found out about one kind, with one sort of line ends.
type row struct {
	kind
	bench.Timing
	newline       string
	events, bytes int     // of a call
	allocs        float64 // for each event, beyond plain's
}

func (r *row) share() float64     { return 1 / r.Ratio }
func (r *row) gigabytes() float64 { return float64(r.bytes) / float64(r.Time.Nanoseconds()) }

// alone is how many gigabytes a second the tap takes by itself: what plain takes to copy them is not its doing.
func (r *row) alone(plain *row) float64 {
	return float64(r.bytes) / float64(max(1, (r.Time-plain.Time).Nanoseconds()))
}

// find returns a row of a table, which exists.
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

// count returns how often each client's stream allocates for an event. Over loopback the server's allocations are among
// them, for everyone. It is the median of a few streams, as a collection or a connection may fall into one.
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
