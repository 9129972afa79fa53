package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// An effort says how much is measured.
type effort struct {
	rounds   int
	memory   int // calls of each kind in a round, in memory
	loopback int // and over loopback
	counted  int // calls whose allocations are counted

	large       [2]int // bytes of the long bodies
	largeRounds int
	largeCalls  int // of each kind in a round, with the shorter of them
	crowd       int // calls at once, with the longer of them
}

// full takes some 45 s on two slow cores, and up to 4 GB of memory: the peers' copies of a crowd's bodies.
var full = effort{
	rounds: 12, memory: 3000, loopback: 600, counted: 5000,
	large: [2]int{1 << 20, 16 << 20}, largeRounds: 9, largeCalls: 16, crowd: 100,
}

// warm is how many calls come before those that count: they open the connections, and fill pools and caches.
const warm = 200

// A report is all that was found out.
type report struct {
	rows            []row
	rounds          int
	request, answer int      // bytes
	loads           []string // the long bodies' names
	crowd           int      // calls at once with the longest
	checked         []string
}

// A row is what was found out about one kind.
type row struct {
	kind
	memory, loopback bench.Timing
	allocs, bytes    float64        // of a call, in memory
	loads            []bench.Timing // with long bodies; none for a kind that does not send them
	live             int64          // bytes that a crowd of calls keeps alive
}

// liveHeap is what the program keeps in memory meanwhile, as one that makes such calls does. With an empty heap the
// collector would start anew every 4 MB, and its starts, not the clients, be what is measured.
const liveHeap = 64 << 20

// measure measures and checks every kind on both grounds.
func measure(size effort) (*report, error) {
	heap := make([]byte, liveHeap)
	defer runtime.KeepAlive(heap)
	body, err := question().MarshalJSON()
	if err != nil {
		return nil, err
	}
	r := &report{rounds: size.rounds, request: len(body), answer: len(answer)}
	for _, k := range kinds() {
		r.rows = append(r.rows, row{kind: k})
	}
	memory := inMemory()
	defer memory.close()
	err = r.on(memory, body, size.rounds, size.memory, func(runners []*runner, timings []bench.Timing) error {
		for i, runner := range runners {
			r.rows[i].memory = timings[i]
			if r.rows[i].allocs, r.rows[i].bytes, err = runner.count(size.counted); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", memory.name, err)
	}
	loop, err := loopback()
	if err != nil {
		return nil, err
	}
	defer loop.close()
	err = r.on(loop, body, size.rounds, size.loopback, func(_ []*runner, timings []bench.Timing) error {
		for i := range timings {
			r.rows[i].loopback = timings[i]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", loop.name, err)
	}
	if err := r.onLoads(size); err != nil {
		return nil, err
	}
	return r, r.onCrowds(size)
}

// on measures every kind on a ground, lets use take the times, and checks the whole.
func (r *report) on(g *ground, body []byte, rounds, calls int, use func([]*runner, []bench.Timing) error) error {
	runners, err := open(g, body)
	if err != nil {
		return err
	}
	timings, err := interleave(runners, rounds, calls)
	if err != nil {
		return err
	}
	if err := use(runners, timings); err != nil {
		return err
	}
	checked, err := check(g, runners)
	r.checked = append(r.checked, checked...)
	return err
}

// A runner is a kind on a ground.
type runner struct {
	kind
	ground *ground
	call   call
	audit  *audit // of ours
	body   uint64 // the hash of what it sends
	calls  int64
}

// open sets every kind up on a ground, rehearses it, and warms it up.
func open(g *ground, body []byte) (runners []*runner, err error) {
	for _, k := range kinds() {
		r := &runner{kind: k, ground: g}
		if r.call, r.audit, err = k.open(g, body); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		if err = r.rehearse(body); err != nil {
			return nil, fmt.Errorf("%s: %w", k.name, err)
		}
		if err = r.run(warm); err != nil {
			return nil, err
		}
		runners = append(runners, r)
	}
	return runners, nil
}

// run makes n calls.
func (r *runner) run(n int) error {
	r.ground.witness.want.Store(r.body)
	for range n {
		if err := r.call(); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	r.calls += int64(n)
	return nil
}

// interleave runs every kind once a round, so that whatever slows the machine down for a while slows them all, each
// round beginning with another kind. A round's ratios are to its own run of the bare transport.
func interleave(runners []*runner, rounds, calls int) ([]bench.Timing, error) {
	reference := slices.IndexFunc(runners, func(r *runner) bool { return r.key == bare })
	return bench.Interleave(rounds, len(runners), reference, func(i int) (time.Duration, error) {
		took, err := runners[i].time(calls)
		return took / time.Duration(calls), err
	})
}

// time returns how long n calls take. It starts from a clean heap, so that nobody collects what another left, and with
// a few calls that do not count, for the caches.
func (r *runner) time(n int) (time.Duration, error) {
	runtime.GC()
	if err := r.run(n / 20); err != nil {
		return 0, err
	}
	start := time.Now()
	err := r.run(n)
	return time.Since(start), err
}

// count returns how much a call allocates. In memory all of it is this goroutine's.
func (r *runner) count(n int) (allocs, bytes float64, err error) {
	if err := r.run(n / 20); err != nil {
		return 0, 0, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err = r.run(n)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n), err
}
