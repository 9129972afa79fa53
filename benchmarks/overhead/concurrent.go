package main

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/skinflint-go/skinflint/benchmarks/internal/chat"
)

// measureConcurrent measures the memory that every variant keeps while many of its calls, each with a long body, wait for
// their responses. All calls send the same slice, which is allocated before. What is measured are the copies that a client
// makes, and keeps in case it has to send the body again.
func (r *report) measureConcurrent(size effort) error {
	s, err := openSink()
	if err != nil {
		return err
	}
	defer s.close()
	runners, err := s.open(&load{name: "concurrent calls", body: chat.Prose(size.long[1])})
	if err != nil {
		return err
	}
	r.concurrent = size.concurrent
	for _, lr := range runners {
		live, err := lr.runConcurrent(size.concurrent)
		if err != nil {
			return fmt.Errorf("%s, %d concurrent calls: %w", lr.name, size.concurrent, err)
		}
		for i := range r.rows {
			if r.rows[i].key == lr.key {
				r.rows[i].live = live
			}
		}
		if lr.audit == nil {
			continue
		}
		line, err := lr.audit.check(lr.calls)
		if err != nil {
			return fmt.Errorf("%s: %w", lr.name, err)
		}
		r.checked = append(r.checked, fmt.Sprintf("%s, %d concurrent calls: %s", lr.name, size.concurrent, line))
	}
	if n := s.mismatch.Load(); n != 0 {
		return fmt.Errorf("%d of the bodies are not the ones that were rehearsed", n)
	}
	return nil
}

// runConcurrent makes n calls at once and returns the peak of the bytes that they keep alive.
func (r *longRunner) runConcurrent(n int) (int64, error) {
	// The runner's own call has one buffer for its responses, so it cannot run concurrently.
	rt, audit, err := r.roundTripper(r.sink.base())
	if err != nil {
		return 0, err
	}
	r.audit, r.calls = audit, int64(n)
	calls := make([]call, n)
	for i := range calls {
		calls[i] = roundTrips(rt, r.sink.root+path, r.load.body, r.retryCount)
	}
	r.sink.want.Store(r.sent)
	gate := r.sink.hold(n)
	errs := make(chan error, n)
	debug.FreeOSMemory() // of other variants; together they may exceed the machine's memory
	before := live()
	arrived := make(chan struct{})
	go func() {
		gate.arrived.Wait()
		close(arrived)
	}()
	for _, call := range calls {
		go func() { errs <- call() }()
	}
	peak, err := watch(arrived, errs)
	close(gate.open)
	if err != nil {
		return 0, err
	}
	for range n {
		err = errors.Join(err, <-errs)
	}
	return peak - before, err
}

// watch returns the peak of the live bytes until all bodies have arrived. A call that ends before is an error.
func watch(arrived <-chan struct{}, errs <-chan error) (int64, error) {
	// The metric is what the latest garbage collection found alive. What was allocated after it is not in it, so live
	// collects once more at the end.
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var peak int64
	for {
		select {
		case err := <-errs:
			return 0, errors.Join(errors.New("a call ended before all bodies had arrived"), err)
		case <-tick.C:
			metrics.Read(sample)
			peak = max(peak, int64(sample[0].Value.Uint64()))
		case <-arrived:
			return max(peak, live()), nil
		}
	}
}

// live returns the number of live bytes. The second collection frees what the first one left in pools.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
