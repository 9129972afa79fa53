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

// Pico is an amount of money in picodollars (1e-12 USD). The zero value is no money. Every price of a token that a
// provider prints is a whole number of them. A Pico reaches to $9.22 million either way: enough for one call, not for a
// fleet's year; add up with [Sum].
type Pico int64

// USD is one US dollar.
const USD Pico = 1e12

// decimals is how many digits a picodollar has behind the point.
const decimals = 12

var (
	errJunk      = errors.New("want digits, with at most one point between them and at most one '-' before them")
	errTooFine   = errors.New("finer than a picodollar (12 decimals)")
	errTooMuch   = errors.New("too large")
	errNotString = errors.New("want a JSON string")
)

// ParseUSD reads an amount in US dollars, such as "0.25", "-1.5" or "0", exactly. It takes no exponent, no plus sign,
// no grouping and no spaces, and wants a digit on both sides of a point. An amount finer than a picodollar, or beyond
// what a [Pico] can hold, is an error too; each error quotes the text.
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

// String is the amount in US dollars as an exact decimal, as short as can be: "0.25", "0", "-1.5". [ParseUSD] reads it
// back.
func (p Pico) String() string { return sumOf(p).String() }

// Append appends the amount to b, in the form of [Pico.String], without allocating if b has room for 21 bytes.
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
	// Twelve digits behind the point: a one before them keeps their leading zeros, and then becomes the point.
	at := len(b)
	b = strconv.AppendUint(b, one+fraction, 10)
	b[at] = '.'
	for b[len(b)-1] == '0' {
		b = b[:len(b)-1]
	}
	return b
}

// MarshalJSON writes the amount as a JSON string that holds the exact decimal: a JSON number would be read as a float
// by most programs.
func (p Pico) MarshalJSON() ([]byte, error) { return sumOf(p).MarshalJSON() }

// UnmarshalJSON reads what [Pico.MarshalJSON] writes. Anything but a JSON string, null too, is an error: an amount that
// is not there is not zero.
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

// Sum is a sum of Picos in 128 bits: it reaches to 1.7e26 US dollars either way, and stays there rather than wrap. The
// zero value is 0. Sums can be compared with == and used as values; a Sum that several goroutines add to needs a lock.
type Sum struct {
	hi int64
	lo uint64
}

var (
	maxSum = Sum{math.MaxInt64, math.MaxUint64}
	minSum = Sum{math.MinInt64, 0}
)

// sumOf is p in 128 bits.
func sumOf(p Pico) Sum { return Sum{int64(p) >> 63, uint64(p)} }

// Add adds p.
func (s *Sum) Add(p Pico) { s.AddSum(sumOf(p)) }

// AddSum adds t.
func (s *Sum) AddSum(t Sum) {
	lo, carry := bits.Add64(s.lo, t.lo, 0)
	hi, _ := bits.Add64(uint64(s.hi), uint64(t.hi), carry)
	*s = saturated(s.hi, Sum{int64(hi), lo}, (s.hi < 0) == (t.hi < 0))
}

// Minus returns s less t.
func (s Sum) Minus(t Sum) Sum {
	lo, borrow := bits.Sub64(s.lo, t.lo, 0)
	hi, _ := bits.Sub64(uint64(s.hi), uint64(t.hi), borrow)
	return saturated(s.hi, Sum{int64(hi), lo}, (s.hi < 0) != (t.hi < 0))
}

// saturated is r, the result of adding to or subtracting from a number whose upper half was hi. Only where mayOverflow
// can the sign of r be wrong, and then it is r that did not fit.
func saturated(hi int64, r Sum, mayOverflow bool) Sum {
	switch {
	case !mayOverflow || (hi < 0) == (r.hi < 0):
		return r
	case hi < 0:
		return minSum
	}
	return maxSum
}

// Sign is -1 where s is negative, 0 where it is zero and 1 where it is positive.
func (s Sum) Sign() int { return s.Cmp(Sum{}) }

// Cmp is -1 where s is less than t, 0 where they are equal and 1 where s is more.
func (s Sum) Cmp(t Sum) int {
	switch {
	case s == t:
		return 0
	case s.hi < t.hi, s.hi == t.hi && s.lo < t.lo:
		return -1
	}
	return 1
}

// Pico is the sum as a [Pico], and whether it fits in one. Where it does not, the Pico is 0.
func (s Sum) Pico() (Pico, bool) {
	p := Pico(s.lo)
	if sumOf(p) != s {
		return 0, false
	}
	return p, true
}

