package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// An effort says how much is measured.
type effort struct {
	rounds   int
	memory   int // calls of each kind in a round, in memory
	loopback int // and over loopback
	counted  int // calls whose allocations are counted
}

// full takes some 20 s on two slow cores.
var full = effort{rounds: 12, memory: 3000, loopback: 600, counted: 5000}

// warm is how many calls come before those that count: they open the connections, and fill pools and caches.
const warm = 200

// A report is all that was found out.
type report struct {
	rows            []row
	rounds          int
	request, answer int // bytes
	checked         []string
}

// A row is what was found out about one kind.
type row struct {
	kind
	memory, loopback timing
	allocs, bytes    float64 // of a call, in memory
}

// A timing is a kind's time on one ground, and its ratio to the bare transport's.
type timing struct{ micros, ratio float64 }

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
	err = r.on(memory, body, size.rounds, size.memory, func(runners []*runner, timings []timing) error {
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
	err = r.on(loop, body, size.rounds, size.loopback, func(_ []*runner, timings []timing) error {
		for i := range timings {
			r.rows[i].loopback = timings[i]
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", loop.name, err)
	}
	return r, nil
}

// on measures every kind on a ground, lets use take the times, and checks the whole.
func (r *report) on(g *ground, body []byte, rounds, calls int, use func([]*runner, []timing) error) error {
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
func interleave(runners []*runner, rounds, calls int) ([]timing, error) {
	micros := make([][]float64, len(runners))
	for round := range rounds {
		for i := range runners {
			i = (i + round) % len(runners)
			took, err := runners[i].time(calls)
			if err != nil {
				return nil, err
			}
			micros[i] = append(micros[i], float64(took.Nanoseconds())/1e3/float64(calls))
		}
	}
	reference := slices.IndexFunc(runners, func(r *runner) bool { return r.key == bare })
	timings := make([]timing, len(runners))
	for i := range runners {
		ratios := make([]float64, rounds)
		for round := range rounds {
			ratios[round] = micros[i][round] / micros[reference][round]
		}
		timings[i] = timing{median(micros[i]), median(ratios)}
	}
	return timings, nil
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

func median(of []float64) float64 {
	s := slices.Sorted(slices.Values(of))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}
