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

// onCrowds measures how much every kind keeps in memory while many of its calls, each with a long body, wait for their
// answers. The bodies are all the same slice, which was there before: what comes on top of it are the copies that a
// client makes, and keeps in case it has to send them again.
func (r *report) onCrowds(size effort) error {
	d, err := openDepot()
	if err != nil {
		return err
	}
	defer d.close()
	l := load{name: "crowd", body: chat.Prose(size.large[1])}
	haulers, err := d.haulers(&l)
	if err != nil {
		return err
	}
	r.crowd = size.crowd
	for _, h := range haulers {
		live, err := h.crowd(size.crowd)
		if err != nil {
			return fmt.Errorf("%s, %d calls at once: %w", h.name, size.crowd, err)
		}
		for i := range r.rows {
			if r.rows[i].key == h.key {
				r.rows[i].live = live
			}
		}
		if h.audit == nil {
			continue
		}
		line, err := h.audit.check(h.calls)
		if err != nil {
			return fmt.Errorf("%s: %w", h.name, err)
		}
		r.checked = append(r.checked, fmt.Sprintf("%s, %d calls at once: %s", h.name, size.crowd, line))
	}
	if n := d.strange.Load(); n != 0 {
		return fmt.Errorf("%d of the bodies are not the ones that were rehearsed", n)
	}
	return nil
}

// crowd makes n calls at once and returns the most bytes that they kept alive, beyond what was alive before.
func (h *hauler) crowd(n int) (int64, error) {
	// Not the hauler's own call: it reads its answers into a buffer of which there is one.
	rt, books, err := h.kind.client(h.depot.base())
	if err != nil {
		return 0, err
	}
	h.audit, h.calls = books, int64(n)
	calls := make([]call, n)
	for i := range calls {
		calls[i] = roundTrips(rt, h.depot.root+path, h.load.body)
	}
	h.depot.want.Store(h.sent)
	gate := h.depot.hold(n)
	errs := make(chan error, n)
	debug.FreeOSMemory() // what others have left, which else may run into the machine's limit
	before := live()
	arrived := make(chan struct{})
	go func() {
		gate.arrived.Wait()
		close(arrived)
	}()
	for _, call := range calls {
		go func() { errs <- call() }()
	}
	most, err := watch(arrived, errs)
	close(gate.open)
	if err != nil {
		return 0, err
	}
	for range n {
		err = errors.Join(err, <-errs)
	}
	return most - before, err
}

// watch returns the most bytes that were alive until all bodies have arrived, and then. No call may end before.
func watch(arrived <-chan struct{}, errs <-chan error) (int64, error) {
	// What the latest collection found alive; that it finds more only after it has run is why it runs again at the end.
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	var most int64
	for {
		select {
		case err := <-errs:
			return 0, errors.Join(errors.New("a call ended before all bodies had arrived"), err)
		case <-tick.C:
			metrics.Read(sample)
			most = max(most, int64(sample[0].Value.Uint64()))
		case <-arrived:
			return max(most, live()), nil
		}
	}
}

// live returns how many bytes are alive. The second collection is for what the first has left in pools.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
