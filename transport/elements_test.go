package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
)

var (
	atContents     = PathOf("contents")
	elementPaths   = MustPaths("model", "contents", "cachedContent").WithElements(atContents)
	nestedElements = MustPaths("model", "request.contents").WithElements(PathOf("request.contents"))
)

// elementsOf returns the elements as they are found in the whole document, after checking that they are the same when it
// comes in two pieces, and in pieces of one byte.
func elementsOf(t testing.TB, doc string, paths *Paths) (got []string, known bool) {
	t.Helper()
	f, err := Find([]byte(doc), paths)
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	offsets, known := f.Elements()
	for _, r := range offsets {
		got = append(got, doc[r.From:r.To])
	}
	for at := range min(len(doc), 200) {
		var s scanner
		s.reset(paths, 1)
		if at == 0 {
			for i := range len(doc) {
				s.Write([]byte(doc[i : i+1]))
			}
		} else {
			s.Write([]byte(doc[:at]))
			s.Write([]byte(doc[at:]))
		}
		if in, ok := s.Elements(); s.close() != nil || ok != known || !slices.Equal(in, offsets) {
			t.Fatalf("%s, cut at %d: %v, %v; whole %v, %v", doc, at, in, ok, offsets, known)
		}
	}
	return got, known
}

func TestElements(t *testing.T) {
	for _, test := range []struct {
		name, doc string
		paths     *Paths
		want      []string
		known     bool
	}{
		{"several", `{"contents":[1,"a",{"b":[2,3]},[4,5],null,true]}`, elementPaths, []string{"1", `"a"`, `{"b":[2,3]}`, "[4,5]", "null", "true"}, true},
		{"white space", "{ \"contents\" : [ 1 ,\n {\"a\" : 2 } , [ ] ] } ", elementPaths, []string{"1", `{"a" : 2 }`, "[ ]"}, true},
		{"one", `{"contents":[{"contents":[1,2]}],"model":"m"}`, elementPaths, []string{`{"contents":[1,2]}`}, true},
		{"none", `{"contents":[ ]}`, elementPaths, nil, true},
		{"brackets in strings", `{"contents":["],[","\"]"]}`, elementPaths, []string{`"],["`, `"\"]"`}, true},
		{"numbers", `{"contents":[-1.5e+7,0,10]}`, elementPaths, []string{"-1.5e+7", "0", "10"}, true},
		{"escaped name", `{"c\u006fntents":[7]}`, elementPaths, []string{"7"}, true},
		{"of duplicates the last", `{"contents":[1,2],"contents":[3]}`, elementPaths, []string{"3"}, true},
		{"the last is not an array", `{"contents":[1,2],"contents":{"a":[3]}}`, elementPaths, nil, false},
		{"not an array", `{"contents":"[1]"}`, elementPaths, nil, false},
		{"not there", `{"model":[1]}`, elementPaths, nil, false},
		{"an array of that name elsewhere", `{"x":{"contents":[1]}}`, elementPaths, nil, false},
		{"in an object", `{"request":{"contents":[1,[2]]},"contents":[3]}`, nestedElements, []string{"1", "[2]"}, true},
		{"not asked for", `{"contents":[1]}`, MustPaths("contents"), nil, false},
		{"asked for another", `{"contents":[1]}`, MustPaths("contents").WithElements(PathOf("model")), nil, false},
		{"as many as there can be", `{"contents":[0` + strings.Repeat(",0", maxElements-1) + `]}`, elementPaths, slices.Repeat([]string{"0"}, maxElements), true},
		{"one more", `{"contents":[0` + strings.Repeat(",0", maxElements) + `],"model":"m"}`, elementPaths, nil, false},
		{"the second is short enough", `{"contents":[0` + strings.Repeat(",0", maxElements) + `],"contents":[1]}`, elementPaths, []string{"1"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, known := elementsOf(t, test.doc, test.paths); !slices.Equal(got, test.want) || known != test.known {
				t.Errorf("%d elements %.80q, known %v, want %d %.80q, %v", len(got), got, known, len(test.want), test.want, test.known)
			}
		})
	}
}

