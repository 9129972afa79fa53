package llmtest

import (
	"fmt"
	"strings"
)

// Capacity decides whether there is room for a flex request. n counts the flex
// requests that got as far as asking for room, from 0. It is called for one
// request at a time, in order, and must not block.
type Capacity interface {
	Available(n int) bool
}

// CapacityFunc makes a [Capacity] of a function.
type CapacityFunc func(n int) bool

// Available calls f(n).
func (f CapacityFunc) Available(n int) bool { return f(n) }

// Refuse has no room for the first n flex requests, and room for all after them.
func Refuse(n int) Capacity {
	return CapacityFunc(func(i int) bool { return i >= n })
}

// Schedule follows a pattern, over and over: 'x' is a refusal and '.' is room.
// Schedule("x.xx.") refuses the first request, serves the second, refuses the
// third and fourth, serves the fifth and begins again. It panics on a pattern
// that is empty or has any other character.
func Schedule(pattern string) Capacity {
	if pattern == "" || strings.Trim(pattern, "x.") != "" {
		panic(fmt.Sprintf("llmtest: Schedule(%q): want a pattern of x and .", pattern))
	}
	return CapacityFunc(func(n int) bool { return pattern[n%len(pattern)] == '.' })
}

// Probability refuses a flex request with a probability of p percent. Which ones
// it refuses depends on seed alone, so a test that failed fails again.
func Probability(p int, seed uint64) Capacity {
	return CapacityFunc(func(n int) bool { return draw(seed, uint64(n))%100 >= uint64(max(p, 0)) })
}

// draw returns the n-th number of the sequence that seed names (SplitMix64).
// For one seed no two n give the same number, which makes it fit for ids.
func draw(seed, n uint64) uint64 {
	return mix(mix(seed) + n*0x9e3779b97f4a7c15)
}

func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
