package transport

import (
	"slices"
	"strings"
	"testing"
)

// Find has the members before the place where a document is cut off or invalid, and none of a document that is no object.
func TestFindIsLenient(t *testing.T) {
	const doc = `{"model":"m","response":{"usage":{"n":1},"service_tier":"flex"},"stream":true}`
	for end := range doc {
		for _, tail := range []string{"", "\x00"} {
			f, err := Find([]byte(doc[:end]+tail), testPaths)
			if err == nil {
				t.Errorf("%s: no error", doc[:end])
			}
			checkPart(t, f, doc, end)
			if model := f.Text(PathOf("model")); (model == "m") != (end >= len(`{"model":"m"`)) {
				t.Errorf("%s: model %q", doc[:end], model)
			}
			if got, err := f.Splice(Edit{Path: "model", Value: "1"}); err == nil {
				t.Errorf("%s was edited to %s", doc[:end], got)
			}
		}
	}
	for _, doc := range []string{`[{"model":"m"}]`, `"model"`, `null`, ` 5 `} {
		f, err := Find([]byte(doc), testPaths)
		if _, spliced := f.Splice(Edit{Path: "model", Value: "1"}); err != nil || f.Has(PathOf("model")) || spliced == nil {
			t.Errorf("%s: %v, has a model: %v, spliced: %v", doc, err, f.Has(PathOf("model")), spliced)
		}
	}
	if f, err := Find([]byte(doc), nil); err != nil || f.Has(PathOf("model")) {
		t.Errorf("without paths: %v", err)
	}
}

// checkPart checks that what was found in the beginning of a document stands there.
func checkPart(t *testing.T, f *Fields, doc string, end int) {
	t.Helper()
	for _, path := range []string{"model", "response.usage", "response.service_tier", "stream"} {
		raw, ok := f.Get(PathOf(path))
		if at := strings.Index(doc, string(raw)); ok && (at < 0 || at+len(raw) > end) {
			t.Errorf("%s: %s is %s", doc[:end], path, raw)
		}
	}
}

// A later search does not change the Fields of an earlier one.
func TestFindOwnsItsFields(t *testing.T) {
	first, err := Find([]byte(`{"contents":[1,2],"model":"right"}`), elementPaths)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := Find([]byte(`{"model":"wrong","contents":[[5],6]}`), elementPaths); err != nil {
			t.Fatal(err)
		}
	}
	if offsets, _ := first.Elements(); first.Text(PathOf("model")) != "right" || !slices.Equal(offsets, []Range{{13, 14}, {15, 16}}) {
		t.Errorf("%q, %v", first.Text(PathOf("model")), offsets)
	}
}

func TestObjects(t *testing.T) {
	for _, test := range []struct {
		name, array string
		want        []string
		fails       bool
	}{
		{"two", `[{"model":1},{"usage":[{"model":3}]}]`, []string{"model=1", `usage=[{"model":3}]`}, false},
		{"white space", " [ {\"model\" : 1 } ,\n{ } ] ", []string{"model=1", ""}, false},
		{"others between", `["{",{"model":1},[{"model":2}],null,-1.5,{"model":3}]`, []string{"model=1", "model=3"}, false},
		{"one alone", `{"model":1}`, []string{"model=1"}, false},
		{"none", `[]`, nil, false},
		{"not an array", `"[{}]"`, nil, false},
		{"nothing", ``, nil, false},
		{"an element that goes wrong", `[{"model":1},{"model":2,},{"model":3}]`, []string{"model=1", "model=2"}, true},
		{"cut off", `[{"model":1},{"model":2`, []string{"model=1", "model is long"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			failed := false
			for doc, err := range Objects([]byte(test.array), testPaths) {
				got = append(got, inShort(testPaths, doc.Get, doc.Has))
				failed = failed || err != nil
			}
			if !slices.Equal(got, test.want) || failed != test.fails {
				t.Errorf("got %q, failed %v, want %q, %v", got, failed, test.want, test.fails)
			}
			for range Objects([]byte(test.array), testPaths) {
				break // must not call again
			}
		})
	}
}

func FuzzObjects(f *testing.F) {
	f.Add([]byte(`[{"model":"m"},5,{"usage":{}}]`))
	f.Add([]byte(`[{"model":`))
	f.Fuzz(func(t *testing.T, array []byte) {
		var got []string
		for doc, err := range Objects(array, testPaths) {
			if err != nil {
				return
			}
			got = append(got, inShort(testPaths, doc.Get, doc.Has))
		}
		if !strings.HasPrefix(strings.TrimLeft(string(array), " \t\r\n"), "[") {
			return
		}
		var g gatherer
		g.paths = testPaths
		a := arrayReader{handler: &g, scanner: new(scanner), paths: testPaths, limit: 1 << 20}
		a.Observe(array)
		if len(got) > len(g.got) || !slices.Equal(got, g.got[:len(got)]) {
			t.Fatalf("%q: %q, and as it arrives %q", array, got, g.got)
		}
	})
}
