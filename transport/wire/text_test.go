package wire

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPrintable(t *testing.T) {
	for s, want := range map[string]string{
		"":                                 "",
		"gpt-5":                            "gpt-5",
		"modèle":                           "modèle",
		"a\nb\x00\x7f":                     "a?b??",
		"\xff":                             "?",
		strings.Repeat("x", maxName+1):     strings.Repeat("x", maxName),
		strings.Repeat("x", 127) + "é":     strings.Repeat("x", 127) + "?",
		"tab\there, \u2028 and \U000e0001": "tab?here, ? and ?",
	} {
		if got := printable(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func TestIdentifier(t *testing.T) {
	for s, want := range map[string]string{
		"rate_limit_exceeded":   "rate_limit_exceeded",
		"a.B-c:9":               "a.B-c:9",
		"it was: hello":         "",
		"é":                     "",
		strings.Repeat("x", 65): "",
		strings.Repeat("x", 64): strings.Repeat("x", 64),
	} {
		if got := identifier(s); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

// For any text of a provider, what goes into a row is short and can be printed.
func FuzzPrintable(f *testing.F) {
	f.Add("gpt-5")
	f.Add("a\x00\xff\u2028")
	f.Add(strings.Repeat("é", 200))
	f.Fuzz(func(t *testing.T, s string) {
		got := printable(s)
		if len(got) > 3*maxName || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			t.Fatalf("%q: %q", s, got)
		}
	})
}
