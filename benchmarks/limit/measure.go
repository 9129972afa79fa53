package main

import (
	"context"
	"fmt"
	"io"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// An effort says how much to measure.
type effort struct {
	rounds    int
	calls     int // of one way in a round
	together  int // goroutines that want the same limit
	cancelled int // waiters that give up
	few, many int // waiters
	keys      int
	exchanges int // with Redis, of one way in a round
	sockets   int // connections with Redis
}

// full is the effort of the program.
var full = effort{
	rounds: 7, calls: 200_000, together: 64, cancelled: 50, few: 1000, many: 20_000, keys: 1_000_000, exchanges: 2000, sockets: 64,
}

// A report is all that was measured.
type report struct {
	size   effort
	local  []localRow
	cancel []cancelRow
	growth []growthRow
	keys   []keysRow
	redis  *redisReport // nil without Redis
}

// measure measures everything. Notes are for people.
func measure(ctx context.Context, size effort, notes io.Writer) (*report, error) {
	if bench.RaceDetector() {
		fmt.Fprintln(notes, "limit: built with the race detector: no figure means anything")
	}
	r := &report{size: size}
	var err error
	if r.local, err = measureLocal(ctx, size); err != nil {
		return nil, err
	}
	if r.growth, err = measureGrowth(ctx, size); err != nil {
		return nil, err
	}
	if r.keys, err = measureKeys(ctx, size); err != nil {
		return nil, err
	}
	if r.cancel, err = measureCancelled(ctx, size); err != nil {
		return nil, err
	}
	if r.redis, err = measureRedis(ctx, size, notes); err != nil {
		return nil, fmt.Errorf("redis: %w", err)
	}
	return r, nil
}
