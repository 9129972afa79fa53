package jsontext

import (
	"encoding/json"
	"testing"
)

func TestUnquote(t *testing.T) {
	for raw, want := range map[string]string{
		`""`: "", `"abc"`: "abc", `"a\n\"\\\/\b\f\r\t"`: "a\n\"\\/\b\f\r\t", `"\u00e9\ud83d\ude00"`: "é😀", `"\ud83d"`: "\uFFFD",
	} {
		if got, ok := Unquote([]byte(raw)); !ok || got != want {
			t.Errorf("Unquote(%s) = %q, %v, want %q", raw, got, ok, want)
		}
	}
	for _, raw := range []string{``, `"`, `x`, `"\"`, `"\u12"`, `"\q"`, `1`, `null`, `"a"b"`} {
		if got, ok := Unquote([]byte(raw)); ok {
			t.Errorf("Unquote(%s) = %q, want none", raw, got)
		}
	}
}

// A string is valid for Unquote if it is for encoding/json, and has the same text, once what is not UTF-8 is replaced.
func FuzzUnquote(f *testing.F) {
	f.Add([]byte(`"a\u00e9\ud83d\ude00\ud83d"`))
	f.Add([]byte(`"\"\\\/\b\f\n\r\t`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) == 0 || raw[0] != '"' || raw[len(raw)-1] != '"' {
			return
		}
		var want string
		err := json.Unmarshal(raw, &want)
		if got, ok := Unquote(raw); ok != (err == nil) || ok && string([]rune(got)) != want {
			t.Fatalf("Unquote(%q) = %q, %v, want %q, %v", raw, got, ok, want, err)
		}
	})
}
