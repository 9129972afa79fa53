package price

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// nearest returns the whole number of picodollars next to an amount in US dollars, halves to the even one.
func nearest(usd *big.Rat) *big.Int {
	pico := new(big.Rat).Mul(usd, new(big.Rat).SetInt64(int64(USD)))
	quotient, rest := new(big.Int).DivMod(pico.Num(), pico.Denom(), new(big.Int)) // rounded down, the rest not negative
	switch c := rest.Lsh(rest, 1).Cmp(pico.Denom()); {
	case c > 0, c == 0 && quotient.Bit(0) == 1:
		quotient.Add(quotient, big.NewInt(1))
	}
	return quotient
}

func TestRoundUSD(t *testing.T) {
	for text, want := range map[string]Pico{
		"0": 0, "-0": 0, "0.0": 0, "0e0": 0, "-0e-64": 0, "0E+64": 0, "0.000e64": 0,
		"1": USD, "-1": -USD, "1e0": USD, "1E0": USD, "1e+0": USD, "1e-0": USD, "10e-1": USD, "0.1e1": USD, "1.0E1": 10 * USD,
		"0.00045": 450_000_000, "4.5e-4": 450_000_000, "4.5E-04": 450_000_000, "-4.5e-4": -450_000_000,
		"1e-12": 1, "9.99e-12": 10, "1e-13": 0, "1e-64": 0, "-1e-64": 0,
		"123456789e-9": 123_456_789_000, "0.000000000000000001e18": USD,
		// A half goes to the even one, on either side of zero; what is a trace more or less does not.
		"5e-13": 0, "15e-13": 2, "2.5e-12": 2, "3.5e-12": 4, "-5e-13": 0, "-1.5e-12": -2, "-2.5e-12": -2,
		"0.0000000000005": 0, "0.0000000000015": 2, "0.0000000000025": 2,
		"0.00000000000050000000000000000000000000000000000000000000000001": 1,
		"0.00000000000249999999999999999999999999999999999999999999999999": 2,
		"0.9999999999995": USD, "0.9999999999994999": 999_999_999_999,
		// What a float is written as.
		"0.30000000000000004": 300_000_000_000, "1.1102230246251565e-16": 0,
		// The ends, and what rounds to them.
		"9223372.036854775807": math.MaxInt64, "9.223372036854775807e6": math.MaxInt64, "-9223372.036854775808": math.MinInt64,
		"9223372.0368547758074": math.MaxInt64, "-9223372.0368547758085": math.MinInt64, "-9223372.03685477580849999": math.MinInt64,
		strings.Repeat("0", 57) + "9223372": 9_223_372 * USD, "9223372000000000000000000000000e-24": 9_223_372 * USD,
	} {
		if got, err := RoundUSD(text); err != nil || got != want {
			t.Errorf("RoundUSD(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestRoundUSDRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"": errNotNumber, "-": errNotNumber, ".": errNotNumber, "e": errNotNumber, ".5": errNotNumber, "5.": errNotNumber, "5.e1": errNotNumber, ".e1": errNotNumber,
		"+1": errNotNumber, "--1": errNotNumber, "- 1": errNotNumber, " 1": errNotNumber, "1 ": errNotNumber, "1\n": errNotNumber, "1\x00": errNotNumber,
		"e5": errNotNumber, "1e": errNotNumber, "1e+": errNotNumber, "1e-": errNotNumber, "1e+-1": errNotNumber, "1e1.5": errNotNumber, "1e1e1": errNotNumber, "1E1e1": errNotNumber,
		"1EE1": errNotNumber, "1e 1": errNotNumber, "1e0x1": errNotNumber, "1e1_0": errNotNumber, "1_0": errNotNumber, "1,000": errNotNumber, "1.2.3": errNotNumber,
		"0x10": errNotNumber, "0x1p4": errNotNumber, "1/2": errNotNumber, "NaN": errNotNumber, "Inf": errNotNumber, "-Infinity": errNotNumber, "$1": errNotNumber,
		"１": errNotNumber, "٣": errNotNumber, "null": errNotNumber, `"1"`: errNotNumber, "1e９": errNotNumber,
		// Exponents and lengths beyond what any amount needs, which would take memory to expand.
		"1e65": errNotNumber, "1e-65": errNotNumber, "0e1000000000": errNotNumber, "1e99999999999999999999": errNotNumber, "1e-99999999999999999999": errNotNumber,
		strings.Repeat("9", 65): errNotNumber, "0." + strings.Repeat("0", 64): errNotNumber,
		"9223372.0368547758075": errTooMuch, "9223372.036854775808": errTooMuch, "-9223372.036854775809": errTooMuch,
		"-9223372.03685477580851": errTooMuch, "1e7": errTooMuch, "-1e7": errTooMuch, "1e64": errTooMuch, "-9e64": errTooMuch,
		strings.Repeat("9", 64): errTooMuch, strings.Repeat("9", 64) + "e64": errTooMuch,
		// 2^64, 2^127 and 2^128 picodollars, and one less: where halves of the number run over.
		"18446744.073709551616": errTooMuch, "18446744.073709551615": errTooMuch,
		"170141183460469231731687303.715884105728": errTooMuch, "-170141183460469231731687303.715884105728": errTooMuch,
		"340282366920938463463374607.431768211455": errTooMuch, "340282366920938463463374607.4317682114555": errTooMuch,
		"340282366920938463463374607.431768211456": errTooMuch,
	} {
		if got, err := RoundUSD(text); got != 0 || !errors.Is(err, want) {
			t.Errorf("RoundUSD(%q) = %d, %v; want the error %v", text, got, err, want)
		}
	}
}

// RoundUSD reads what ParseUSD reads, with the same result.
func TestRoundUSDOfExactAmounts(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		p := Pico(random.Uint64() >> random.IntN(64))
		if got, err := RoundUSD(p.String()); err != nil || got != p {
			t.Fatalf("RoundUSD(%q) = %d, %v", p, got, err)
		}
	}
}

func TestRoundUSDAgainstRationals(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		var b strings.Builder
		b.WriteString([...]string{"", "-"}[random.IntN(2)])
		fmt.Fprint(&b, random.Uint64()>>random.IntN(64))
		if digits := random.IntN(20); digits > 0 {
			b.WriteByte('.')
			for range digits {
				b.WriteByte("0123456789"[random.IntN(10)])
			}
			b.WriteString([...]string{"", "5", "50", "49999", "50001"}[random.IntN(5)])
		}
		if random.IntN(2) > 0 {
			fmt.Fprintf(&b, [...]string{"e%d", "E%d", "e%+d", "E%+03d"}[random.IntN(4)], random.IntN(60)-40)
		}
		checkRounded(t, b.String())
	}
}

