package main

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// warm is the number of calls before the calls that are measured. They open connections, and fill pools and caches.
const warm = 200

// rehearsals is the number of bodies of each variant that are inspected.
const rehearsals = 64

// A runner is a variant on a backend.
type runner struct {
	variant
	backend *backend
	call    call
	audit   *audit // nil for a variant without a ledger
	body    uint64 // hash of the body that it sends
	calls   int64
}

// open returns a runner for every variant, rehearsed and warmed up.
func open(b *backend, body []byte) (runners []*runner, err error) {
	for _, v := range variants() {
		r := &runner{variant: v, backend: b}
		if r.call, r.audit, err = v.open(b, body); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		if err = r.rehearse(body); err != nil {
			return nil, fmt.Errorf("%s: %w", v.name, err)
		}
		if err = r.run(warm); err != nil {
			return nil, err
		}
		runners = append(runners, r)
	}
	return runners, nil
}

// rehearse makes some calls that are not timed, and inspects the bodies that arrive. It notes their hash; the verifier
// compares the bodies of all later calls with it.
func (r *runner) rehearse(body []byte) error {
	v := r.backend.verifier
	v.keep.Store(true)
	err := r.run(rehearsals)
	v.keep.Store(false)
	sent := v.take()
	if err != nil {
		return err
	}
	if len(sent) != rehearsals {
		return fmt.Errorf("%d calls, and %d bodies arrived", rehearsals, len(sent))
	}
	for _, b := range sent {
		if !bytes.Equal(b, sent[0]) {
			return errors.New("the same call was sent with different bodies")
		}
		if err := checkBody(b, body, r.tier()); err != nil {
			return err
		}
	}
	r.body = v.hash(sent[0])
	// During the rehearsal there was no hash yet, so each of its bodies was counted as a mismatch.
	v.mismatch.Add(-rehearsals)
	return nil
}

// run makes n calls.
func (r *runner) run(n int) error {
	r.backend.verifier.want.Store(r.body)
	for range n {
		if err := r.call(); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	r.calls += int64(n)
	return nil
}

// time returns how long n calls take. It first collects garbage, so that no variant pays for the garbage of another, and
// makes some calls that are not timed, to fill the CPU's caches.
func (r *runner) time(n int) (time.Duration, error) {
	runtime.GC()
	if err := r.run(n / 20); err != nil {
		return 0, err
	}
	start := time.Now()
	err := r.run(n)
	return time.Since(start), err
}

// count returns the allocations and the allocated bytes per call. It counts those of the whole program, so it is exact
// only in memory, where no other goroutine runs.
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
