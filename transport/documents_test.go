package transport

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A shelf writes down which watched members the documents have that it is given.
type shelf struct {
	got  []string
	says func(doc string) Seen
}

func (s *shelf) Document(doc *Fields) Seen {
	text := inShort(testPaths, doc.Get, doc.Has)
	s.got = append(s.got, text)
	if s.says != nil {
		return s.says(text)
	}
	return 0
}

// readDocuments reads a body in pieces of the given size, and returns its documents and how complete it is.
func readDocuments(contentType string, f Format, body string, size int, how End, says func(string) Seen) ([]string, Completeness) {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	s := &shelf{says: says}
	var d Documents
	f.Paths = testPaths
	d.Begin(h, f, s)
	for part := range chunks(body, size) {
		for len(part) > 0 {
			n, _ := d.Observe(part)
			part = part[n:]
		}
	}
	if how == EndEOF {
		d.Observe(nil)
	}
	return s.got, d.End(how)
}

var stream = Format{Stream: true, Marks: [][]byte{[]byte(`"usage"`)}, Done: []byte("[DONE]"), Last: []byte(`"finish_reason"`)}

func TestDocuments(t *testing.T) {
	const jsonType, events = "application/json", "text/event-stream"
	one := func(data ...string) (s string) {
		for _, d := range data {
			s += "data: " + d + "\n\n"
		}
		return s
	}
	everything := stream
	everything.Marks = nil
	named := stream
	named.Events = [][]byte{[]byte("error")}
	complete := func(doc string) Seen {
		if doc == "stream=1" {
			return SeenComplete
		}
		return 0
	}
	for _, test := range []struct {
		name, contentType string
		format            Format
		body              string
		how               End
		want              []string
		whole             Completeness
	}{
		{"one document", jsonType, Format{}, `{"model":1,"usage":2}`, EndEOF, []string{"model=1 usage=2"}, Complete},
		{"with parameters", "Application/JSON; charset=utf-8", Format{}, `{"model":1}`, EndEOF, []string{"model=1"}, Complete},
		{"of a JSON type", "application/problem+json", Format{}, `{"model":1}`, EndEOF, []string{"model=1"}, Complete},
		{"without a type", "", Format{}, `{"model":1}`, EndClosed, []string{"model=1"}, Complete},
		{"closed before its end", jsonType, Format{}, `{"model":1`, EndClosed, nil, Incomplete},
		{"cut off", jsonType, Format{}, `{"model":1`, EndEOF, nil, Incomplete},
		{"not JSON", jsonType, Format{}, `<html>`, EndEOF, nil, Complete},
		{"of another type", "text/plain", Format{}, `{"model":1}`, EndClosed, []string{"model=1"}, Complete},
		{"behind a mark and space", jsonType, Format{}, "\xEF\xBB\xBF \r\n{\"model\":1}", EndEOF, []string{"model=1"}, Complete},
		{"and more", jsonType, Format{}, `{"model":1} and more`, EndEOF, []string{"model=1"}, Complete},
		{"another type", "audio/mpeg", Format{}, "ID3", EndEOF, nil, Complete},
		{"another type, closed", "text/html", Format{}, `<html>`, EndClosed, nil, Incomplete},
		{"another type, empty", "text/html", Format{}, ``, EndEOF, nil, Complete},
		{"empty", jsonType, Format{}, ` `, EndEOF, nil, Incomplete},
		{"an array that was not asked for", jsonType, Format{}, `[{"model":1}]`, EndEOF, []string{""}, Complete},

		{"an array", jsonType, stream, `[{"model":1},{"usage":2}]`, EndEOF, []string{"model=1", "usage=2"}, Complete},
		{"an array behind space", jsonType, stream, " \n[{\"model\":1}\n]", EndEOF, []string{"model=1"}, Complete},
		{"an array cut off", jsonType, stream, `[{"model":1},{"usage":2}`, EndEOF, []string{"model=1", "usage=2"}, Incomplete},
		{"a document where a stream was asked for", jsonType, stream, `{"model":1}`, EndEOF, []string{"model=1"}, Complete},
		{"an array of which an element says it", jsonType, stream, `[{"stream":1},{"model":2}`, EndEOF, []string{"stream=1", "model=2"}, Complete},

		{"events", events, stream, one(`{"model":1}`, `{"model":2}`, `{"usage":3}`), EndEOF, []string{"model=1", "usage=3"}, Unmarked},
		{"null is not a mark", events, stream, one(`{"model":1}`, `{"model":2,"usage":null}`), EndEOF, []string{"model=1"}, Unmarked},
		{"without marks", events, everything, one(`{"model":1}`, `{"model":2}`), EndEOF, []string{"model=1", "model=2"}, Unmarked},
		{"a named event", events, named, one(`{"model":1}`) + "event: error\n" + one(`{"model":2}`), EndEOF, []string{"model=1", "model=2"}, Unmarked},
		{"done", events, stream, one(`{"model":1}`, `[DONE]`), EndClosed, []string{"model=1"}, Complete},
		{"the last", events, stream, one(`{"model":1}`, `{"model":2,"usage":1,"finish_reason":"stop"}`), EndClosed, []string{"model=1", "model=2 usage=1"}, Last},
		{"not the last", events, stream, one(`{"model":1,"finish_reason":null}`), EndClosed, []string{"model=1"}, Incomplete},
		{"the handler says it", events, everything, one(`{"model":1}`, `{"stream":1}`), EndClosed, []string{"model=1", "stream=1"}, Complete},
		{"events cut off", events, stream, one(`{"model":1}`), EndError, []string{"model=1"}, Incomplete},
		{"events without a type", "", stream, one(`{"model":1}`), EndEOF, []string{"model=1"}, Unmarked},
		{"events as text", "text/plain; charset=utf-8", stream, one(`{"model":1}`), EndEOF, []string{"model=1"}, Unmarked},
		{"events as JSON", jsonType, stream, one(`{"model":1}`, `{"usage":2}`, `[DONE]`), EndEOF, []string{"model=1", "usage=2"}, Complete},
		{"events as JSON, not asked for", jsonType, Format{}, one(`{"model":1}`), EndEOF, []string{"model=1"}, Unmarked},
		{"events as JSON text", "text/json", stream, one(`{"model":1}`), EndEOF, []string{"model=1"}, Unmarked},
		{"events behind a comment", jsonType, stream, ": wait\n\n" + one(`{"model":1}`), EndEOF, []string{"model=1"}, Unmarked},
		{"events behind a name", jsonType, stream, "event: x\n" + one(`{"model":1}`), EndEOF, []string{"model=1"}, Unmarked},
		{"events behind a mark and space", "", stream, "\xEF\xBB\xBF\r\n " + one(`{"model":1}`), EndEOF, []string{"model=1"}, Unmarked},
		{"an array as events", events, stream, `[{"model":1},{"usage":2}]`, EndEOF, []string{"model=1", "usage=2"}, Complete},
		{"a bare event", events, stream, one(`{"usage":2}`) + "{\"usage\":1}\n\n", EndEOF, []string{"usage=2", "usage=1"}, Unmarked},
		{"a document as events", events, stream, `{"model":1}`, EndEOF, []string{"model=1"}, Complete},
		{"no events", events, stream, ``, EndEOF, nil, Unmarked},
		{"text", "text/plain", stream, `Hello`, EndEOF, nil, Complete},
		{"the last is not read", events, stream, one(`{"model":1}`, `{"finish_reason":"stop"}`), EndClosed, []string{"model=1"}, Incomplete},
		{"the last with an empty value", events, stream, one(`{"model":1,"finish_reason":""}`, `{"usage":2,"finish_reason": ""}`), EndClosed, []string{"model=1", "usage=2"}, Incomplete},
		{"a mark with an empty value", events, stream, one(`{"model":1}`, `{"usage":"" }`), EndEOF, []string{"model=1"}, Unmarked},
		{"a long value", events, stream, one(`{"model":1,"usage":"` + strings.Repeat("x", maxValue) + `"}`), EndEOF, []string{"model=1 usage is long"}, Unmarked},
		{"a long value behind a short one", jsonType, Format{}, `{"usage":3,"usage":"` + strings.Repeat("x", maxValue) + `"}`, EndEOF, []string{"usage=3"}, Complete},
		{"an event that is not an object", events, everything, one(`{"model":1}`, `[{"model":2}]`, `x`, `{"model":3}`), EndEOF, []string{"model=1", "model=3"}, Unmarked},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, whole := readDocuments(test.contentType, test.format, test.body, len(test.body), test.how, complete); !slices.Equal(got, test.want) || whole != test.whole {
				t.Errorf("got %q, %v, want %q, %v", got, whole, test.want, test.whole)
			}
			for _, size := range []int{1, 2, 7, 50} {
				got, whole := readDocuments(test.contentType, test.format, test.body, size, test.how, complete)
				if !slices.Equal(got, test.want) || whole != test.whole {
					t.Errorf("pieces of %d: got %q, %v, want %q, %v", size, got, whole, test.want, test.whole)
				}
			}
		})
	}
}

