package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/bench"
)

// liveHeap is the size of a heap that the program keeps alive while it measures, like a program that makes such calls.
// With an empty heap, the garbage collector would start every 4 MB, and the figures would show its starts, not the clients.
const liveHeap = 64 << 20

// measure measures and checks every variant on every backend.
func measure(size effort) (*report, error) {
	heap := make([]byte, liveHeap)
	defer runtime.KeepAlive(heap)
	body, err := question().MarshalJSON()
	if err != nil {
		return nil, err
	}
	r := &report{rounds: size.rounds, request: len(body), answer: len(answer)}
	for _, v := range variants() {
		r.rows = append(r.rows, row{variant: v})
	}
	for _, step := range []struct {
		open  func() (*backend, error)
		calls int
		set   func(*row, *runner, bench.Timing) error
	}{
		{inMemory, size.memory, func(to *row, from *runner, t bench.Timing) (err error) {
			to.memory = t
			to.allocs, to.bytes, err = from.count(size.counted)
			return err
		}},
		{loopback, size.loopback, func(to *row, _ *runner, t bench.Timing) error { to.loopback = t; return nil }},
		{http2, size.http2, func(to *row, _ *runner, t bench.Timing) error { to.http2 = t; return nil }},
	} {
		b, err := step.open()
		if err != nil {
			return nil, err
		}
		err = r.measureOn(b, body, size.rounds, step.calls, step.set)
		b.close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.name, err)
		}
	}
	if err := r.measureLong(size); err != nil {
		return nil, err
	}
	return r, r.measureConcurrent(size)
}

// measureOn measures every variant on a backend, calls set with each timing, and then checks all calls.
func (r *report) measureOn(b *backend, body []byte, rounds, calls int, set func(*row, *runner, bench.Timing) error) error {
	runners, err := open(b, body)
	if err != nil {
		return err
	}
	timings, err := interleave(runners, rounds, calls)
	if err != nil {
		return err
	}
	for i := range runners {
		if err := set(&r.rows[i], runners[i], timings[i]); err != nil {
			return err
		}
	}
	checked, err := check(b, runners)
	r.checked = append(r.checked, checked...)
	return err
}

// interleave times every variant once in each round, so that a slow phase of the machine affects all of them. Each round
// starts with another variant. A ratio compares a variant with its reference in the same round.
func interleave(runners []*runner, rounds, calls int) ([]bench.Timing, error) {
	index := func(key string) int {
		return slices.IndexFunc(runners, func(r *runner) bool { return r.key == key })
	}
	took := make([][]float64, len(runners)) // by round
	timings, err := bench.Interleave(rounds, len(runners), index(bare), func(i int) (time.Duration, error) {
		d, err := runners[i].time(calls)
		took[i] = append(took[i], float64(d))
		return d / time.Duration(calls), err
	})
	if err != nil {
		return nil, err
	}
	// bench.Interleave has one reference for all. These variants have another one.
	for i, r := range runners {
		if r.reference == "" {
			continue
		}
		reference := took[index(r.reference)]
		ratios := make([]float64, rounds)
		for round := range ratios {
			ratios[round] = took[i][round] / reference[round]
		}
		timings[i].Ratio = bench.Median(ratios)
	}
	return timings, nil
}

// check checks all calls on a backend, and returns a line for each of our variants that says what was correct.
func check(b *backend, runners []*runner) (checked []string, err error) {
	if n := b.verifier.mismatch.Load(); n != 0 {
		return nil, fmt.Errorf("%d of the bodies are not the ones that were rehearsed: they lack the tier, have it twice, or are broken", n)
	}
	var calls int64
	for _, r := range runners {
		calls += r.calls
	}
	if n := b.verifier.seen.Load(); n != calls {
		return nil, fmt.Errorf("%d calls, and %d bodies arrived", calls, n)
	}
	for _, r := range runners {
		line := fmt.Sprintf("%s, %s: %d bodies ", r.name, b.name, r.calls)
		if tier := r.tier(); tier != "" {
			line += fmt.Sprintf("name the tier %s, once", tier)
		} else {
			line += "are unchanged"
		}
		switch {
		case r.audit != nil:
			costs, err := r.audit.check(r.calls)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.name, err)
			}
			checked = append(checked, line+"; "+costs)
		case r.key == loneRetry: // it has no ledger
			checked = append(checked, line)
		}
	}
	return checked, nil
}
