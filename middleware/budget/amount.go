package budget

import (
	"math"

	"github.com/skinflint-go/skinflint/policy/price"
)

// full is an amount that is too large to be counted. It stays full whatever is added to it or taken from it, so that the
// budget admits nothing until it has left the window.
const full price.Pico = math.MaxInt64

// plus returns a+b. If that is too large, or a is full, it is full.
func plus(a, b price.Pico) price.Pico {
	sum := a + b
	switch {
	case a == full, a > 0 && b > 0 && sum < 0:
		return full
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	}
	return sum
}

// fits reports whether an attempt of at most so much fits under the cap beside what is spent and held. None of
// these is negative.
func fits(spent, held, most, limit price.Pico) bool {
	return spent <= limit && most <= limit-spent-held
}

// An amounts is what a row adds to an account.
type amounts struct {
	cost, exposure price.Pico
	unknown        int32 // 1 if it is not known what else it cost
}

// minus returns the change from amounts that were counted before.
func (n amounts) minus(was amounts) amounts {
	return amounts{n.cost - was.cost, n.exposure - was.exposure, n.unknown - was.unknown}
}