// A body may be a stream of events until its first byte says that it is none.
func TestDocumentsEvents(t *testing.T) {
	for _, test := range []struct {
		contentType, body string
		asked, is         bool
	}{
		{"text/event-stream", "", false, true},
		{"text/event-stream", "data: ", false, true},
		{"application/json", "", false, false},
		{"application/json", "", true, true},
		{"application/json", " ", true, true},
		{"application/json", "{", true, false},
		{"application/json", " data: ", true, true},
		{"text/html", "<", true, false},
		{"", "[", true, false},
	} {
		var d Documents
		d.Begin(http.Header{"Content-Type": {test.contentType}}, Format{Stream: test.asked}, new(shelf))
		if test.body != "" {
			d.Observe([]byte(test.body))
		}
		if d.Events() != test.is {
			t.Errorf("%q of %q: %v", test.body, test.contentType, d.Events())
		}
	}
}

// An event in the middle of a stream without anything to find allocates nothing.
func TestDocumentsDoNotAllocate(t *testing.T) {
	var d Documents
	d.Begin(http.Header{"Content-Type": {"text/event-stream"}}, stream, new(shelf))
	event := func(i int) []byte {
		return fmt.Appendf(nil, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"delta\":{\"content\":%q}}],\"usage\":null}\n\n", strings.Repeat("x", i))
	}
	for i := range 10 {
		d.Observe(event(i))
	}
	next := event(20)
	if allocs := testing.AllocsPerRun(100, func() { d.Observe(next) }); allocs > 0 {
		t.Errorf("%v allocations for an event", allocs)
	}
}

