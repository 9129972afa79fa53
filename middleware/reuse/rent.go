package reuse

import (
	"math"
	"math/bits"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

// rent returns what holding tokens for a time costs, rounded up to a picodollar. It is at most [math.MaxInt64].
func rent(tokens int64, held time.Duration, perHour price.Pico) price.Pico {
	if held <= 0 {
		return 0
	}
	return mulDiv(times(tokens, perHour), uint64(held), uint64(time.Hour))
}

// times returns what tokens cost. It is at most [math.MaxInt64].
func times(tokens int64, each price.Pico) price.Pico { return mulDiv(each, uint64(tokens), 1) }

// mulDiv returns p times a number, divided by another, rounded up. It is at most [math.MaxInt64]. p must not be negative.
func mulDiv(p price.Pico, by, over uint64) price.Pico {
	hi, lo := bits.Mul64(uint64(p), by)
	lo, carry := bits.Add64(lo, over-1, 0)
	hi += carry
	if hi >= over {
		return math.MaxInt64
	}
	quotient, _ := bits.Div64(hi, lo, over)
	return price.Pico(min(quotient, math.MaxInt64))
}

// add returns a sum, or the end of the range that it exceeds.
func add(a, b price.Pico) price.Pico {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}
