package ledger_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/middleware/ledger"
	"github.com/skinflint-go/skinflint/policy"
	"github.com/skinflint-go/skinflint/policy/price"
)

// randomRow fills fields at random, each left empty now and then.
func randomRow(random *rand.Rand) (r ledger.Row) {
	texts := []string{"gpt-5", "a \"quoted\" one", "<b>&", "line\nbreak", "größer", "\xff\xfe", "\u2028", "back\\slash", "\x7f"}
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		if random.IntN(3) == 0 {
			return
		}
		switch v.Kind() {
		case reflect.String:
			v.SetString(texts[random.IntN(len(texts))])
		case reflect.Int, reflect.Int64:
			v.SetInt(int64(random.Uint64()) >> random.IntN(64))
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Map:
			tags := make(map[string]string)
			for range random.IntN(4) {
				tags[texts[random.IntN(len(texts))]] = texts[random.IntN(len(texts))]
			}
			v.Set(reflect.ValueOf(tags))
		case reflect.Struct:
			switch v.Addr().Interface().(type) {
			case *time.Time:
				v.Set(reflect.ValueOf(time.Unix(random.Int64N(4e9), random.Int64N(1e9)).UTC()))
			case *ledger.Amount:
				v.Set(reflect.ValueOf(ledger.Known(price.Pico(int64(random.Uint64()) >> random.IntN(64)))))
			default:
				for i := range v.NumField() {
					fill(v.Field(i))
				}
			}
		default:
			panic("a kind of field that the test does not know: " + v.Kind().String())
		}
	}
	v := reflect.ValueOf(&r).Elem()
	for i := range v.NumField() {
		fill(v.Field(i))
	}
	for _, a := range []*ledger.Amount{&r.Cost, &r.List, &r.Exposure, &r.Reported} {
		a.Pico &= math.MaxInt64 // it cannot be negative
	}
	return r
}

func TestAppendJSON(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 5000 {
		r := randomRow(random)
		want, err := json.Marshal(r)
		if got := string(r.AppendJSON(nil)); err != nil || got != string(want) {
			t.Fatalf("got  %s\nwant %s\n%v", got, want, err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	row := billed
	row.At, row.Outcome = time.Now().UTC(), policy.Billed
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		line = row.AppendJSON(line[:0])
	}
}

// memberNames returns the names of the JSON members of a struct.
func memberNames(v any) (names []string) {
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
