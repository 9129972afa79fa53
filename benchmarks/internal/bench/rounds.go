// Package bench measures several ways to do one thing against each other, on a machine that is shared and noisy.
package bench

import (
	"cmp"
	"runtime"
	"slices"
	"time"
)

// A Timing is how long a way takes, and how that compares with the reference's time in the same round: medians of all
// rounds.
type Timing struct {
	Time  time.Duration
	Ratio float64
}

// Micros returns the time in microseconds.
func (t Timing) Micros() float64 { return float64(t.Time.Nanoseconds()) / 1e3 }

// Interleave times every way once in each round, so that a slow phase of the machine affects all of them. Each round begins
// with another way. The ratios compare each way with the reference in the same round.
func Interleave(rounds, ways, reference int, time func(way int) (time.Duration, error)) ([]Timing, error) {
	took := make([][]float64, ways)
	for round := range rounds {
		for i := range ways {
			way := (i + round) % ways
			d, err := time(way)
			if err != nil {
				return nil, err
			}
			took[way] = append(took[way], float64(d))
		}
	}
	timings := make([]Timing, ways)
	for way := range ways {
		ratios := make([]float64, rounds)
		for round := range rounds {
			ratios[round] = took[way][round] / took[reference][round]
		}
		timings[way] = Timing{duration(Median(took[way])), Median(ratios)}
	}
	return timings, nil
}

// Repeat returns how long one of n calls takes. It starts from a clean heap, so that no way pays for the garbage of another,
// and with calls that are not timed, to fill the caches.
func Repeat(warm, n int, call func() error) (time.Duration, error) {
	runtime.GC()
	for range warm {
		if err := call(); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	for range n {
		if err := call(); err != nil {
			return 0, err
		}
	}
	return time.Since(start) / time.Duration(n), nil
}

// Allocated returns the allocations, and their bytes, of n calls. It counts those of the whole program, so nothing else may
// run.
func Allocated(n int, call func() error) (allocs, bytes float64, err error) {
	runtime.GC() // so that hardly any runs during the calls: it would empty pools
	if err := call(); err != nil {
		return 0, 0, err
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		err = cmp.Or(err, call())
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n), err
}

// Median returns the middle of the numbers.
func Median(of []float64) float64 {
	s := slices.Sorted(slices.Values(of))
	n := len(s)
	return (s[(n-1)/2] + s[n/2]) / 2
}

func duration(ns float64) time.Duration { return time.Duration(ns) }
