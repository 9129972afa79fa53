package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"

	"github.com/skinflint-go/skinflint/adapters/postgres/pgtest"
	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// An effort says how much is measured.
type effort struct {
	rows, rounds int
	seed         uint64
	million      int // rows that are rolled up
	held         int // calls while the sink is blocked; two rows of each must have room in a Writer's queue
	priced       int // usages a round
}

// full takes about 60 s on two slow cores.
var full = effort{rows: 20_000, rounds: 9, seed: 1, million: 1_000_000, held: 10_000, priced: 100_000}

// liveHeap is how much memory the program keeps during the measurement, as a program that makes calls does. With an empty
// heap the garbage collector would run every 4 MB, and ways that allocate would seem slower.
const liveHeap = 64 << 20

// A report has all results.
type report struct {
	effort
	standings []*standing
	add       time.Duration // a row, to a Memory
	enqueued  []enqueuing
	delays    []*delays
	rollup    rollup
	pricings  []pricing
}

// share returns how fast a store is compared with another way, or nil if it was not measured.
func (r *report) share(key string, way int) *float64 {
	for _, s := range r.standings {
		if s.key == key {
			share := bench.Round(s.timings[way].Ratio)
			return &share
		}
	}
	return nil
}

// enqueuing returns the result of that name.
func (r *report) enqueuing(name string) enqueuing {
	for _, h := range r.enqueued {
		if h.name == name {
			return h
		}
	}
	return enqueuing{}
}

// measure measures and checks everything. It writes to notes what could not be measured.
func measure(ctx context.Context, size effort, notes io.Writer) (r *report, err error) {
	if size.rows < 1 || size.rounds < 1 {
		return nil, fmt.Errorf("%d rows in %d rounds are too few: 1 is the least", size.rows, size.rounds)
	}
	dir, err := os.MkdirTemp("", "skinflint-ledger")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	heap := make([]byte, liveHeap)
	defer runtime.KeepAlive(heap)
	r = &report{effort: size, rollup: rollUp(size.million)}
	l := newLoad(size.rows, size.seed)
	contests := []contest{jsonl(), sqliteContest()}
	switch server, err := pgtest.New(); {
	case errors.Is(err, pgtest.ErrNotInstalled):
		fmt.Fprintln(notes, "ledger: no figure of PostgreSQL:", err)
	case err != nil:
		return nil, err
	default:
		defer func() { err = errors.Join(err, server.Close()) }()
		contests = append(contests, postgresContest(server.DSN()))
	}
	for _, c := range contests {
		s, err := c.hold(ctx, dir, l, size.rounds)
		if err != nil {
			return nil, err
		}
		r.standings = append(r.standings, s)
	}
	adds, err := bench.Interleave(size.rounds, 1, 0, func(int) (time.Duration, error) { return addTime(l) })
	if err != nil {
		return nil, err
	}
	r.add = adds[0].Time
	fresh := func() (string, error) { return os.MkdirTemp(dir, "") }
	if r.enqueued, err = enqueue(fresh, l, size.rounds); err != nil {
		return nil, err
	}
	for _, callers := range []int{1, 16} {
		d, err := holdUp(callers, size.held)
		if err != nil {
			return nil, err
		}
		r.delays = append(r.delays, d)
	}
	r.pricings, err = priceAll(size.rounds, size.priced)
	return r, err
}
