package price

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// priceOf reads a price, written as a JSON number in units of ten to the power of shift dollars. It refuses what cannot be
// a price of the counter.
func priceOf(raw []byte, shift int, c counter) (pico int64, exact bool, err error) {
	p, exact, err := picoOf(raw, shift)
	switch {
	case err != nil:
		return 0, false, err
	case p < 0:
		return 0, false, fmt.Errorf("%s is negative", p)
	case (c < firstTool || c == reasoning) && p > maxPrice/perMillion:
		return 0, false, fmt.Errorf("is $%s per token, above %s per million: a slip of unit?", p, maxPrice)
	case p > maxFee/perThousand && c != reasoning && c >= firstTool:
		return 0, false, fmt.Errorf("is $%s per request, above %s per thousand: a slip of unit?", p, maxFee)
	}
	return int64(p), exact, nil
}

// picoOf reads a JSON number in units of ten to the power of shift dollars, without a float in between. It rounds to the
// nearest picodollar, half to even, and reports whether the result is exact.
func picoOf(raw []byte, shift int) (p Pico, exact bool, err error) {
	var n json.Number
	if len(raw) == 0 || raw[0] == '"' || json.Unmarshal(raw, &n) != nil || n == "" {
		return 0, false, fmt.Errorf("%.64s is not a number", raw)
	}
	mantissa, power, _ := strings.Cut(strings.ToLower(n.String()), "e")
	exponent := 0
	if power != "" {
		if exponent, err = strconv.Atoi(power); err != nil || exponent < -maxDigits || exponent > maxDigits {
			return 0, false, fmt.Errorf("%.64s is not a price", raw)
		}
	}
	exponent += shift
	p, err = RoundUSD(mantissa + "e" + strconv.Itoa(exponent))
	return p, lastDigit(mantissa)+exponent >= -decimals, err
}

// lastDigit returns the power of ten of the last digit that is not 0: -2 for "1.250", 3 for "5000".
func lastDigit(mantissa string) int {
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		return -len(fraction)
	}
	if strings.Trim(whole, "-0") == "" {
		return decimals + maxDigits // nothing to round
	}
	return len(whole) - len(strings.TrimRight(whole, "0"))
}
