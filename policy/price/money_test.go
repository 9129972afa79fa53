package price

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestParseUSD(t *testing.T) {
	for text, want := range map[string]Pico{
		"0":                       0,
		"-0":                      0,
		"0.0":                     0,
		"1":                       USD,
		"0.25":                    USD / 4,
		"-1.5":                    -USD * 3 / 2,
		"007.5":                   USD * 15 / 2,
		"0.000000000001":          1,
		"-0.000000000001":         -1,
		"0.1380000000000000000":   138_000_000_000,
		"9223372.036854775807":    math.MaxInt64,
		"-9223372.036854775808":   math.MinInt64,
		"000000009223372.0":       9_223_372 * USD,
		"123456.789012345678":     123_456_789_012_345_678,
		"0.99999999999900000000":  999_999_999_999,
		"-9223372.03685477580800": math.MinInt64,
	} {
		if got, err := ParseUSD(text); err != nil || got != want {
			t.Errorf("ParseUSD(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
}

func TestParseUSDRefuses(t *testing.T) {
	for text, want := range map[string]error{
		"":                      errNotNumber,
		"-":                     errNotNumber,
		".":                     errNotNumber,
		".5":                    errNotNumber,
		"5.":                    errNotNumber,
		"+1":                    errNotNumber,
		"--1":                   errNotNumber,
		"1e3":                   errNotNumber,
		"1,000":                 errNotNumber,
		"1_000":                 errNotNumber,
		" 1":                    errNotNumber,
		"1 ":                    errNotNumber,
		"1.2.3":                 errNotNumber,
		"0x10":                  errNotNumber,
		"NaN":                   errNotNumber,
		"Inf":                   errNotNumber,
		"$1":                    errNotNumber,
		"１":                     errNotNumber,
		"0.0000000000001":       errTooFine,
		"1.1234567890123":       errTooFine,
		"9223372.036854775808":  errTooMuch,
		"-9223372.036854775809": errTooMuch,
		"10000000":              errTooMuch,
		strings.Repeat("9", 99): errTooMuch,
	} {
		got, err := ParseUSD(text)
		if got != 0 || !errors.Is(err, want) {
			t.Errorf("ParseUSD(%q) = %d, %v; want the error %v", text, got, err, want)
			continue
		}
		if quoted := text[:min(len(text), 60)]; !strings.Contains(err.Error(), quoted) {
			t.Errorf("ParseUSD(%q): the error %q does not name the text", text, err)
		}
	}
}

func TestMustUSDPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("MustUSD(\"ten\") did not panic")
		}
	}()
	MustUSD("ten")
}

func TestPicoString(t *testing.T) {
	for p, want := range map[Pico]string{
		0:                  "0",
		1:                  "0.000000000001",
		-1:                 "-0.000000000001",
		USD:                "1",
		USD / 4:            "0.25",
		-USD * 3 / 2:       "-1.5",
		10 * USD:           "10",
		1_000_000 * USD:    "1000000",
		USD + 100:          "1.0000000001",
		math.MaxInt64:      "9223372.036854775807",
		math.MinInt64:      "-9223372.036854775808",
		-MustUSD("0.0001"): "-0.0001",
	} {
		if got := p.String(); got != want {
			t.Errorf("Pico(%d) is %q, want %q", int64(p), got, want)
		}
	}
}

func TestPicoJSON(t *testing.T) {
	type row struct {
		Cost Pico  `json:"cost"`
		Hold *Pico `json:"hold"`
	}
	in := row{Cost: MustUSD("-0.138")}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `{"cost":"-0.138","hold":null}` {
		t.Fatalf("Marshal: %s, %v", b, err)
	}
	var out row
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("Unmarshal: %+v, %v; want %+v", out, err, in)
	}
	for _, bad := range []string{`{"cost":0.25}`, `{"cost":null}`, `{"cost":"a"}`, `{"cost":{}}`, `{"cost":true}`} {
		if err := json.Unmarshal([]byte(bad), &out); err == nil || out != in {
			t.Errorf("Unmarshal(%s): %+v, %v; want an error, and the amount as it was", bad, out, err)
		}
	}
}

// bigOf is s as a big integer, by way of its halves.
func bigOf(s Sum) *big.Int {
	n := new(big.Int).Lsh(big.NewInt(s.hi), 64)
	return n.Add(n, new(big.Int).SetUint64(s.lo))
}

