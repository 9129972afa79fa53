package llmtest

import (
	"fmt"
	"strings"
)

// Capacity decides whether there is capacity for a flex request.
//
// n counts from 0 the flex requests that reached the check of the capacity, which is the last
// check before the work. Available is called for one request at a time, in order, and must not block.
type Capacity interface {
	Available(n int) bool
}

// CapacityFunc is a function that is a [Capacity].
type CapacityFunc func(n int) bool

// Available calls f(n).
func (f CapacityFunc) Available(n int) bool { return f(n) }

// Refuse returns a Capacity that has none for the first n flex requests, and enough for all
// after them.
func Refuse(n int) Capacity {
	return CapacityFunc(func(i int) bool { return i >= n })
}

// Schedule returns a Capacity that repeats a pattern, in which 'x' is no capacity and '.' is
// capacity. Schedule("x.xx.") rejects the first request, serves the second, rejects the third
// and fourth, serves the fifth and begins again. It panics if the pattern is empty or has any
// other character.
func Schedule(pattern string) Capacity {
	if pattern == "" || strings.Trim(pattern, "x.") != "" {
		panic(fmt.Sprintf("llmtest: Schedule(%q): want a pattern of x and .", pattern))
	}
	return CapacityFunc(func(n int) bool { return pattern[n%len(pattern)] == '.' })
}

// Probability returns a Capacity that has none with a probability of p percent. For which
// requests this is depends only on the seed, so a test that failed fails again.
func Probability(p int, seed uint64) Capacity {
	return CapacityFunc(func(n int) bool { return draw(seed, uint64(n))%100 >= uint64(max(p, 0)) })
}
