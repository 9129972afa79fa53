package price

import (
	"math/bits"
	"strconv"
	"strings"
)

// maxDigits is how many digits an amount for [RoundUSD] may have.
const maxDigits = 64

// RoundUSD reads an amount in US dollars as JSON writes a number: it may have an exponent, and more decimals than a
// picodollar. It rounds the amount to the nearest picodollar, half to even. It is meant for the amounts that others state;
// [ParseUSD] accepts no amount that it would have to round.
func RoundUSD(number string) (Pico, error) {
	p, err := roundUSD(number)
	if err != nil {
		return 0, amountError(number, err)
	}
	return p, nil
}

// roundUSD is RoundUSD. Its errors do not quote the number.
func roundUSD(number string) (Pico, error) {
	digits, shift, negative, err := scientific(number)
	if err != nil {
		return 0, err
	}
	kept, rest := splitDigits(digits, shift)
	var m magnitude
	m.read(kept)
	if roundsUp(rest, m.lo&1 == 1) {
		lo, carry := bits.Add64(m.lo, 1, 0)
		hi, over := bits.Add64(m.hi, carry, 0)
		m.lo, m.hi, m.overflow = lo, hi, m.overflow || over != 0
	}
	sum, err := m.sum(negative)
	if err != nil {
		return 0, err
	}
	p, ok := sum.Pico()
	if !ok {
		return 0, errTooMuch
	}
	return p, nil
}

// scientific reads a number such as "-1.25e-6" as its digits ("125") and the power of ten by which they have to be
// multiplied to make picodollars of them (-6-2+12 = 4).
func scientific(number string) (digits string, shift int, negative bool, err error) {
	mantissa, exponent, hasExponent := strings.Cut(strings.Replace(number, "E", "e", 1), "e")
	shift = decimals
	if hasExponent {
		n, err := strconv.Atoi(exponent)
		if err != nil || n < -maxDigits || n > maxDigits {
			return "", 0, false, errNotNumber
		}
		shift += n
	}
	mantissa, negative = strings.CutPrefix(mantissa, "-")
	whole, fraction, point := strings.Cut(mantissa, ".")
	if !allDigits(whole) || point && !allDigits(fraction) || len(whole)+len(fraction) > maxDigits {
		return "", 0, false, errNotNumber
	}
	return whole + fraction, shift - len(fraction), negative, nil
}

// splitDigits multiplies the digits by ten to the power of shift. It returns those before the point, at least one, and
// those after it.
func splitDigits(digits string, shift int) (kept, rest string) {
	if shift >= 0 {
		return digits + strings.Repeat("0", shift), ""
	}
	if drop := -shift; drop < len(digits) {
		return digits[:len(digits)-drop], digits[len(digits)-drop:]
	}
	return "0", strings.Repeat("0", -shift-len(digits)) + digits
}

// roundsUp reports whether the digits after the point round the number before it up: if they are more than a half, or a
// half after an odd number.
func roundsUp(rest string, odd bool) bool {
	if rest == "" {
		return false
	}
	half := "5" + strings.Repeat("0", len(rest)-1)
	return rest > half || rest == half && odd
}
