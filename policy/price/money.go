package price

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Pico is an amount of money in picodollars (1e-12 USD). The zero value is no money. Every token price that a provider
// publishes is a whole number of picodollars. A Pico holds up to 9.22 million dollars, positive or negative. That is enough
// for one call; use a [Sum] to add up many.
type Pico int64

// USD is one US dollar.
const USD Pico = 1e12

// decimals is how many decimals of a dollar a picodollar has.
const decimals = 12

var (
	errNotNumber = errors.New("want digits, with at most one point between them and at most one '-' before them")
	errTooFine   = errors.New("finer than a picodollar (12 decimals)")
	errTooMuch   = errors.New("too large")
	errNotString = errors.New("want a JSON string")
)

// ParseUSD reads an exact amount in US dollars, such as "0.25", "-1.5" or "0". It accepts no exponent, no plus sign, no
// thousands separator and no spaces, and needs a digit on both sides of a point. An amount finer than a picodollar, or
// beyond what a [Pico] can hold, is an error. Each error quotes the text.
func ParseUSD(s string) (Pico, error) {
	sum, err := parseSum(s)
	if err != nil {
		return 0, amountError(s, err)
	}
	p, ok := sum.Pico()
	if !ok {
		return 0, amountError(s, errTooMuch)
	}
	return p, nil
}

// MustUSD is [ParseUSD] for amounts written in a program. It panics where ParseUSD returns an error.
func MustUSD(s string) Pico {
	p, err := ParseUSD(s)
	if err != nil {
		panic(err)
	}
	return p
}

// String returns the amount in US dollars as the shortest exact decimal: "0.25", "0", "-1.5". [ParseUSD] reads it back.
func (p Pico) String() string { return sumOf(p).String() }

// Append appends the amount to b in the form of [Pico.String]. It does not allocate if b has room for 21 bytes.
func (p Pico) Append(b []byte) []byte {
	n := uint64(p)
	if p < 0 {
		b, n = append(b, '-'), -n
	}
	const one = uint64(USD)
	b = strconv.AppendUint(b, n/one, 10)
	fraction := n % one
	if fraction == 0 {
		return b
	}
	// The 12 decimals may begin with zeros. A 1 before them keeps these, and is then replaced by the point.
	at := len(b)
	b = strconv.AppendUint(b, one+fraction, 10)
	b[at] = '.'
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// MarshalJSON writes the amount as a JSON string with the exact decimal. Most programs would read a JSON number as a float.
func (p Pico) MarshalJSON() ([]byte, error) { return sumOf(p).MarshalJSON() }

// UnmarshalJSON reads what [Pico.MarshalJSON] writes. Anything but a JSON string is an error, and so is null: a missing
// amount is not zero.
func (p *Pico) UnmarshalJSON(b []byte) error {
	s, err := jsonString(b)
	if err != nil {
		return err
	}
	v, err := ParseUSD(s)
	if err != nil {
		return err
	}
	*p = v
	return nil
}

// Sum is a sum of Picos in 128 bits. It holds up to 1.7e26 US dollars, positive or negative, and saturates there instead of
// wrapping around. The zero value is 0. Sums are values and can be compared with ==. A Sum is not safe for concurrent use.
type Sum struct {
	hi int64
	lo uint64
}

var (
	maxSum = Sum{math.MaxInt64, math.MaxUint64}
	minSum = Sum{math.MinInt64, 0}
)

// sumOf returns p in 128 bits.
func sumOf(p Pico) Sum { return Sum{int64(p) >> 63, uint64(p)} }

// Add adds p.
func (s *Sum) Add(p Pico) { s.AddSum(sumOf(p)) }

// AddSum adds t.
func (s *Sum) AddSum(t Sum) {
	lo, carry := bits.Add64(s.lo, t.lo, 0)
	hi, _ := bits.Add64(uint64(s.hi), uint64(t.hi), carry)
	*s = saturated(s.hi, Sum{int64(hi), lo}, (s.hi < 0) == (t.hi < 0))
}

// Minus returns s minus t.
func (s Sum) Minus(t Sum) Sum {
	lo, borrow := bits.Sub64(s.lo, t.lo, 0)
	hi, _ := bits.Sub64(uint64(s.hi), uint64(t.hi), borrow)
	return saturated(s.hi, Sum{int64(hi), lo}, (s.hi < 0) != (t.hi < 0))
}

// saturated returns r, the result of adding to or subtracting from a number whose upper half was hi. If r has overflowed, it
// returns the end of the range instead. That is possible only if mayOverflow is true; the sign of r is then wrong.
func saturated(hi int64, r Sum, mayOverflow bool) Sum {
	switch {
	case !mayOverflow || (hi < 0) == (r.hi < 0):
		return r
	case hi < 0:
		return minSum
	}
	return maxSum
}

// Sign returns -1 if s is negative, 0 if it is zero and 1 if it is positive.
func (s Sum) Sign() int { return s.Cmp(Sum{}) }

// Cmp returns -1 if s is less than t, 0 if they are equal and 1 if s is greater.
func (s Sum) Cmp(t Sum) int {
	switch {
	case s == t:
		return 0
	case s.hi < t.hi, s.hi == t.hi && s.lo < t.lo:
		return -1
	}
	return 1
}

// Pico returns the sum as a [Pico], and whether it fits. If it does not, the Pico is 0.
func (s Sum) Pico() (Pico, bool) {
	p := Pico(s.lo)
	if sumOf(p) != s {
		return 0, false
	}
	return p, true
}

// String returns the sum in US dollars as the shortest exact decimal, in the form of [Pico.String].
func (s Sum) String() string {
	// The longest sum is "-", 39 digits and a point.
	return string(s.appendTo(make([]byte, 0, 48)))
}

// MarshalJSON writes the sum as a JSON string with the exact decimal.
func (s Sum) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 48), '"')
	return append(s.appendTo(b), '"'), nil
}

