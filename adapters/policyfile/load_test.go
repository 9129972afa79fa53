package policyfile

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/skinflint-go/skinflint/policy"
)

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if p, err := Load(write("good.yaml", "defaults: {tier: {plan: [flex]}}")); err != nil || p.Tier != policy.Flex {
		t.Errorf("%+v, %v", p, err)
	}
	bad := write("bad.yaml", "budget: []")
	if _, err := Load(bad); err == nil || !strings.HasPrefix(err.Error(), bad+":1:1: budget: unknown key; did you mean budgets?") {
		t.Error(err)
	}
	large := write("large.yaml", strings.Repeat(" ", 3*maxSize))
	if _, err := Load(large); err == nil || !strings.HasPrefix(err.Error(), fmt.Sprintf("%s:1:%d: the file is over", large, maxSize+1)) {
		t.Error(err)
	}
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if _, err := Load(dir); err == nil {
		t.Error("a folder was read")
	}
}

// TestBounded parses texts of the largest size that are slow, or fatal, for a YAML parser.
func TestBounded(t *testing.T) {
	for _, test := range []struct{ before, unit string }{
		{"", "["}, {"", "{a: "}, {"", "[a, "}, {"", "- "}, {"", "-\n"}, {"", "- a\n"}, {"", "a: "}, {"", "? "}, {"", "<<"}, {"", "a<<"}, {"", "<"},
		{"", "\n"}, {"", " "}, {"", "x"}, {"", "x\n"}, {"", "'"}, {"", "\""}, {"", "#"}, {"", "# c\n"}, {"", "---\n"}, {"", "&a "},
		{"a: |\n", " \n"}, {"a: >\n", "  x\n"}, {"{a:|\n", " \n"}, {"{a: |\n", " \n"}, {"a: \"\n", "\n"}, {"a: '", "''"}, {"a: x\n", "\n"}, {"a: x\n", " y\n"},
		{"- a\n - b\n", "\n"}, {"a: b\n  -c\n", "   d\n"}, {"{a: 'b'|\n", " \n"}, {"a: [b]|\n", " \n"}, {"[", "{},"}, {"{", "a,"}, {"[", "a: b,"},
		{"\"a\" |\n", " \n"}, {"a: b #|\n", " \n"}, {"- b -\n  - c\n", " \n"}, {"", "a:\n"}, {"", "\t"}, {"a", "\t"}, {"a", " \t"}, {"a: b", "\t#"}, {"", ":"}, {"{", ":"}, {"{a: ", ":"}, {"{", "}"}, {"a", "]"}, {"", "\\"}, {"\"", "\\"}, {"defaults: {retry: {", "x: 1,"},
	} {
		text := []byte((test.before + strings.Repeat(test.unit, maxSize/len(test.unit)+1))[:maxSize])
		start := time.Now()
		Parse("p.yaml", text)
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%q and %q, again and again: %v", test.before, test.unit, took)
		} else if testing.Verbose() && took > 500*time.Millisecond {
			t.Logf("%q and %q: %v", test.before, test.unit, took)
		}
	}
}

// TestMutations parses the documented example with pieces changed, dropped and doubled: no mistake may crash, nor be
// without a place.
func TestMutations(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	text := annotated(t)
	pieces := []string{"", " ", "\n", "\t", ":", ": ", "- ", "-", "[", "]", "{", "}", ",", "#", "'", "\"", "|", ">", "*a", "&a ", "!t ", "? ", "<<: ", "---\n", "...", "%", "0", "-1", "30", "~", "é", "\r", "\u2028"}
	accepted := 0
	for range 2000 {
		s := text
		for range 1 + random.IntN(3) {
			i := random.IntN(len(s))
			s = s[:i] + pieces[random.IntN(len(pieces))] + s[min(len(s), i+random.IntN(4)):]
		}
		if check(t, []byte(s)) {
			accepted++
		}
	}
	t.Logf("%d of 2000 are still policies", accepted)
}

// check parses text, and reports whether it is a policy.
func check(t *testing.T, text []byte) bool {
	t.Helper()
	p, err := Parse("p.yaml", text)
	if err == nil {
		if err := p.Validate(); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		return true
	}
	all := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		all = joined.Unwrap()
	}
	if len(all) > maxErrors {
		t.Errorf("%q: %d errors", text, len(all))
	}
	before := 1
	for _, err := range all {
		e, ok := err.(*Error)
		if !ok {
			t.Fatalf("%q: %#v", text, err)
		}
		checkError(t, text, e)
		if e.Line < before {
			t.Errorf("%q: not in the order of the file: %v", text, err)
		}
		before = e.Line
	}
	return false
}

// checkError checks that an error is about a place in the text, and no failure of the YAML library.
func checkError(t *testing.T, text []byte, e *Error) {
	t.Helper()
	lines := strings.Count(lineEnds.Replace(string(text)), "\n") + 1
	if e.Line < 1 || e.Line > lines || e.Column < 1 || e.Problem == "" || e.File != "p.yaml" || strings.Contains(e.Error(), "\n") {
		t.Errorf("%q: %#v", text, e)
	}
	if strings.Contains(e.Problem, "YAML parser failed") {
		t.Errorf("%q: the YAML parser panics", text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(annotated(f)))
	for _, s := range []string{"", "# c", "---\n...", "defaults: {tier: {plan: [flex, none]}}", "rules:\n- match: {tags: {a: 'b'}}\n  stream: {leave: true}\n",
		"limits: [{concurrency: 1, match: {model: \"*\"}}]", "a: |\n x\n", "- a\n - b", "a: &b [*b]", "{? {? ", "0\n-", "a: \"\\ud800\"", "budgets: [", "defaults:\n  retry: {quota: 1e3}",
		"budgets: [{name: a, every: day, zone: UTC, cap_usd: \"5\", per: [\"tag:a\"]}, {name: a, window: 1s}]", "limits: [{tokens_per_day: 1, zone: x, learn: true, per: [model, model]}]"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) { check(t, text) })
}
