package transport

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func TestUnknown(t *testing.T) {
	paths := MustPaths("model", "usage.input", "usage.details.cached", "response.usage.input").WithUnknown("usage", func(name []byte) bool {
		return bytes.HasSuffix(name, []byte("tokens"))
	})
	for doc, want := range map[string]string{
		`{"model":"m","usage":{"input":1}}`:                                          "",
		`{"model":"m","max_tokens":5,"usage":{"input":1}}`:                           "",
		`{"response":{"max_tokens":5,"usage":{"input":1}}}`:                          "",
		`{"model":"m","usage":{"input":1,"dream_tokens":5,"smell_tokens":6}}`:        "dream_tokens",
		`{"model":"m","usage":{"dream_tokens" : 5}}`:                                 "dream_tokens",
		`{"usage":{"dream_tokens":0,"a_tokens":-1,"b_tokens":"5","c_tokens":null}}`:  "",
		`{"usage":{"dream_tokens":[5],"e_tokens":{"x_tokens":6},"f_tokens":false}}`:  "",
		`{"usage":{"dream_tokens":"1","other":7,"text":"b_tokens","late_tokens":8}}`: "late_tokens",
		`{"usage":{"details":{"cached":1,"dream_tokens":5},"late_tokens":1}}`:        "dream_tokens",
		`{"response":{"usage":{"dream_tokens":5}},"late_tokens":1}`:                  "dream_tokens",
		`{"usage":[{"dream_tokens":5}],"model":"m"}`:                                 "",
	} {
		var s scanner
		f, err := Find([]byte(doc), paths)
		if err != nil || f.Unknown() != want {
			t.Errorf("%s: %q, %v, want %q", doc, f.Unknown(), err, want)
		}
		for first := range doc {
			for second := first; second < len(doc); second++ {
				s.reset(paths, 64)
				for _, part := range []string{doc[:first], doc[first:second], doc[second:]} {
					s.Write([]byte(part))
				}
				if !s.complete() || s.unknown != want {
					t.Fatalf("%s, cut at %d and %d: %q, want %q", doc, first, second, s.unknown, want)
				}
			}
		}
	}
}

func TestNewPaths(t *testing.T) {
	many := make([]string, maxPaths+1)
	for i := range many {
		many[i] = fmt.Sprint("p", i)
	}
	for name, test := range map[string]struct {
		paths []string
		want  string // of the error
	}{
		"none":          {nil, ""},
		"four names":    {[]string{"a.b.c.d"}, ""},
		"as many":       {many[:maxPaths], ""},
		"five names":    {[]string{"a.b.c.d.e"}, `"a.b.c.d.e"`},
		"an empty path": {[]string{"a", ""}, `""`},
		"an empty name": {[]string{"a..b"}, `"a..b"`},
		"too many":      {many, "65"},
	} {
		if _, err := NewPaths(test.paths...); (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
}

// The largest set of paths is found as a whole, even if paths have the same beginnings or lengths.
func TestManyPaths(t *testing.T) {
	var names []string
	var doc strings.Builder
	doc.WriteString(`{"x":{"y":{`)
	for i := range maxPaths {
		names = append(names, fmt.Sprintf("x.y.member%02d", i))
		fmt.Fprintf(&doc, `"member%02d":%d,`, i, i)
	}
	paths := MustPaths(names...)
	f, err := Find([]byte(doc.String()+`"z":0}}}`), paths)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		if got, ok := f.Get(PathOf(name)); !ok || string(got) != fmt.Sprint(i) {
			t.Errorf("%s: %s, %v", name, got, ok)
		}
	}
	if f.Has(PathOf("x.y.z")) || f.Has(PathOf("never.watched")) || f.Has(0) {
		t.Error("found what was not looked for")
	}
}

func TestPathsWith(t *testing.T) {
	few := MustPaths("model", "usage.input")
	more := few.With("model", "contents").WithElements(PathOf("contents"))
	f, err := Find([]byte(`{"model":"m","contents":[1,2],"usage":{"input":3}}`), more)
	if err != nil {
		t.Fatal(err)
	}
	places, known := f.Elements()
	if !known || len(places) != 2 || f.Text(PathOf("model")) != "m" || !f.Has(PathOf("usage.input")) {
		t.Errorf("found %v, %q", places, f.Text(PathOf("model")))
	}
	if f, _ := Find([]byte(`{"contents":[1,2]}`), few); f.Has(PathOf("contents")) {
		t.Error("With changed the paths that it began with")
	}
	defer func() {
		if recover() == nil {
			t.Error("a path of no name is accepted")
		}
	}()
	few.With("a..b")
}
