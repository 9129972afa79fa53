package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// A contest compares a store of this module with the raw file or database beneath it.
type contest struct {
	key, name string
	ways      []way // ours first
}

// A way is a way to keep rows for good.
type way struct {
	name, does string
	open       func(ctx context.Context, dir string, l *load) (keeper, error)
}

// A keeper keeps a load for good, once.
type keeper interface {
	keep(ctx context.Context) error // all rows are safe when it returns
	count(ctx context.Context) (int, error)
	close() error
}

// A standing is the result of a contest.
type standing struct {
	contest
	timings []bench.Timing // the ratio is our rows per second divided by theirs
}

// hold runs a contest in new folders of dir, which it removes.
func (c contest) hold(ctx context.Context, dir string, l *load, rounds int) (*standing, error) {
	timings, err := bench.Interleave(rounds, len(c.ways), 0, func(i int) (time.Duration, error) {
		took, err := c.ways[i].time(ctx, dir, l)
		if err != nil {
			err = fmt.Errorf("%s: %w", c.ways[i].name, err)
		}
		return took, err
	})
	return &standing{c, timings}, err
}

// time measures the time of the way, from an empty store and a clean heap.
func (w *way) time(ctx context.Context, dir string, l *load) (took time.Duration, err error) {
	dir, err = os.MkdirTemp(dir, "")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	k, err := w.open(ctx, dir, l)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	runtime.GC()
	began := time.Now()
	if err := k.keep(ctx); err != nil {
		return 0, err
	}
	took = time.Since(began)
	n, err := k.count(ctx)
	if err == nil && n != len(l.rows) {
		err = fmt.Errorf("%d rows are kept, want %d", n, len(l.rows))
	}
	return took, err
}
