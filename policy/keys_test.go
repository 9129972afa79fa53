package policy

import (
	"reflect"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy/price"
)

func TestKeysSayWhatZeroMeans(t *testing.T) {
	zero := make(map[string]string)
	for _, k := range Keys() {
		zero[k.Name] = k.Zero
	}
	for name, want := range map[string]string{
		"patience":     "",
		"flex_minimum": "the default, 1m; 1ns turns it off",
		"max_attempts": "the default, 6; 1 sends a call once",
		"max_wait":     "the default, 2m, or 10m where the plan ends in flex",
		"backoff_base": "the default, 500ms",
		"leave":        "",
	} {
		if got, ok := zero[name]; !ok || got != want {
			t.Errorf("%s: 0 means %q, want %q", name, got, want)
		}
	}
}

func TestKeysAreCopies(t *testing.T) {
	Keys()[0].Name, LimitKeys()[0].Name, BudgetKeys()[0].Name = "x", "x", "x"
	if Keys()[0].Name == "x" || LimitKeys()[0].Name == "x" || BudgetKeys()[0].Name == "x" {
		t.Error("a caller can change the table")
	}
}

// Every field of a Limit and of a Budget but Match has a key, which reads and writes that field.
func TestLimitKeysAreWhole(t *testing.T)  { checkKeys(t, LimitKeys()) }
func TestBudgetKeysAreWhole(t *testing.T) { checkKeys(t, BudgetKeys()) }

func checkKeys[T any](t *testing.T, keys []Key[T]) {
	t.Helper()
	fields := reflect.TypeFor[T]()
	if len(keys) != fields.NumField()-1 {
		t.Errorf("%d keys for %d fields and Match", len(keys), fields.NumField()-1)
	}
	for _, k := range keys {
		v := new(T)
		want := one(t, k.At(v))
		if got := reflect.ValueOf(*v).FieldByName(k.Field); !got.IsValid() || !reflect.DeepEqual(got.Interface(), want) {
			t.Errorf("the key %s is of another field than %s", k.Name, k.Field)
		}
		if k.Name == "" || k.Example == "" || k.Doc == "" {
			t.Errorf("the key lacks something: %+v", k)
		}
		switch k.At(v).(type) {
		case *int, *int64, *price.Pico:
			if k.most == 0 || k.Zero == "" && k.Field != "Cap" { // a Cap of 0 is an error
				t.Errorf("%s: a count needs a largest value, and words for what 0 means", k.Field)
			}
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Minute: "1m", 10 * time.Minute: "10m", time.Hour: "1h", 90 * time.Minute: "1h30m", 10 * time.Second: "10s", 500 * time.Millisecond: "500ms", 20*time.Hour + time.Second: "20h0m1s",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v) = %q, want %q", d, got, want)
		}
	}
}
