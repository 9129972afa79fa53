package transport

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestSplice(t *testing.T) {
	flex := Edit{Path: "service_tier", Value: `"flex"`}
	remove := Edit{Path: "service_tier", Remove: true}
	model := Edit{Path: "model", Remove: true}
	for _, test := range []struct {
		name, doc string
		edits     []Edit
		want      string
	}{
		{"add", `{"model":"m"}`, []Edit{flex}, `{"service_tier":"flex","model":"m"}`},
		{"add to empty", `{}`, []Edit{flex}, `{"service_tier":"flex"}`},
		{"add to empty with spaces", " { } \n", []Edit{flex}, " {\"service_tier\":\"flex\" } \n"},
		{"add two", `{}`, []Edit{flex, {Path: "stream", Value: "true"}}, `{"service_tier":"flex","stream":true}`},
		{"add two to one", `{"x":1}`, []Edit{flex, {Path: "stream", Value: "true"}}, `{"service_tier":"flex","stream":true,"x":1}`},
		{"replace", `{"service_tier" : "auto" , "x":1e400}`, []Edit{flex}, `{"service_tier" : "flex" , "x":1e400}`},
		{"replace escaped key", `{"x":1,"service\u005ftier":"auto"}`, []Edit{flex}, `{"x":1,"service\u005ftier":"flex"}`},
		{"duplicates leave one", `{"service_tier":1,"x":2,"service_tier":3}`, []Edit{flex}, `{"service_tier":"flex","x":2}`},
		{"duplicates apart", `{"x":2, "service_tier":1 ,"service_tier":3,"y":4}`, []Edit{flex}, `{"x":2, "service_tier":"flex" ,"y":4}`},
		{"remove first", `{ "service_tier":1 , "x":2}`, []Edit{remove}, `{ "x":2}`},
		{"remove middle", `{"x":1, "service_tier":1, "y":2}`, []Edit{remove}, `{"x":1, "y":2}`},
		{"remove last", `{"x":1 , "service_tier":1 }`, []Edit{remove}, `{"x":1  }`},
		{"remove only", `{ "service_tier":1 }`, []Edit{remove}, `{  }`},
		{"remove all duplicates", `{"service_tier":1,"service_tier":2}`, []Edit{remove}, `{}`},
		{"remove two at the front", `{"model":1,"service_tier":2,"x":3}`, []Edit{remove, model}, `{"x":3}`},
		{"remove two at the end", `{"x":3,"model":1,"service_tier":2}`, []Edit{remove, model}, `{"x":3}`},
		{"remove around", `{"model":1,"x":3,"service_tier":2}`, []Edit{remove, model}, `{"x":3}`},
		{"remove and add", `{"model":1}`, []Edit{flex, model}, `{"service_tier":"flex"}`},
		{"remove what is not there", `{"x":1}`, []Edit{remove}, `{"x":1}`},
		{"nested is not meant", `{"x":{"service_tier":1}}`, []Edit{remove}, `{"x":{"service_tier":1}}`},
		{"nothing", `{"x":1}`, nil, `{"x":1}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := scan(t, test.doc)
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.Splice(test.edits...)
			if err != nil || string(got) != test.want {
				t.Errorf("got  %q, %v\nwant %q", got, err, test.want)
			}
		})
	}
}

func TestSpliceRefuses(t *testing.T) {
	f, err := scan(t, `{"model":1}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, edits := range map[string][]Edit{
		"not watched":  {{Path: "other", Value: "1"}},
		"nested":       {{Path: "response.usage", Value: "1"}},
		"twice":        {{Path: "model", Value: "1"}, {Path: "model", Remove: true}},
		"without text": {{Path: "model"}},
	} {
		if got, err := f.Splice(edits...); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

// An edited document is valid, holds what the edit says, exactly once, and everything else as it was.
func FuzzSplice(f *testing.F) {
	f.Add([]byte(`{"model":"m","service_tier":null,"x":[1]}`), []byte(`"flex"`), false, true)
	f.Add([]byte(` { "service_tier" : 1 , "service_tier":2 } `), []byte(`{"a":[]}`), true, false)
	f.Add([]byte(`{}`), []byte(`1`), false, false)
	f.Fuzz(func(t *testing.T, doc, value []byte, remove, both bool) {
		if !json.Valid(value) {
			return
		}
		fields, err := Find(doc, testPaths)
		if err != nil || fields.open < 0 {
			return
		}
		edits := []Edit{{Path: "service_tier", Value: string(value), Remove: remove}}
		if both {
			edits = append(edits, Edit{Path: "model", Remove: !remove, Value: `"other"`})
		}
		got, err := fields.Splice(edits...)
		if err != nil {
			t.Fatal(err)
		}
		var before, after map[string]json.RawMessage
		if err := json.Unmarshal(doc, &before); err != nil {
			t.Skip() // not UTF-8
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		for _, e := range edits {
			delete(before, e.Path)
			if !e.Remove {
				if !bytes.Equal(bytes.TrimSpace(after[e.Path]), bytes.TrimSpace([]byte(e.Value))) {
					t.Fatalf("%s = %q, want %q", e.Path, after[e.Path], e.Value)
				}
				if f, err := Find(got, testPaths); err != nil || strings.Count(paths(f), e.Path+";") != 1 {
					t.Fatalf("%q: %v, %v", got, err, paths(f))
				}
			} else if _, ok := after[e.Path]; ok {
				t.Fatalf("%s is still there: %q", e.Path, got)
			}
			delete(after, e.Path)
		}
		if !reflect.DeepEqual(before, after) {
			t.Fatalf("before %q\nafter %q", doc, got)
		}
	})
}

func paths(f *Fields) (all string) {
	for _, m := range f.members {
		all += f.paths.full[m.path] + ";"
	}
	return all
}
