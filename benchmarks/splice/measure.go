package main

import (
	"bytes"
	"fmt"
	"runtime"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// An effort says how much is measured.
type effort struct {
	rounds, slowRounds int
	sample, slowSample int // bytes that a way edits in a round, at least one body
	large              int // bytes of the large bodies
}

// full takes about 30 s on two slow cores.
var full = effort{rounds: 15, slowRounds: 3, sample: 128 << 20, slowSample: 2 << 20, large: 10 << 20}

// liveHeap is how much memory the program keeps during the measurement, like a program that makes such calls. With an empty heap the
// garbage collector would run every 4 MB for the ways that allocate.
const liveHeap = 64 << 20

// A body is a document to edit.
type body struct {
	key, name string
	data      []byte
}

// bodies returns the bodies to edit: conversations, and an image, which has hardly any quotes or escapes.
func bodies(large int) []body {
	return []body{
		{"prose-2k", "prose, 2 KB", chat.Prose(2 << 10)},
		{"prose-100k", "prose, 100 KB", chat.Prose(100 << 10)},
		{"prose-10m", "prose, 10 MB", chat.Prose(large)},
		{"base64-10m", "an image in base64, 10 MB", chat.Image(large)},
	}
}

// density says how often a scanner has to stop for a quote or an escape.
func (b *body) density() string {
	stops := bytes.Count(b.data, []byte(`"`)) + bytes.Count(b.data, []byte(`\`)) - bytes.Count(b.data, []byte(`\"`))
	return fmt.Sprintf("a quote or an escape every %d", len(b.data)/max(1, stops))
}

// A report holds all results.
type report struct {
	rounds, slowRounds int
	tables             []table
	checked            []string
}

// A table holds the results for one body.
type table struct {
	body
	rows []row
}

// A row holds the results of one way.
type row struct {
	way
	bench.Timing
	allocs, bytes float64 // of a call
}

// find returns a row, or an empty one.
func (r *report) find(body, way string) row {
	for _, t := range r.tables {
		for _, row := range t.rows {
			if t.key == body && row.key == way {
				return row
			}
		}
	}
	return row{}
}

// measure measures and checks every way with every body.
func measure(size effort) (*report, error) {
	heap := make([]byte, liveHeap)
	defer runtime.KeepAlive(heap)
	r := &report{rounds: size.rounds, slowRounds: size.slowRounds}
	for _, b := range bodies(size.large) {
		t := table{body: b}
		var fast, slow []*runner
		for _, w := range ways() {
			runner, err := open(w, b.data)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", b.name, w.name, err)
			}
			// Both groups begin with the reference, because a ratio is to its time in the same round.
			if w.key == memcpy || !w.slow {
				fast = append(fast, runner)
			}
			if w.key == memcpy || w.slow {
				slow = append(slow, runner)
			}
		}
		rows, err := interleave(fast, size.rounds, max(1, size.sample/len(b.data)))
		if err != nil {
			return nil, err
		}
		more, err := interleave(slow, size.slowRounds, max(1, size.slowSample/len(b.data)))
		if err != nil {
			return nil, err
		}
		t.rows = append(rows, more[1:]...)
		r.tables = append(r.tables, t)
		if err := r.check(&t, fast, slow[1:]); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// interleave measures the runners. The first one is the reference.
func interleave(runners []*runner, rounds, calls int) ([]row, error) {
	timings, err := bench.Interleave(rounds, len(runners), 0, func(i int) (time.Duration, error) {
		return bench.Repeat(1+calls/3, calls, runners[i].call)
	})
	if err != nil {
		return nil, err
	}
	rows := make([]row, len(runners))
	for i, runner := range runners {
		rows[i] = row{way: runner.way, Timing: timings[i]}
		if rows[i].allocs, rows[i].bytes, err = bench.Allocated(max(1, calls/4), runner.call); err != nil {
			return nil, err
		}
	}
	return rows, nil
}
