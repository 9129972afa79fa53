package price

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
)

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

func TestUsageAppendJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 1000 {
		var u Usage
		v := reflect.ValueOf(&u).Elem()
		for i := range v.NumField() {
			if random.IntN(3) == 0 {
				v.Field(i).SetInt(int64(random.Uint64()) >> random.IntN(64))
			}
		}
		want, err := json.Marshal(u)
		if got := string(u.AppendJSON(nil)); err != nil || got != string(want) {
			t.Fatalf("it is %s, want %s (%v)", got, want, err)
		}
	}
}