// String is the sum in US dollars as an exact decimal, as short as can be, in the form of [Pico.String].
func (s Sum) String() string {
	// The longest is "-" and 39 digits and a point.
	return string(s.appendTo(make([]byte, 0, 48)))
}

// MarshalJSON writes the sum as a JSON string that holds the exact decimal.
func (s Sum) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 48), '"')
	return append(s.appendTo(b), '"'), nil
}

// UnmarshalJSON reads what [Sum.MarshalJSON] writes. Anything but a JSON string, null too, is an error.
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
	hi, lo := s.magnitude()
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

// magnitude is the absolute value in two halves.
func (s Sum) magnitude() (hi, lo uint64) {
	if s.hi >= 0 {
		return uint64(s.hi), s.lo
	}
	lo, borrow := bits.Sub64(0, s.lo, 0)
	hi, _ = bits.Sub64(0, uint64(s.hi), borrow)
	return hi, lo
}

// parseSum reads a decimal; its errors do not quote it.
func parseSum(s string) (Sum, error) {
	text, negative := strings.CutPrefix(s, "-")
	whole, fraction, point := strings.Cut(text, ".")
	if !allDigits(whole) || point && !allDigits(fraction) {
		return Sum{}, errJunk
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > decimals {
		return Sum{}, errTooFine
	}
	var m reading
	m.read(whole)
	m.read(fraction)
	m.read("000000000000"[len(fraction):])
	return m.sum(negative)
}

// reading is an absolute value that is being read, digit by digit.
type reading struct {
	hi, lo   uint64
	overflow bool
}

// read takes more digits.
func (m *reading) read(digits string) {
	for _, d := range []byte(digits) {
		over, hi := bits.Mul64(m.hi, 10)
		up, lo := bits.Mul64(m.lo, 10)
		lo, carry := bits.Add64(lo, uint64(d-'0'), 0)
		hi, carry = bits.Add64(hi, up, carry)
		m.hi, m.lo = hi, lo
		m.overflow = m.overflow || over != 0 || carry != 0
	}
}

// sum gives the number its sign.
func (m *reading) sum(negative bool) (Sum, error) {
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

// allDigits says whether s is one decimal digit or more, and nothing else.
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

// amountError quotes the text that is no amount, or as much of it as a line of a log can bear.
func amountError(text string, err error) error {
	return fmt.Errorf("price: %.64q is not an amount in USD: %w", text, err)
}

// maxDigits is how many digits an amount for [RoundUSD] may have.
const maxDigits = 64

// RoundUSD reads an amount in US dollars as a JSON number may write it, with an exponent or with more decimals than a
// picodollar has, and rounds it to the nearest picodollar, halves to the even one. It is for what others say an amount
// is; [ParseUSD] takes no amount that it would have to round.
func RoundUSD(number string) (Pico, error) {
	mantissa, exponent, scientific := strings.Cut(strings.Replace(number, "E", "e", 1), "e")
	shift := decimals
	if scientific {
		n, err := strconv.Atoi(exponent)
		if err != nil || n < -maxDigits || n > maxDigits {
			return 0, amountError(number, errJunk)
		}
		shift += n
	}
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !allDigits(whole) || point && !allDigits(fraction) || len(whole)+len(fraction) > maxDigits {
		return 0, amountError(number, errJunk)
	}
	// The amount is digits, of which the last drop ones are less than a picodollar.
	digits, drop := whole+fraction, len(fraction)-shift
	if drop < 0 {
		digits, drop = digits+strings.Repeat("0", -drop), 0
	}
	kept, rest := "0", digits
	if drop < len(digits) {
		kept, rest = digits[:len(digits)-drop], digits[len(digits)-drop:]
	} else {
		rest = strings.Repeat("0", drop-len(digits)) + digits
	}
	var m reading
	m.read(kept)
	if half := "5" + strings.Repeat("0", max(0, len(rest)-1)); rest != "" && (rest > half || rest == half && m.lo&1 == 1) {
		lo, carry := bits.Add64(m.lo, 1, 0)
		hi, over := bits.Add64(m.hi, carry, 0)
		m.lo, m.hi, m.overflow = lo, hi, m.overflow || over != 0
	}
	sum, err := m.sum(negative)
	if err != nil {
		return 0, amountError(number, err)
	}
	p, ok := sum.Pico()
	if !ok {
		return 0, amountError(number, errTooMuch)
	}
	return p, nil
}
