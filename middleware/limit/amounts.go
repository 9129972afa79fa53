package limit

import "math"

// A unit is what a limit per minute counts.
type unit uint8

const (
	unitRequests unit = iota
	unitTokens
	unitInput
	unitOutput
	units
)

// amounts are what an attempt takes from each limit, by unit.
type amounts [units]int64

// mostTokens is more than an attempt can use. The sum of so many for each of a million attempts is still a number.
const mostTokens = 1 << 40

// amountsOf returns what an attempt takes that is estimated to use the tokens.
func amountsOf(t Tokens) amounts {
	in, out := min(max(t.Input, 0), mostTokens), min(max(t.Output, 0), mostTokens)
	return amounts{1, in + out, in, out}
}

// add adds other amounts.
func (a *amounts) add(other *amounts) {
	for u, n := range other {
		a[u] += n
	}
}

// sum returns a + b, or the largest number if that exceeds it.
func sum(a, b int64) int64 {
	if b > 0 && a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// perMinute and perDay name what limits count.
var (
	perMinute = [units]string{"requests per minute", "tokens per minute", "input tokens per minute", "output tokens per minute"}
	perDay    = [units]string{"requests per day", "tokens per day", "input tokens per day", "output tokens per day"}
)
