package policy

import (
	"fmt"
	"math/rand/v2"
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
		{"?", "é", true}, {"??", "é", false}, {"*??", "€", false}, {"a?c", "a€c", true}, {"*é", "aé", true}, {"*\xa9", "é", false}, {"?", "\xff", true},
		{strings.Repeat("*a", 30), strings.Repeat("a", 2000) + "b", false},
	} {
		if got := glob(test.pattern, test.s); got != test.want {
			t.Errorf("glob(%q, %.20q) = %v", test.pattern, test.s, got)
		}
	}
}

// Every value of a match is a pattern.
func TestMatches(t *testing.T) {
	chat := Subject{Provider: "openai", Operation: "chat", Model: "gpt-5-mini"}
	tags := map[string]string{"plan": "gold-1", "job": ""}
	for _, test := range []struct {
		match Match
		want  bool
	}{
		{Match{}, true}, {Match{Provider: "openai"}, true}, {Match{Provider: "open*"}, true}, {Match{Provider: "open"}, false}, {Match{Provider: "OpenAI"}, false},
		{Match{Operation: "c?at"}, true}, {Match{Operation: "chat*", Model: "gpt-4*"}, false}, {Match{Model: "*"}, true},
		{Match{Tags: map[string]string{"plan": "gold*"}}, true}, {Match{Tags: map[string]string{"plan": "gold"}}, false},
		{Match{Tags: map[string]string{"plan": "*", "job": ""}}, true}, {Match{Tags: map[string]string{"job": "?"}}, false},
		{Match{Tags: map[string]string{"none": "*"}}, false}, {Match{Tags: map[string]string{"none": ""}}, false},
	} {
		if got := test.match.Matches(&chat, tags); got != test.want {
			t.Errorf("%v: %v", test.match, got)
		}
	}
	unknown := Subject{Provider: "gemini", Operation: "create_cache", AnyModel: true}
	for _, test := range []struct {
		match Match
		want  bool
	}{
		{Match{Model: "gemini-2.5-*"}, true}, {Match{Model: "gpt-5", Provider: "openai"}, false}, {Match{Model: "m", Tags: map[string]string{"plan": "gold"}}, false},
	} {
		if got := test.match.Matches(&unknown, tags); got != test.want {
			t.Errorf("a model that is not known: %v: %v", test.match, got)
		}
	}
}

// A match that covers another selects all that the other selects. Of matches that do not, some call shows it for each.
func TestCovers(t *testing.T) {
	for _, test := range []struct {
		a, b Match
		want bool
	}{
		{Match{}, Match{}, true}, {Match{}, Match{Model: "x"}, true}, {Match{Model: "x"}, Match{}, false}, {Match{Model: "*"}, Match{}, true},
		{Match{Model: "gpt-*"}, Match{Model: "gpt-5*"}, true}, {Match{Model: "gpt-5*"}, Match{Model: "gpt-*"}, false},
		{Match{Model: "gpt-?"}, Match{Model: "gpt-5"}, true}, {Match{Model: "gpt-?"}, Match{Model: "gpt-*"}, false}, {Match{Model: "gpt-?"}, Match{Model: "gpt-?"}, true},
		{Match{Model: "gpt-5"}, Match{Model: "gpt-?"}, false}, {Match{Provider: "openai"}, Match{Provider: "openai", Operation: "chat"}, true},
		{Match{Provider: "openai"}, Match{Provider: "gemini"}, false},
		{Match{Tags: map[string]string{"a": "x*"}}, Match{Tags: map[string]string{"a": "xy", "b": "z"}}, true},
		{Match{Tags: map[string]string{"a": "*"}}, Match{}, false},
		{Match{Tags: map[string]string{"a": "*"}}, Match{Tags: map[string]string{"a": ""}}, true},
	} {
		if got := test.a.covers(&test.b); got != test.want {
			t.Errorf("%v covers %v: %v", test.a, test.b, got)
		}
	}
}

// Property: if a pattern contains another, it fits every text that the other fits.
func TestContains(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	text := func(letters string, most int) string {
		var b strings.Builder
		runes := []rune(letters)
		for range random.IntN(most) {
			b.WriteRune(runes[random.IntN(len(runes))])
		}
		return b.String()
	}
	contained, fitted := 0, 0
	for range 100_000 {
		a, b := text("ab?*é", 6), text("ab?*é", 6)
		if !contains(a, b) {
			continue
		}
		contained++
		for range 20 {
			if s := text("abé", 6); glob(b, s) {
				fitted++
				if !glob(a, s) {
					t.Fatalf("%q contains %q, and does not fit %q", a, b, s)
				}
			}
		}
	}
	if contained < 1000 || fitted < 1000 {
		t.Errorf("only %d pairs, %d texts", contained, fitted)
	}
}

func TestMatchString(t *testing.T) {
	for want, m := range map[string]Match{
		"every call": {}, "provider openai, operation chat, model gpt-5*, tag a: x, tag b: ": {"openai", "chat", "gpt-5*", map[string]string{"b": "", "a": "x"}},
	} {
		if got := fmt.Sprint(m); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
