package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
)

// delays are how long calls waited, the longest first, while the sink blocked.
type delays struct {
	callers int
	took    []time.Duration
}

// waited returns how many calls waited for the sink: for OpenWait, or most of it.
func (d *delays) waited() (n int) {
	for _, took := range d.took {
		if took >= openWait*3/4 {
			n++
		}
	}
	return n
}

// at returns what a share of the calls, from 0 to 1, took at most.
func (d *delays) at(share float64) time.Duration {
	return d.took[len(d.took)-1-int(share*float64(len(d.took)-1))]
}

// openWait is the default of WriterConfig.OpenWait.
const openWait = 100 * time.Millisecond

// holdUp makes that many calls by several callers, each an Open and an Add, with a Writer of the default config. Its sink
// works at first and then blocks.
func holdUp(callers, calls int) (d *delays, err error) {
	g := new(gate)
	w := ledger.NewWriter(g, ledger.WriterConfig{})
	open := func() {}
	defer func() {
		open()
		err = errors.Join(err, w.Close(context.Background()))
	}()
	d = &delays{callers: callers}
	var mu sync.Mutex
	round := func(name string, calls int) (took []time.Duration) {
		var all sync.WaitGroup
		for caller := range callers {
			all.Go(func() {
				mine := make([]time.Duration, calls/callers)
				for i := range mine {
					r := ledger.Row{Call: fmt.Sprint(name, caller, "-", i), Attempt: 1, Outcome: policy.Open}
					began := time.Now()
					w.Open(r)
					r.Outcome = policy.Billed
					w.Add(r)
					mine[i] = time.Since(began)
				}
				mu.Lock()
				defer mu.Unlock()
				took = append(took, mine...)
			})
		}
		all.Wait()
		return took
	}
	round("before", 10*callers)
	open = g.shut()
	d.took = round("blocked", calls)
	slices.SortFunc(d.took, func(a, b time.Duration) int { return int(b - a) })
	if s := w.Stats(); s.Lost > 0 {
		err = fmt.Errorf("%d rows are lost", s.Lost)
	}
	return d, err
}
