package main

import (
	"math/bits"
	"time"

	"github.com/skinflint-go/skinflint/middleware/reuse"
	"github.com/skinflint-go/skinflint/policy/price"
)

const leastBlocks = least / block

var (
	scales    = []float64{0.1, 1, 10}
	implicits = []int{0, 30, 70}
)

// settings returns all settings in which caches are created before the calls, or those in which they are created beside.
func settings(mode reuse.Mode) []setting {
	var all []setting
	for _, m := range models {
		for _, x := range scales {
			for _, p := range implicits {
				all = append(all, setting{m, x, p, mode})
			}
		}
	}
	return all
}

func (s *setting) beside() bool { return s.mode == reuse.Beside }

// time is a time of the trace in the setting.
func (s *setting) time(d time.Duration) time.Duration { return time.Duration(float64(d) * s.scale) }

// create is what it costs to create a cache.
func (s *setting) create(tokens int64) price.Pico { return price.Pico(tokens) * s.model.rates.Input }

// rent is what it costs to hold a cache.
func (s *setting) rent(tokens int64, held time.Duration) price.Pico {
	hi, lo := bits.Mul64(uint64(price.Pico(tokens)*s.model.rates.Storage), uint64(max(held, 0)))
	cost, _ := bits.Div64(hi, lo, uint64(time.Hour))
	return price.Pico(cost)
}

// breakEven is for how long the storage of a token costs less than something else.
func (s *setting) breakEven(p price.Pico) time.Duration {
	return time.Duration(float64(p) / float64(s.model.rates.Storage) * float64(time.Hour))
}

// without is what requests cost without explicit caches.
func (s *setting) without(requests []request) (sum price.Pico) {
	for i := range requests {
		sum += s.input(&requests[i], 0)
	}
	return sum
}

// since returns the requests from a time on.
func (t *trace) since(begin time.Duration) []request {
	i := 0
	for i < len(t.requests) && t.requests[i].at < begin {
		i++
	}
	return t.requests[i:]
}
