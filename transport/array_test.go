package transport

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// A gatherer writes down which watched members its elements have: "model=1 usage={}".
type gatherer struct {
	paths *Paths
	got   []string
}

func (g *gatherer) Document(doc *Fields) Seen {
	g.got = append(g.got, inShort(g.paths, doc.Get, doc.Has))
	return 0
}

func inShort(paths *Paths, get func(Path) ([]byte, bool), has func(Path) bool) string {
	var members []string
	for _, path := range paths.full {
		if raw, ok := get(PathOf(path)); ok {
			members = append(members, fmt.Sprintf("%s=%s", path, raw))
		} else if has(PathOf(path)) {
			members = append(members, path+" is long")
		}
	}
	return strings.Join(members, " ")
}

const longestElement = 100 // value that is kept

// readArray feeds the stream in pieces of the given sizes, repeated. The buffer that they come in is used again, as a
// caller's would be.
func readArray(t *testing.T, paths *Paths, stream string, sizes ...int) (got []string, complete bool) {
	t.Helper()
	g := gatherer{paths: paths}
	e := arrayReader{handler: &g, scanner: new(scanner), paths: paths, limit: longestElement}
	buf := make([]byte, len(stream))
	for i := 0; len(stream) > 0; i++ {
		part := buf[:copy(buf[:max(1, min(sizes[i%len(sizes)], len(buf)))], stream)]
		stream = stream[len(part):]
		n, seen := e.Observe(part)
		if n != len(part) {
			t.Fatalf("took %d of %d bytes", n, len(part))
		}
		complete = complete || seen&SeenComplete != 0
		clear(buf)
	}
	if _, seen := e.Observe(nil); seen != 0 {
		t.Errorf("the end of the stream: %v", seen)
	}
	return g.got, complete
}

func TestArray(t *testing.T) {
	long := strings.Repeat("x", longestElement)
	for _, test := range []struct {
		name, stream string
		want         []string
		complete     bool
	}{
		{"one", `[{"model":1}]`, []string{"model=1"}, true},
		{"several", `[{"model":1},{"usage":{"n":2}},{"x":3}]`, []string{"model=1", `usage={"n":2}`, ""}, true},
		{"nested path", `[{"response":{"usage":[1]}}]`, []string{"response.usage=[1]"}, true},
		{"brackets within strings", `[{"model":"]},[{"},{"x":"[","stream":"]"}]`, []string{`model="]},[{"`, `stream="]"`}, true},
		{"quotes within strings", `[{"model":"a\"]"},{"model":"b\\"}]`, []string{`model="a\"]"`, `model="b\\"`}, true},
		{"escaped key", `[{"service\u005ftier":"flex"}]`, []string{`service_tier="flex"`}, true},
		{"what is in arrays is not the element's", `[{"x":[{"model":1},[]],"model":2}]`, []string{"model=2"}, true},
		{"pretty", "\r\n[\n  {\n    \"model\" : 1\n  }\n,\r\n\t{ \"model\" : 2 }\n]\n", []string{"model=1", "model=2"}, true},
		{"empty objects", `[{},{}]`, []string{"", ""}, true},
		{"empty", `[]`, nil, true},
		{"empty with spaces", " [ \n ] ", nil, true},
		{"something behind it", `[{"model":1}] [{"model":2}]`, []string{"model=1"}, true},
		{"a long value is left out, what follows is not", `[{"model":"` + long + `","stream":1},{"model":2}]`, []string{"model is long stream=1", "model=2"}, true},

		{"an object", `{"model":1}`, nil, false},
		{"a string", `"[{}]"`, nil, false},
		{"a page", `<html>[{"model":1}]</html>`, nil, false},
		{"byte order mark", "\xEF\xBB\xBF[{}]", nil, false},
		{"nothing", "", nil, false},
		{"only spaces", " \n ", nil, false},

		{"cut in an element", `[{"model":1},{"model":2`, []string{"model=1"}, false},
		{"cut in a string", `[{"model":1},{"model":"]`, []string{"model=1"}, false},
		{"cut after an element", `[{"model":1}`, []string{"model=1"}, false},
		{"cut after a comma", `[{"model":1},`, []string{"model=1"}, false},
		{"an element that is no JSON ends it", `[{"model":1},{"model":tru},{"model":3}]`, []string{"model=1"}, false},
		{"brackets that do not match", `[{"model":[1}},{"model":3}]`, nil, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			check := func(how string, sizes ...int) {
				got, complete := readArray(t, testPaths, test.stream, sizes...)
				if !slices.Equal(got, test.want) || complete != test.complete {
					t.Errorf("%s: got %q, complete %v, want %q, %v", how, got, complete, test.want, test.complete)
				}
			}
			check("whole", max(1, len(test.stream)))
			check("byte by byte", 1)
			for at := 1; at < len(test.stream); at++ {
				check(fmt.Sprint("split at ", at), at, len(test.stream))
			}
		})
	}
}