// amounts are what RoundUSD should read, as long as they are not beyond its bounds.
var amounts = regexp.MustCompile(`^(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$`)

// checkRounded compares what RoundUSD makes of a text with what math/big does.
func checkRounded(t *testing.T, text string) {
	t.Helper()
	got, err := RoundUSD(text)
	parts := amounts.FindStringSubmatch(text)
	if parts == nil {
		if err == nil {
			t.Fatalf("RoundUSD(%q) = %d", text, got)
		}
		return
	}
	exponent := new(big.Int)
	if parts[4] != "" {
		exponent.SetString(parts[4], 10)
	}
	if len(parts[2])+len(parts[3]) > maxDigits || exponent.CmpAbs(big.NewInt(maxDigits)) > 0 {
		if !errors.Is(err, errNotNumber) {
			t.Fatalf("RoundUSD(%q) = %d, %v, and it is out of bounds", text, got, err)
		}
		return
	}
	usd, ok := new(big.Rat).SetString(parts[1] + parts[2] + "." + parts[3] + "e" + exponent.String())
	if !ok {
		t.Fatalf("the oracle does not read %q", text)
	}
	switch want := nearest(usd); {
	case !want.IsInt64() && !errors.Is(err, errTooMuch):
		t.Fatalf("RoundUSD(%q) = %d, %v; want %v, which is too much", text, got, err, want)
	case want.IsInt64() && (err != nil || int64(got) != want.Int64()):
		t.Fatalf("RoundUSD(%q) = %d, %v; want %v", text, got, err, want)
	}
}

func FuzzRoundUSD(f *testing.F) {
	for _, text := range []string{"0", "-1.5e-12", "9223372.0368547758074", "1E+64", "0.0000000000025", "1e-64", "１", "1e1e1", "340282366920938463463374607.431768211455"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { checkRounded(t, text) })
}