// UnmarshalJSON reads what [Sum.MarshalJSON] writes. Anything but a JSON string is an error, and so is null.
func (s *Sum) UnmarshalJSON(b []byte) error {
	text, err := jsonString(b)
	if err != nil {
		return err
	}
	v, err := parseSum(text)
	if err != nil {
		return amountError(text, err)
	}
	*s = v
	return nil
}

// appendTo appends the decimal to b.
func (s Sum) appendTo(b []byte) []byte {
	hi, lo := s.halves()
	if s.hi < 0 {
		b = append(b, '-')
	}
	var digits [40]byte
	n := len(digits)
	for hi != 0 || lo != 0 || n > len(digits)-decimals-1 {
		var digit uint64
		hi, digit = hi/10, hi%10
		lo, digit = bits.Div64(digit, lo, 10)
		n--
		digits[n] = '0' + byte(digit)
	}
	whole, fraction := digits[n:len(digits)-decimals], digits[len(digits)-decimals:]
	b = append(b, whole...)
	if f := strings.TrimRight(string(fraction), "0"); f != "" {
		b = append(append(b, '.'), f...)
	}
	return b
}

// halves returns the absolute value in two halves.
func (s Sum) halves() (hi, lo uint64) {
	if s.hi >= 0 {
		return uint64(s.hi), s.lo
	}
	lo, borrow := bits.Sub64(0, s.lo, 0)
	hi, _ = bits.Sub64(0, uint64(s.hi), borrow)
	return hi, lo
}

// parseSum reads a decimal. Its errors do not quote the text.
func parseSum(s string) (Sum, error) {
	text, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(text, ".")
	if !allDigits(whole) || point && !allDigits(fraction) {
		return Sum{}, errNotNumber
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > decimals {
		return Sum{}, errTooFine
	}
	var m magnitude
	m.read(whole)
	m.read(fraction)
	m.read("000000000000"[len(fraction):])
	return m.sum(negative)
}

// magnitude is an absolute value that is built up digit by digit.
type magnitude struct {
	hi, lo   uint64
	overflow bool
}

// read appends digits to the number.
func (m *magnitude) read(digits string) {
	for _, d := range []byte(digits) {
		over, hi := bits.Mul64(m.hi, 10)
		up, lo := bits.Mul64(m.lo, 10)
		lo, carry := bits.Add64(lo, uint64(d-'0'), 0)
		hi, carry = bits.Add64(hi, up, carry)
		m.hi, m.lo = hi, lo
		m.overflow = m.overflow || over != 0 || carry != 0
	}
}

// sum returns the number with its sign.
func (m *magnitude) sum(negative bool) (Sum, error) {
	s := Sum{int64(m.hi), m.lo}
	switch {
	case m.overflow:
		return Sum{}, errTooMuch
	case negative && s == minSum:
		return s, nil
	case s.hi < 0:
		return Sum{}, errTooMuch
	case negative:
		return Sum{}.Minus(s), nil
	}
	return s, nil
}

// allDigits reports whether s consists of one or more decimal digits.
func allDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// jsonString decodes b, which must be a JSON string.
func jsonString(b []byte) (string, error) {
	if len(b) == 0 || b[0] != '"' {
		return "", amountError(string(b), errNotString)
	}
	var s string
	err := json.Unmarshal(b, &s)
	return s, err
}

// amountError quotes the text that is no amount, at most 64 bytes of it.
func amountError(text string, err error) error {
	return fmt.Errorf("price: %.64q is not an amount in USD: %w", text, err)
}