// The documents of a body, and whether it is complete, do not depend on where the body is split.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(`[{"model":1},{"usage":{}}]`), uint8(0), 3)
	f.Add([]byte("data: {\"model\":1}\n\ndata: {\"usage\":1,\"finish_reason\":\"x\"}\n\ndata: [DONE]\n\n"), uint8(1), 5)
	f.Add([]byte(`{"model":1}`), uint8(2), 1)
	f.Fuzz(func(t *testing.T, body []byte, kind uint8, size int) {
		types := []string{"application/json", "text/event-stream", "", "text/plain"}
		format := stream
		format.Limit, format.Stream = 8, kind&8 == 0
		if kind&16 == 0 {
			format.Marks = nil
		}
		got, complete := readDocuments(types[kind%4], format, string(body), max(1, len(body)), EndEOF, nil)
		split, splitComplete := readDocuments(types[kind%4], format, string(body), size&63+1, EndEOF, nil)
		if !slices.Equal(got, split) || complete != splitComplete {
			t.Fatalf("%q: %q, %v; in pieces of %d %q, %v", body, got, complete, size&63+1, split, splitComplete)
		}
	})
}

// Names that are empty, from a Format of the program's own, match nothing.
func TestDocumentsWithEmptyNames(t *testing.T) {
	for name, f := range map[string]Format{
		"last":  {Last: []byte{}},
		"marks": {Marks: [][]byte{nil, {'"'}, []byte(`""`)}},
	} {
		f.Paths, f.Stream = MustPaths("a"), true
		var d Documents
		d.Begin(http.Header{"Content-Type": {"text/event-stream"}}, f, noDocuments{})
		for p := []byte("data: {\"a\":1}\n\ndata: {\"a\":2}\n\ndata: {\"a\":3}\n\n"); len(p) > 0; {
			n, _ := d.Observe(p)
			p = p[n:]
		}
		if got := d.End(EndEOF); got == Complete {
			t.Errorf("%s: the stream counts as complete", name)
		}
	}
}

type noDocuments struct{}

func (noDocuments) Document(*Fields) Seen { return 0 }
