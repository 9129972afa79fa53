package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// A quick sink keeps up with any writer, because it keeps nothing.
type quick struct{}

func (quick) Write(context.Context, []ledger.Row) error { return nil }
func (quick) Close() error                              { return nil }

// A gate is a sink whose Write blocks while it is shut, even if the context is done.
type gate struct {
	mu   sync.Mutex
	open chan struct{} // Write waits until it is closed; nil does not block
}

func (g *gate) shut() (open func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = make(chan struct{})
	return sync.OnceFunc(func() { close(g.open) })
}

func (g *gate) Write(context.Context, []ledger.Row) error {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open != nil {
		<-open
	}
	return nil
}

func (g *gate) Close() error { return nil }

// An enqueuing is the result of an [entry].
type enqueuing struct {
	name, does string
	time       time.Duration
	allocs     float64
	rows       int // per second, by one goroutine
}

// An entry is a way in which a call gives its row to a Writer.
type entry struct {
	name, does string
	open       bool                                          // Open instead of Add
	sink       func(dir string) (ledger.Sink, func(), error) // with a function that unblocks the sink at the end
}

const (
	addQuick   = "Add"
	addBlocked = "Add, sink blocked"
	openQuick  = "Open"
	openFiles  = "Open, JSONL"
)

func entries() []entry {
	nothing := func(string) (ledger.Sink, func(), error) { return quick{}, func() {}, nil }
	blocked := func(string) (ledger.Sink, func(), error) {
		g := new(gate)
		return g, g.shut(), nil
	}
	files := func(dir string) (ledger.Sink, func(), error) {
		sink, err := ledger.OpenJSONL(dir, ledger.JSONLConfig{})
		return sink, func() {}, err
	}
	return []entry{
		{addQuick, "a sink that keeps up", false, nothing},
		{addBlocked, "a sink that blocks", false, blocked},
		{openQuick, "a sink that keeps up; returns when it has the row", true, nothing},
		{openFiles, "a ledger.JSONL; returns when the row would outlive the program", true, files},
	}
}

// time measures the time that one goroutine needs for a row, and the allocations of the whole program per row.
func (h *entry) time(dir string, l *load) (took time.Duration, allocs float64, err error) {
	sink, open, err := h.sink(dir)
	if err != nil {
		return 0, 0, err
	}
	w := ledger.NewWriter(sink, ledger.WriterConfig{Queue: 3 * len(l.rows)})
	defer func() {
		open()
		err = errors.Join(err, w.Close(context.Background()))
	}()
	n := 0
	call := func() error {
		r := l.rows[n%len(l.rows)]
		r.Attempt += n / len(l.rows)
		n++
		if h.open {
			r.Outcome = policy.Open
			w.Open(r)
		} else {
			w.Add(r)
		}
		return nil
	}
	if took, err = bench.Repeat(1, len(l.rows), call); err != nil {
		return 0, 0, err
	}
	if allocs, _, err = bench.Allocated(len(l.rows), call); err != nil {
		return 0, 0, err
	}
	if s := w.Stats(); s.Lost > 0 || s.Err != nil {
		err = fmt.Errorf("%s: %d rows are lost: %w", h.name, s.Lost, s.Err)
	}
	return took, allocs, err
}

// enqueue measures all entries, interleaved.
func enqueue(dir func() (string, error), l *load, rounds int) ([]enqueuing, error) {
	all := entries()
	allocs := make([][]float64, len(all))
	timings, err := bench.Interleave(rounds, len(all), 0, func(i int) (time.Duration, error) {
		dir, err := dir()
		if err != nil {
			return 0, err
		}
		took, n, err := all[i].time(dir, l)
		allocs[i] = append(allocs[i], n)
		return took, err
	})
	if err != nil {
		return nil, err
	}
	results := make([]enqueuing, len(all))
	for i, h := range all {
		results[i] = enqueuing{h.name, h.does, timings[i].Time, bench.Median(allocs[i]), int(time.Second / timings[i].Time)}
	}
	return results, nil
}
