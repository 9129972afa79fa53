package price

import (
	"errors"
	"math"
	"math/bits"
	"time"
)

// errOverflow refuses a cost that a [Pico] cannot hold. It is made once, so that pricing does not allocate.
var errOverflow = errors.New("the cost is more than a picodollar count can hold")

// tally is a sum of products in 128 bits. No product is negative. A price is below 2^44 and a count below 2^63, so the
// sum of one product per counter cannot overflow.
type tally struct{ hi, lo uint64 }

// add adds the cost of the tokens at the price.
func (t *tally) add(tokens, price int64) {
	hi, lo := bits.Mul64(uint64(tokens), uint64(price))
	var carry uint64
	t.lo, carry = bits.Add64(t.lo, lo, 0)
	t.hi, _ = bits.Add64(t.hi, hi, carry)
}

// pico returns the sum, if it fits.
func (t *tally) pico() (Pico, error) {
	if t.hi != 0 || t.lo > math.MaxInt64 {
		return 0, errOverflow
	}
	return Pico(t.lo), nil
}

// ratio is the factor num/den. The zero ratio is 1.
type ratio struct{ num, den uint64 }

// ratioOf returns the factor that an amount in dollars stands for: 11/10 for $1.10.
func ratioOf(factor Pico) ratio {
	a, b := uint64(factor), uint64(USD)
	for b != 0 {
		a, b = b, a%b
	}
	return ratio{uint64(factor) / a, uint64(USD) / a}
}

// timesEven returns p times the factor, rounded to the nearest picodollar, half to even. The amount must not be negative.
func (r ratio) timesEven(p Pico) (Pico, error) {
	product, rest, err := r.times(p)
	if half := r.den - rest; rest > 0 && (rest > half || rest == half && product&1 == 1) {
		return product.next()
	}
	return product, err
}

// timesUp returns p times the factor, rounded up. The amount must not be negative.
func (r ratio) timesUp(p Pico) (Pico, error) {
	product, rest, err := r.times(p)
	if rest > 0 {
		return product.next()
	}
	return product, err
}

// times returns p times the factor, rounded down, and the remainder in parts of den.
func (r ratio) times(p Pico) (product Pico, rest uint64, err error) {
	if r.den == 0 {
		return p, 0, nil
	}
	hi, lo := bits.Mul64(uint64(p), r.num)
	if hi >= r.den {
		return 0, 0, errOverflow
	}
	lo, rest = bits.Div64(hi, lo, r.den)
	if lo > math.MaxInt64 {
		return 0, 0, errOverflow
	}
	return Pico(lo), rest, nil
}

// next returns the next larger picodollar count, if there is one.
func (p Pico) next() (Pico, error) {
	if p == math.MaxInt64 {
		return 0, errOverflow
	}
	return p + 1, nil
}

// wide is a number of 128 bits that is not negative. An overflow is recorded. A number that overflows is far beyond any
// [Pico]: a Pico ends at 2^63 picodollars, and that is less than 2^127 even when it is counted per nanosecond of an hour
// and per millionth of an uplift.
type wide struct {
	hi, lo   uint64
	overflow bool
}

// add adds the product of the three. None of them may be negative.
func (w *wide) add(tokens int64, held time.Duration, price int64) {
	var product wide
	product.hi, product.lo = bits.Mul64(uint64(tokens), uint64(held))
	product.mul(uint64(price))
	var carry uint64
	w.lo, carry = bits.Add64(w.lo, product.lo, 0)
	w.hi, carry = bits.Add64(w.hi, product.hi, carry)
	w.overflow = w.overflow || product.overflow || carry != 0
}

// mul multiplies the number by n.
func (w *wide) mul(n uint64) {
	over, hi := bits.Mul64(w.hi, n)
	up, lo := bits.Mul64(w.lo, n)
	var carry uint64
	w.lo = lo
	w.hi, carry = bits.Add64(hi, up, 0)
	w.overflow = w.overflow || over != 0 || carry != 0
}

// div returns the number divided by n, rounded to the nearest, half to even, and whether the result fits.
func (w *wide) div(n uint64) (uint64, bool) {
	if w.overflow || w.hi >= n {
		return 0, false
	}
	quotient, rest := bits.Div64(w.hi, w.lo, n)
	if half := n - rest; rest > half || rest == half && quotient&1 == 1 {
		return quotient + 1, quotient+1 != 0
	}
	return quotient, true
}
