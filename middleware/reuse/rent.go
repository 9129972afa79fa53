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
