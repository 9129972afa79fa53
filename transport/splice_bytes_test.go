package transport

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSpliceBytes(t *testing.T) {
	const doc = `{"model":"m","x":[{"text":"one"},{"text":"two"}],"stream":true}`
	at := func(text string) int { return strings.Index(doc, text) }
	mark := Edit{Bytes: Range{at(`},{`), at(`},{`)}, Value: `,"mark":1`}
	for name, test := range map[string]struct {
		edits []Edit
		want  string
	}{
		"insert":            {[]Edit{mark}, `{"model":"m","x":[{"text":"one","mark":1},{"text":"two"}],"stream":true}`},
		"replace":           {[]Edit{{Bytes: Range{at(`"two"`), at(`"two"`) + 5}, Value: "null"}}, `{"model":"m","x":[{"text":"one"},{"text":null}],"stream":true}`},
		"remove":            {[]Edit{{Bytes: Range{at(`,{`), at(`]`)}}}, `{"model":"m","x":[{"text":"one"}],"stream":true}`},
		"in any order":      {[]Edit{{Bytes: Range{at(`}],`), at(`}],`)}, Value: `,"last":1`}, mark}, `{"model":"m","x":[{"text":"one","mark":1},{"text":"two","last":1}],"stream":true}`},
		"at the same place": {[]Edit{mark, {Bytes: mark.Bytes, Value: `,"more":2`}}, `{"model":"m","x":[{"text":"one","mark":1,"more":2},{"text":"two"}],"stream":true}`},
		"with a member": {[]Edit{{Path: "model", Value: `"n"`}, mark, {Path: "usage", Value: "{}"}, {Path: "stream", Remove: true}},
			`{"usage":{},"model":"n","x":[{"text":"one","mark":1},{"text":"two"}]}`},
		"beside a member": {[]Edit{{Path: "model", Value: `"n"`}, {Bytes: Range{at(`,"x"`), at(`,"x"`)}, Value: `,"y":1`}},
			`{"model":"n","y":1,"x":[{"text":"one"},{"text":"two"}],"stream":true}`},
		"to the end": {[]Edit{{Bytes: Range{at(`,"stream"`), len(doc) - 1}}}, `{"model":"m","x":[{"text":"one"},{"text":"two"}]}`},
	} {
		if got := edited(t, doc, test.edits...); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, test.want)
		}
	}
}

func TestSpliceBytesRefuses(t *testing.T) {
	const doc = ` {"model":"m","x":[1,2],"stream":true}`
	f, err := Find([]byte(doc), testPaths)
	if err != nil {
		t.Fatal(err)
	}
	for name, edits := range map[string][]Edit{
		"backwards":                {{Bytes: Range{20, 19}}},
		"negative":                 {{Bytes: Range{-1, 3}}},
		"before the object":        {{Bytes: Range{1, 3}}},
		"behind the object":        {{Bytes: Range{len(doc), len(doc)}, Value: " "}},
		"too long":                 {{Bytes: Range{20, len(doc)}}},
		"with a path":              {{Path: "model", Bytes: Range{20, 21}, Value: "1"}},
		"with a removal":           {{Remove: true, Bytes: Range{20, 21}}},
		"with a cut":               {{Cut: Range{0, 1}, Bytes: Range{20, 21}}},
		"twice":                    {{Bytes: Range{19, 21}, Value: "1"}, {Bytes: Range{19, 21}, Value: "1"}},
		"overlapping":              {{Bytes: Range{19, 21}, Value: "1"}, {Bytes: Range{20, 22}, Value: "1"}},
		"inserted within":          {{Bytes: Range{19, 21}, Value: "1"}, {Bytes: Range{20, 20}, Value: "1"}},
		"within a value":           {{Path: "model", Value: "1"}, {Bytes: Range{11, 12}, Value: "n"}},
		"within what is removed":   {{Path: "model", Remove: true}, {Bytes: Range{4, 4}, Value: "n"}},
		"over an edge of a member": {{Path: "model", Remove: true}, {Bytes: Range{10, 20}, Value: "n"}},
	} {
		if got, err := f.Splice(edits...); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

// replaced is the document with the bytes replaced, one edit after the other, from the last to the first.
func replaced(doc string, edits []Edit) string {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b Edit) int { return a.Bytes.From - b.Bytes.From })
	for _, e := range slices.Backward(edits) {
		doc = doc[:e.Bytes.From] + e.Value + doc[e.Bytes.To:]
	}
	return doc
}

