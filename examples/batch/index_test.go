package main

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestIndex(t *testing.T) {
	x := newIndex()
	if x.find("a") != nil {
		t.Error("an entry that nobody made")
	}
	for n := range 1000 {
		x.entry(fmt.Sprint(n)).line = uint32(n + 1)
	}
	for n := range 1000 {
		if e := x.find(fmt.Sprint(n)); e == nil || e.line != uint32(n+1) {
			t.Errorf("%d: %+v", n, e)
		}
	}
	// The ledger has tags instead of ids.
	long := strings.Repeat("é", 200)
	x.entry(tagOf(long)).state = paid
	if e := x.find(long); e == nil || e.state != paid {
		t.Errorf("%+v", e)
	}
}

func TestTagOf(t *testing.T) {
	for _, id := range []string{"a", "é 1", strings.Repeat("x", 256)} {
		if got := tagOf(id); got != id {
			t.Errorf("%q: %q", id, got)
		}
	}
	seen := map[string]string{}
	for _, id := range []string{"a\nb", "a\tb", "a\x7f", "a\u0085", strings.Repeat("x", 257), ""} {
		got := tagOf(id)
		if !strings.HasPrefix(got, "sha256:") || len(got) > maxTag || !utf8.ValidString(got) || tagOf(got) != got || seen[got] != "" {
			t.Errorf("%q: %q", id, got)
		}
		seen[got] = id
	}
}
