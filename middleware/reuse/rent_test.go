package reuse

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestRent(t *testing.T) {
	if got, want := rent(1_000_000, time.Hour, 4_500_000), price.MustUSD("4.5"); got != want {
		t.Errorf("a million tokens for an hour: %v, want %v", got, want)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		tokens, held, each := random.Int64N(1<<random.IntN(40)+1), random.Int64N(1<<random.IntN(62)+1), random.Int64N(1<<random.IntN(40)+1)
		want := new(big.Int).Mul(big.NewInt(tokens), big.NewInt(each))
		if !want.IsInt64() {
			want.SetInt64(math.MaxInt64)
		}
		want.Mul(want, big.NewInt(held))
		want.Add(want, big.NewInt(int64(time.Hour)-1)).Div(want, big.NewInt(int64(time.Hour)))
		if !want.IsInt64() {
			want.SetInt64(math.MaxInt64)
		}
		if got := rent(tokens, time.Duration(held), price.Pico(each)); int64(got) != want.Int64() {
			t.Fatalf("rent(%d, %d, %d) = %d, want %v", tokens, held, each, int64(got), want)
		}
	}
}

func TestAdd(t *testing.T) {
	const most, least = price.Pico(math.MaxInt64), price.Pico(math.MinInt64)
	for _, c := range [][3]price.Pico{{1, 2, 3}, {most, 1, most}, {least, -1, least}, {most, least, -1}, {-5, 3, -2}, {least, least, least}} {
		if got := add(c[0], c[1]); got != c[2] {
			t.Errorf("add(%d, %d) = %d, want %d", int64(c[0]), int64(c[1]), int64(got), int64(c[2]))
		}
	}
}