// Bytes that are replaced in the value of one member leave the edits of others as they are.
func TestSpliceBytesComposes(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		doc := anyDocument(random)
		first := strings.Index(doc, "xxxx")
		last := strings.LastIndex(doc, "xxxx") + 4
		var bytes []Edit
		for at := first; at < last && len(bytes) < 6; {
			from := at + random.IntN(last-at+1)
			to := from + random.IntN(min(last-from, 50)+1)
			bytes = append(bytes, Edit{Bytes: Range{from, to}, Value: strings.Repeat("y", random.IntN(4))})
			at = to + 1
		}
		all := append(anyEdits(random), bytes...)
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		edits := slices.DeleteFunc(slices.Clone(all), func(e Edit) bool { return e.replaces() })
		plain, err := Find([]byte(replaced(doc, bytes)), testPaths)
		if err != nil {
			t.Fatal(err)
		}
		want, err := plain.Splice(edits...)
		if err != nil {
			t.Fatal(err)
		}
		fields, err := Find([]byte(doc), testPaths)
		if err != nil {
			t.Fatal(err)
		}
		got, err := fields.Splice(all...)
		if err != nil && changesLong(fields, edits, first) {
			continue // the bytes are of a member that is edited
		}
		if err != nil || string(got) != string(want) {
			t.Fatalf("%v: %v\nof %.200q", all, err, doc)
		}
	}
}

// changesLong reports whether one of the edits changes the member whose value holds the byte.
func changesLong(f *Fields, edits []Edit, at int) bool {
	for _, m := range f.members {
		if int(m.value) <= at && at < int(m.end) {
			e, _ := editOf(edits, f.paths.full[m.path])
			return e != nil
		}
	}
	return false
}

// within reports whether the edits are all of bytes within the object.
func within(f *Fields, size int, edits []Edit) bool {
	return !slices.ContainsFunc(edits, func(e Edit) bool {
		return e.Bytes.From <= f.open || e.Bytes.To < e.Bytes.From || e.Bytes.To >= size
	})
}

// Any two edits of bytes are made, or one of them is not within the object, or they overlap.
func FuzzSpliceBytes(f *testing.F) {
	f.Add([]byte(`{"model":"m","x":[1]}`), 5, 9, 12, 12, "new", true)
	f.Add([]byte(` {} `), 2, 2, 2, 2, "", false)
	f.Fuzz(func(t *testing.T, doc []byte, a, b, c, d int, value string, remove bool) {
		fields, err := Find(doc, testPaths)
		if err != nil || fields.open < 0 {
			return
		}
		edits := []Edit{{Bytes: Range{a, b}, Value: value}, {Bytes: Range{c, d}, Value: value + "2"}}
		valid := within(fields, len(doc), edits) && (b <= c || d <= a)
		got, err := fields.Splice(edits...)
		if valid != (err == nil) {
			t.Fatalf("%q: %v, %v", doc, edits, err)
		}
		if valid {
			// An insertion comes before a replacement that begins at the same place.
			slices.SortStableFunc(edits, func(a, b Edit) int { return a.Bytes.To - b.Bytes.To })
			if want := replaced(string(doc), edits); string(got) != want {
				t.Fatalf("got %q, want %q, of %v", got, want, edits)
			}
		}
		if _, err := fields.Splice(append(edits, Edit{Path: "model", Remove: remove, Value: "1"})...); err == nil && !valid {
			t.Fatalf("%q: %v is made with another edit", doc, edits)
		}
	})
}

func ExampleFields_Splice_bytes() {
	const doc = `{"model":"m","messages":[{"role":"user","content":"Hello"}]}`
	fields, err := Find([]byte(doc), MustPaths("model"))
	if err != nil {
		fmt.Println(err)
		return
	}
	at := strings.Index(doc, `"Hello"`)
	edited, err := fields.Splice(
		Edit{Path: "model", Value: `"n"`},
		Edit{Bytes: Range{From: at, To: at + len(`"Hello"`)}, Value: `[{"type":"text","text":"Hello"}]`},
	)
	fmt.Println(string(edited), err)
	// Output: {"model":"n","messages":[{"role":"user","content":[{"type":"text","text":"Hello"}]}]} <nil>
}