// Only objects are reported: a number is not an answer without usage.
func TestArrayWithoutObjects(t *testing.T) {
	const stream = `[1, "model", [{"model":1}], null, true, -1.5e3, [], {"model":2}, 0]`
	for _, size := range []int{1, 2, 3, 7, len(stream)} {
		got, complete := readArray(t, testPaths, stream, size)
		if !slices.Equal(got, []string{"model=2"}) || !complete {
			t.Errorf("pieces of %d: got %q, complete %v", size, got, complete)
		}
	}
}

// Hostile input takes hardly any memory, however long it is: endless brackets, and endless values.
func TestArrayIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		head, fill string
		elements   int
	}{
		"arrays a million deep":  {"[", "[", 0},
		"objects a million deep": {"[", `{"a":`, 0},
		"watched all the way":    {"[", `{"response":`, 0},
		"a long string":          {`[{"model":"`, "x", 0},
		"a long key":             {`[{"`, "x", 0},
		"a long number":          {`[{"model":`, "1", 0},
		"backslashes":            {`[{"model":"`, `\\`, 0},
		"one path over and over": {`[{`, `"model":1,`, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var n counting
			e := arrayReader{handler: &n, scanner: new(scanner), paths: testPaths, limit: longestElement}
			piece := bytes.Repeat([]byte(test.fill), 1<<10)
			e.Observe([]byte(test.head))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for range 1 << 10 {
				e.Observe(piece)
			}
			runtime.ReadMemStats(&after)
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 256<<10 || int(n) != test.elements {
				t.Errorf("%d bytes allocated for %d read, %d elements", grown, len(piece)<<10, n)
			}
		})
	}
}

type counting int

func (n *counting) Document(*Fields) Seen { *n++; return 0 }

// Many elements take no more memory than one: the scanner is used again.
func TestArrayDoesNotAllocate(t *testing.T) {
	var n counting
	e := arrayReader{handler: &n, scanner: new(scanner), paths: testPaths, limit: longestElement}
	e.Observe([]byte(`[{"model":"m"}`))
	more := []byte(`,{"model":"m","usage":{"a":1}}`)
	if allocs := testing.AllocsPerRun(100, func() { e.Observe(more) }); allocs > 0 {
		t.Errorf("%v allocations for an element", allocs)
	}
	if n != 102 {
		t.Errorf("%d elements", n)
	}
}

// The elements of a valid array are those that encoding/json finds. Those of any input do not depend on where it is split.
func FuzzArray(f *testing.F) {
	f.Add([]byte(`[{"model":"m"},{"service_tier":null,"x":[1,{"a":"]"}]}]`), uint(3))
	f.Add([]byte(" [ 1 , [] , {\"stream\":true} ,\"\\\"]\"] "), uint(1))
	f.Add([]byte(`[{"usage":1,"usage":2},{"a":}]`), uint(5))
	paths := MustPaths("model", "service_tier", "stream", "usage")
	f.Fuzz(func(t *testing.T, doc []byte, size uint) {
		got, complete := readArray(t, paths, string(doc), len(doc))
		split, splitComplete := readArray(t, paths, string(doc), int(size%64)+1, 1)
		if !slices.Equal(got, split) || complete != splitComplete {
			t.Fatalf("whole %q, %v; in pieces %q, %v", got, complete, split, splitComplete)
		}
		var elements []json.RawMessage
		if json.Unmarshal(doc, &elements) != nil || elements == nil {
			return
		}
		var want []string
		for _, raw := range elements {
			var members map[string]json.RawMessage
			json.Unmarshal(raw, &members)
			want = append(want, inShort(paths, func(path Path) ([]byte, bool) {
				raw, ok := members[path.String()]
				return raw, ok && len(raw) <= longestElement
			}, func(path Path) bool { return members[path.String()] != nil }))
		}
		// Elements without watched members say nothing, and those that are no objects have a test of their own.
		none := func(element string) bool { return element == "" }
		if got, want = slices.DeleteFunc(got, none), slices.DeleteFunc(want, none); !slices.Equal(got, want) || !complete {
			t.Fatalf("got %q, complete %v, want %q", got, complete, want)
		}
	})
}
