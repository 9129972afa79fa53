package policy

import (
	"strings"
	"testing"
)

func TestGlob(t *testing.T) {
	for _, test := range []struct {
		pattern, s string
		want       bool
	}{
		{"*", "", true}, {"*", "a/b", true}, {"gemini-*-pro*", "gemini-2.5-pro-preview", true}, {"gemini-*-pro*", "gemini-2.5-flash", false},
		{"gpt-?", "gpt-5", true}, {"gpt-?", "gpt-55", false}, {"a*b*c", "aXbXbc", true}, {"a*b*c", "aXc", false}, {"", "x", false}, {"**", "x", true},
		{strings.Repeat("*a", 30), strings.Repeat("a", 2000) + "b", false},
	} {
		if got := glob(test.pattern, test.s); got != test.want {
			t.Errorf("glob(%q, %.20q) = %v", test.pattern, test.s, got)
		}
	}
}
