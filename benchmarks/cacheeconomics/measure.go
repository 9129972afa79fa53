package main

import (
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
)

// A workload is a trace and the part of it that counts.
type workload struct {
	name     string
	trace    *trace
	begin    time.Duration
	requests []request // since begin
	main     bool      // the second half of the recorded trace, for which there are targets
}

// workloads returns what is measured. recorded may be nil.
func workloads(recorded *trace, generated []*trace) []workload {
	var all []workload
	if recorded != nil {
		half := recorded.half()
		all = append(all,
			workload{recorded.name + ", second half", recorded, half, recorded.since(half), true},
			workload{recorded.name + ", whole", recorded, 0, recorded.requests, false})
	}
	for _, t := range generated {
		all = append(all, workload{t.name, t, 0, t.requests, false})
	}
	return all
}

// A result is the figures of a workload.
type result struct {
	workload
	explicit []explicit
	writes   []writes
}

// explicit is what policies for explicit caches cost, and what can be saved, in a setting.
type explicit struct {
	setting   setting
	none      price.Pico
	simple    []price.Pico // costs of the baselines
	ours      outcome
	hindsight price.Pico // what it saves
	bound     price.Pico // what nothing can save more than
}

// writes is what policies for priced writes cost.
type writes struct {
	product                          string
	scale                            float64
	never, always, ours, clairvoyant price.Pico
}

// measure measures workloads on all processors.
func measure(all []workload) ([]result, error) {
	var jobs []func() error
	results := make([]result, len(all))
	for i, w := range all {
		r := &results[i]
		r.workload = w
		nodes := sync.OnceValue(func() []node { return nodesOf(w.requests) })
		all := slices.Concat(settings(reuse.Before), settings(reuse.Beside))
		r.explicit = make([]explicit, len(all))
		for k, s := range all {
			e := &r.explicit[k]
			jobs = append(jobs, func() (err error) {
				*e, err = w.explicit(s, nodes())
				return err
			})
		}
		r.writes = make([]writes, len(scales)*len(products))
		for k := range r.writes {
			jobs = append(jobs, func() error {
				r.writes[k] = w.write(&products[k%len(products)], scales[k/len(products)])
				return nil
			})
		}
	}
	return results, inParallel(jobs)
}

// inParallel does all jobs, as many at once as there are processors, and returns the error of one that failed.
func inParallel(jobs []func() error) error {
	todo := make(chan func() error)
	failed := make(chan error, len(jobs))
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for job := range todo {
				if err := job(); err != nil {
					failed <- err
				}
			}
		})
	}
	for _, job := range jobs {
		todo <- job
	}
	close(todo)
	wg.Wait()
	close(failed)
	return <-failed
}

// explicit measures policies for explicit caches in a setting.
func (w *workload) explicit(s setting, nodes []node) (e explicit, err error) {
	e.setting = s
	e.none = s.without(w.requests)
	for i := range simple {
		e.simple = append(e.simple, simple[i].run(w.trace.requests, s, w.begin))
	}
	e.hindsight, e.bound = hindsight(w.requests, nodes, s), bound(w.requests, nodes, s)
	e.ours, err = hold(w.trace, s, w.begin, reuse.HolderConfig{})
	return e, err
}

// write measures policies for priced writes.
func (w *workload) write(p *product, scale float64) writes {
	return writes{
		product: p.name, scale: scale,
		never:       p.never(w.requests),
		always:      p.run(w.trace.requests, scale, w.begin, always{}),
		ours:        p.run(w.trace.requests, scale, w.begin, newLearned(*p)),
		clairvoyant: p.clairvoyant(w.requests, scale),
	}
}