// If a document is cut off within the array, its elements are not known.
func TestElementsOfABrokenDocument(t *testing.T) {
	const doc = `{"model":"m","contents":[1,{"a":2},[3]],"x":1}`
	for end := range doc {
		f, err := Find([]byte(doc[:end]), elementPaths)
		offsets, known := f.Elements()
		if whole := end > strings.Index(doc, `,"x"`)-1; err == nil || known != whole || known && len(offsets) != 3 {
			t.Errorf("%s: %v, %v, %v", doc[:end], offsets, known, err)
		}
		if got, err := f.Splice(Edit{Path: "contents", Cut: Range{0, 1}}); err == nil {
			t.Errorf("%s: cut to %s", doc[:end], got)
		}
	}
}

func TestCut(t *testing.T) {
	cut := func(from, to int) []Edit { return []Edit{{Path: "contents", Cut: Range{from, to}}} }
	for _, test := range []struct {
		name, doc string
		edits     []Edit
		want      string
	}{
		{"first", `{"contents":[1,2,3]}`, cut(0, 1), `{"contents":[2,3]}`},
		{"first two, with space", `{"contents": [ 1 , [2] ,{"a":3} ]}`, cut(0, 2), `{"contents": [ {"a":3} ]}`},
		{"all", `{"contents":[ 1, 2 ],"model":"m"}`, cut(0, 2), `{"contents":[  ],"model":"m"}`},
		{"the only one", `{"contents":[{"contents":[1]}]}`, cut(0, 1), `{"contents":[]}`},
		{"middle", `{"contents":[1 , 2 , 3]}`, cut(1, 2), `{"contents":[1 , 3]}`},
		{"last", `{"contents":[1, 2, 3 ]}`, cut(2, 3), `{"contents":[1, 2 ]}`},
		{"last two", `{"contents":[1,[2],{"b":[3]}]}`, cut(1, 3), `{"contents":[1]}`},
		{"of duplicates the last is left", `{"contents":[1,2],"model":"m","contents":[3,4]}`, cut(0, 1), `{"model":"m","contents":[4]}`},
		{"duplicates alone", `{"contents":[1,2] , "contents":5, "contents":[3,4]}`, cut(0, 2), `{"contents":[]}`},
		{"with other edits", `{"model":"m","contents":[1,2],"cachedContent":null}`,
			append(cut(0, 1), Edit{Path: "cachedContent", Value: `"c"`}, Edit{Path: "model", Remove: true}), `{"contents":[2],"cachedContent":"c"}`},
		{"and a new member", `{"contents":[1,2]}`, append(cut(0, 2), Edit{Path: "cachedContent", Value: `"c"`}), `{"cachedContent":"c","contents":[]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := Find([]byte(test.doc), elementPaths)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := f.Splice(test.edits...); err != nil || string(got) != test.want {
				t.Errorf("got  %s, %v\nwant %s", got, err, test.want)
			}
		})
	}
	f, err := Find([]byte(`{"a":1,"request":{"contents":[1,2],"b":[]},"c":{}}`), nestedElements)
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Splice(Edit{Path: "request.contents", Cut: Range{0, 1}}, Edit{Path: "model", Value: "1"})
	if want := `{"model":1,"a":1,"request":{"contents":[2],"b":[]},"c":{}}`; err != nil || string(got) != want {
		t.Errorf("in an object: got  %s, %v\nwant %s", got, err, want)
	}
}

func TestCutRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		doc   string
		edits []Edit
		paths *Paths
	}{
		"too many":           {`{"contents":[1]}`, []Edit{{Path: "contents", Cut: Range{0, 2}}}, elementPaths},
		"before the first":   {`{"contents":[1]}`, []Edit{{Path: "contents", Cut: Range{-1, 1}}}, elementPaths},
		"the wrong way":      {`{"contents":[1,2]}`, []Edit{{Path: "contents", Cut: Range{1, 0}}}, elementPaths},
		"nothing, at 1":      {`{"contents":[1,2]}`, []Edit{{Path: "contents", Cut: Range{1, 1}}}, elementPaths},
		"nothing at all":     {`{"contents":[1,2]}`, []Edit{{Path: "contents"}}, elementPaths},
		"and sets":           {`{"contents":[1]}`, []Edit{{Path: "contents", Cut: Range{0, 1}, Value: "1"}}, elementPaths},
		"and removes":        {`{"contents":[1]}`, []Edit{{Path: "contents", Cut: Range{0, 1}, Remove: true}}, elementPaths},
		"not an array":       {`{"contents":{}}`, []Edit{{Path: "contents", Cut: Range{0, 1}}}, elementPaths},
		"not there":          {`{"x":[1]}`, []Edit{{Path: "contents", Cut: Range{0, 1}}}, elementPaths},
		"another array":      {`{"model":[1]}`, []Edit{{Path: "model", Cut: Range{0, 1}}}, elementPaths},
		"not asked for":      {`{"contents":[1]}`, []Edit{{Path: "contents", Cut: Range{0, 1}}}, MustPaths("contents")},
		"twice":              {`{"contents":[1]}`, slices.Repeat([]Edit{{Path: "contents", Cut: Range{0, 1}}}, 2), elementPaths},
		"too long":           {`{"contents":[0` + strings.Repeat(",0", maxElements) + `]}`, []Edit{{Path: "contents", Cut: Range{0, 1}}}, elementPaths},
		"a document's array": {`[1]`, []Edit{{Path: "contents", Cut: Range{0, 1}}}, elementPaths},
		"duplicates deep":    {`{"request":{"contents":[1],"contents":[2]}}`, []Edit{{Path: "request.contents", Cut: Range{0, 1}}}, nestedElements},
	} {
		f, err := Find([]byte(test.doc), test.paths)
		if err != nil {
			t.Fatal(name, err)
		}
		if got, err := f.Splice(test.edits...); err == nil {
			t.Errorf("%s: got %.80s, want an error", name, got)
		}
	}
}

// anyArray is an array of random elements with random white space.
func anyArray(random *rand.Rand) string {
	space := func() string { return [...]string{"", "", " ", "\n\t"}[random.IntN(4)] }
	elements := make([]string, random.IntN(6))
	for i := range elements {
		elements[i] = space() + [...]string{`1`, `"a"`, `"],["`, `null`, `{"contents":[1,{}]}`, `[1, [2]]`, `[]`, `{ }`, `-1.5e+7`}[random.IntN(9)] + space()
	}
	return "[" + space() + strings.Join(elements, ",") + "]"
}

// What is left of any array is what encoding/json says it is, in memory and while it is sent, over HTTP/1 and HTTP/2.
func TestCutIsWhatJSONSays(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		array := anyArray(random)
		doc := fmt.Sprintf(`{"model":"m", "contents" : %s,"x":%s}`, array, anyArray(random))
		if random.IntN(4) == 0 {
			doc = fmt.Sprintf(`{"contents":%s,%s`, anyArray(random), doc[1:])
		}
		var want struct{ Contents []any }
		if err := json.Unmarshal([]byte(doc), &want); err != nil {
			t.Fatal(err)
		}
		// encoding/json puts the elements of a duplicate over those of the first, so the array is read on its own.
		json.Unmarshal([]byte(array), &want.Contents)
		found, known := elementsOf(t, doc, elementPaths)
		if !known || len(found) != len(want.Contents) {
			t.Fatalf("%s: %d elements, known %v, want %d", doc, len(found), known, len(want.Contents))
		}
		if len(found) == 0 {
			continue
		}
		from := random.IntN(len(found))
		edit := Edit{Path: "contents", Cut: Range{from, from + 1 + random.IntN(len(found)-from)}}
		left := slices.Delete(slices.Clone(want.Contents), edit.Cut.From, edit.Cut.To)
		for _, again := range []bool{false, true} {
			for _, http2 := range []bool{false, true} {
				sent := sendEdited(t, doc, again, http2, edit)
				var got map[string]json.RawMessage
				var contents []any
				if err := json.Unmarshal(sent, &got); err != nil || json.Unmarshal(got["contents"], &contents) != nil {
					t.Fatalf("%s became %s: %v", doc, sent, err)
				}
				if len(left)+len(contents) > 0 && !reflect.DeepEqual(contents, left) || bytes.Count(sent, []byte(`"contents" :`)) != 1 {
					t.Fatalf("%s without %v is %s", doc, edit.Cut, sent)
				}
			}
		}
	}
}

// sendEdited is what a request is sent with, which can give its body again or not.
func sendEdited(t testing.TB, doc string, again, http2 bool, edits ...Edit) []byte {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://example.com/", strings.NewReader(doc))
	if err != nil {
		t.Fatal(err)
	}
	if !again {
		req.GetBody = nil
	}
	var b Body
	if err := b.Load(req, elementPaths); err != nil {
		t.Fatal(err)
	}
	if err := b.Attach(req, http2, edits...); err != nil {
		t.Fatal(err)
	}
	sent, err := io.ReadAll(req.Body)
	if err != nil || int64(len(sent)) != req.ContentLength {
		t.Fatalf("%d bytes of %d, %v", len(sent), req.ContentLength, err)
	}
	return sent
}

// Elements are those that encoding/json finds, in whichever pieces the document comes, and a document from which some are
// cut has the others.
func FuzzElements(f *testing.F) {
	f.Add([]byte(`{"contents":[1, {"a":[2]}, "]"],"x":[3]}`), uint(0), uint(1))
	f.Add([]byte(`{"contents":[ ] , "contents":[[1],[]] }`), uint(1), uint(1))
	f.Fuzz(func(t *testing.T, doc []byte, from, n uint) {
		if !json.Valid(doc) || !bytes.HasPrefix(bytes.TrimSpace(doc), []byte("{")) {
			return
		}
		if fields, err := Find(doc, elementPaths); err != nil || len(fields.members) > 20 {
			return
		}
		found, ok := checkElements(t, doc)
		if !ok || len(found) == 0 {
			return
		}
		cut := Range{From: int(from % uint(len(found)))}
		cut.To = cut.From + 1 + int(n%uint(len(found)-cut.From))
		fields, err := Find(doc, elementPaths)
		if err != nil {
			t.Fatal(err)
		}
		edited, err := fields.Splice(Edit{Path: "contents", Cut: cut})
		if err != nil {
			t.Fatal(err)
		}
		left, known := elementsOf(t, string(edited), elementPaths)
		if rest := slices.Delete(found, cut.From, cut.To); !known || !slices.Equal(left, rest) || !json.Valid(edited) {
			t.Fatalf("%s without %v is %s", doc, cut, edited)
		}
	})
}

// checkElements returns the elements that are found in a document, if they are known, after comparing them with those that
// encoding/json finds.
func checkElements(t *testing.T, doc []byte) (found []string, known bool) {
	t.Helper()
	found, known = elementsOf(t, string(doc), elementPaths)
	var members map[string]json.RawMessage
	if err := json.Unmarshal(doc, &members); err != nil {
		return nil, false
	}
	var elements []json.RawMessage
	if array := json.Unmarshal(members["contents"], &elements) == nil && elements != nil; known != (array && len(elements) <= maxElements) {
		t.Fatalf("%s: known %v", doc, known)
	}
	if !known {
		return nil, false
	}
	var want []string
	for _, raw := range elements {
		want = append(want, string(bytes.TrimSpace(raw)))
	}
	if !slices.Equal(found, want) {
		t.Fatalf("%s: %q, want %q", doc, found, want)
	}
	return found, true
}
