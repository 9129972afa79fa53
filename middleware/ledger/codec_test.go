package ledger_test

import (
	"encoding/json"
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

// A row is read back as it was written, and as encoding/json reads it.
func TestParseRow(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 5000 {
		r := randomRow(random)
		line := r.AppendJSON(nil)
		got, err := ledger.ParseRow(line)
		var want ledger.Row
		if e := json.Unmarshal(line, &want); e != nil || err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\nis read as %+v\nwant %+v\n%v, %v", line, got, want, err, e)
		}
	}
}

func FuzzParseRow(f *testing.F) {
	f.Add(billed.AppendJSON(nil))
	f.Add([]byte(`{"call":"a","attempt":01,"usage":{"input":-0,"output":+1}}`))
	f.Add([]byte(`{"attempt":1,"call":"a","call":"b","tags":{"a":"1","a":"2"}} `))
	f.Add([]byte(`{"call":"a","later_member":[1],"cost_usd":"-0.000000000001","tags":{}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := ledger.ParseRow(line)
		var want ledger.Row
		if e := json.Unmarshal(line, &want); (e == nil) != (err == nil) || e == nil && !reflect.DeepEqual(r, want) {
			t.Fatalf("%q is read as %+v, %v, by encoding/json as %+v, %v", line, r, err, want, e)
		}
		if err != nil {
			return
		}
		text := r.AppendJSON(nil)
		back, err := ledger.ParseRow(text)
		if err != nil || string(back.AppendJSON(nil)) != string(text) {
			t.Errorf("%s is read as %s: %v", text, back.AppendJSON(nil), err)
		}
	})
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

func BenchmarkParseRow(b *testing.B) {
	row := billed
	row.At = time.Now().UTC()
	line := row.AppendJSON(nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ledger.ParseRow(line); err != nil {
			b.Fatal(err)
		}
	}
}