// usdOf is a big number of picodollars as a decimal without zeros at its end.
func usdOf(n *big.Int) string {
	text := new(big.Rat).SetFrac(n, big.NewInt(int64(USD))).FloatString(decimals)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

func TestSumAgainstBig(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var sum, other Sum
	want, wantOther := new(big.Int), new(big.Int)
	for range 20_000 {
		p := Pico(random.Uint64() >> random.UintN(64))
		if random.UintN(2) == 0 {
			p = -p
		}
		sum.Add(p)
		want.Add(want, big.NewInt(int64(p)))
		if random.UintN(4) == 0 {
			sum, other = other.Minus(sum), sum
			want, wantOther = new(big.Int).Sub(wantOther, want), want
		}
		if random.UintN(4) == 0 {
			sum.AddSum(other)
			want = new(big.Int).Add(want, wantOther)
		}
		if want.BitLen() > 120 {
			sum, want = Sum{}, new(big.Int)
		}
		checkSum(t, sum, other, want, wantOther)
	}
}

// checkSum compares all that can be asked of two sums with what big integers say.
func checkSum(t *testing.T, sum, other Sum, want, wantOther *big.Int) {
	t.Helper()
	if got := bigOf(sum); got.Cmp(want) != 0 {
		t.Fatalf("the sum is %s, want %s", got, want)
	}
	if got := sum.Cmp(other); got != want.Cmp(wantOther) {
		t.Fatalf("%s compared with %s is %d", sum, other, got)
	}
	if got := sum.Sign(); got != want.Sign() {
		t.Fatalf("%s has the sign %d", sum, got)
	}
	p, ok := sum.Pico()
	if ok != want.IsInt64() || ok && int64(p) != want.Int64() {
		t.Fatalf("%s as a Pico is %d, %t", sum, p, ok)
	}
	if got := sum.String(); got != usdOf(want) {
		t.Fatalf("%s as text is %s", usdOf(want), got)
	}
	b, err := sum.MarshalJSON()
	var back Sum
	if err != nil || back.UnmarshalJSON(b) != nil || back != sum {
		t.Fatalf("%s through JSON is %s, %s, %v", sum, b, back, err)
	}
}

func TestSumStaysAtItsEnds(t *testing.T) {
	const most, least = "170141183460469231731687303.715884105727", "-170141183460469231731687303.715884105728"
	sum := maxSum
	if sum.Add(1); sum.String() != most {
		t.Errorf("the largest sum and a picodollar are %s", sum)
	}
	sum = minSum
	if sum.Add(-1); sum.String() != least {
		t.Errorf("the smallest sum less a picodollar is %s", sum)
	}
	if got := maxSum.Minus(minSum); got != maxSum {
		t.Errorf("largest - smallest = %s", got)
	}
	if got := minSum.Minus(maxSum); got != minSum {
		t.Errorf("smallest - largest = %s", got)
	}
	if got := (Sum{}).Minus(minSum); got != maxSum {
		t.Errorf("0 - smallest = %s", got)
	}
	if got := minSum.Minus(minSum); got != (Sum{}) {
		t.Errorf("smallest - smallest = %s", got)
	}
}

func TestSumJSONRefuses(t *testing.T) {
	for _, text := range []string{
		`null`, `1`, `""`, `"1e9"`, `"0.0000000000001"`, `"340282366920938463463374607.431768211456"`,
		`"170141183460469231731687303.715884105728"`, `"-170141183460469231731687303.715884105729"`, `"` + strings.Repeat("9", 60) + `"`,
	} {
		s := sumOf(7)
		if err := s.UnmarshalJSON([]byte(text)); err == nil || s != sumOf(7) {
			t.Errorf("%s became %s, %v", text, s, err)
		}
	}
	var s Sum
	if err := s.UnmarshalJSON([]byte(`"-170141183460469231731687303.715884105728"`)); err != nil || s != minSum {
		t.Errorf("the smallest sum became %s, %v", s, err)
	}
}

// FuzzParseUSD checks that what is read is what was written: by a big rational for the value, and by a second reading
// of the text that comes back.
func FuzzParseUSD(f *testing.F) {
	for _, text := range []string{"0", "-1.5", "0.25", "9223372.036854775807", "-9223372.036854775808", "1.", "00.10", "1e3", "0.0000000000001"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := ParseUSD(text)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(text)
		if got := big.NewRat(int64(p), int64(USD)); !ok || got.Cmp(want) != 0 {
			t.Fatalf("ParseUSD(%q) = %s, want %s", text, got, want)
		}
		again, err := ParseUSD(p.String())
		if err != nil || again != p {
			t.Fatalf("%q came back as %q, which is %d, %v; want %d", text, p, again, err, p)
		}
	})
}

func TestPicoAppend(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	amounts := []Pico{0, 1, -1, USD, -USD, USD - 1, USD + 1, 10 * USD, math.MaxInt64, math.MinInt64, 120_000_000_000}
	for range 10_000 {
		amounts = append(amounts, Pico(int64(random.Uint64())>>random.IntN(64)))
	}
	for _, p := range amounts {
		if got, want := string(p.Append([]byte("$"))), "$"+sumOf(p).String(); got != want {
			t.Fatalf("%d is %s, want %s", int64(p), got, want)
		}
	}
}
