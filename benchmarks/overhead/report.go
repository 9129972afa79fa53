package main

import "github.com/skinflint-go/skinflint/benchmarks/internal/bench"

// An effort says how much is measured.
type effort struct {
	rounds   int
	memory   int // calls of each variant in a round, in memory
	loopback int // calls over loopback
	http2    int // calls over HTTP/2
	counted  int // calls whose allocations are counted

	long       [2]int // sizes of the long bodies in bytes
	longRounds int
	longCalls  int // calls of each variant in a round, with the shorter of the long bodies
	concurrent int // concurrent calls with the longer of them
}

// full takes about a minute on two slow cores. It needs up to 4 GB of memory for the copies that other libraries make of
// the bodies of concurrent calls.
var full = effort{
	rounds: 12, memory: 3000, loopback: 600, http2: 300, counted: 5000,
	long: [2]int{1 << 20, 16 << 20}, longRounds: 9, longCalls: 16, concurrent: 100,
}

// A report is the result of all measurements.
type report struct {
	rows            []row
	rounds          int
	request, answer int      // bytes
	loads           []string // names of the long bodies
	concurrent      int      // concurrent calls with the longest body
	checked         []string // what was found correct, one line each
}

// A row is the result for one variant.
type row struct {
	variant
	memory, loopback, http2 bench.Timing
	allocs, bytes           float64        // per call, in memory
	long                    []bench.Timing // one for each load; none for a variant without long bodies
	live                    int64          // bytes that concurrent calls keep alive
}
