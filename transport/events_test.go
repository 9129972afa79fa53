package transport

import (
	"slices"
	"strings"
	"testing"
)

// A recorder writes down the events that it is given.
type recorder struct {
	got    []string
	pieces strings.Builder
	hide   func(data string) bool
}

func (r *recorder) add(name []byte, data string) Seen {
	r.got = append(r.got, string(name)+":"+data)
	seen := Seen(0)
	if r.hide != nil && r.hide(data) {
		seen |= SeenHide
	}
	if data == "[DONE]" {
		seen |= SeenComplete
	}
	return seen
}

func (r *recorder) event(name, data []byte) Seen { return r.add(name, string(data)) }
func (r *recorder) piece(data []byte)            { r.pieces.Write(data) }
func (r *recorder) endPieces(name []byte) Seen {
	data := r.pieces.String()
	r.pieces.Reset()
	return r.add(name, data)
}

// readEvents feeds the stream in pieces of the given sizes, repeated.
func readEvents(stream string, sizes ...int) []string {
	var r recorder
	e := events{handler: &r}
	for i := 0; len(stream) > 0; i++ {
		n := min(max(1, sizes[i%len(sizes)]), len(stream))
		for part := []byte(stream[:n]); len(part) > 0; {
			took, _ := e.Observe(part)
			part = part[took:]
		}
		stream = stream[n:]
	}
	e.Observe(nil)
	return r.got
}

var eventTests = []struct {
	name, stream string
	want         []string
}{
	{"LF", "data: a\n\ndata: b\n\n", []string{":a", ":b"}},
	{"CRLF", "data: a\r\n\r\ndata: b\r\n\r\n", []string{":a", ":b"}},
	{"CR", "data: a\r\rdata: b\r\r", []string{":a", ":b"}},
	{"mixed", "data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", []string{":a", ":b", ":c"}},
	{"no space", "data:a\n\n", []string{":a"}},
	{"only one space goes", "data:  a \n\n", []string{": a "}},
	{"several lines", "data: a\ndata: b\ndata:c\n\n", []string{":a\nb\nc"}},
	{"empty lines of data", "data:\ndata:\n\n", []string{":\n"}},
	{"data without a colon", "data\n\n", []string{":"}},
	{"names", "event: x\ndata: a\n\ndata: b\nevent: y\n\n", []string{"x:a", "y:b"}},
	{"the last name counts", "event: x\nevent: y\ndata: a\n\n", []string{"y:a"}},
	{"comments", ": hello\n\n:\ndata: a\n: there\n\n", []string{":a"}},
	{"other fields", "id: 1\nretry: 5\ndata: a\nnonsense\n\n", []string{":a"}},
	{"nearly fields", "dat: x\ndatas: x\n data: x\nevents: x\ndata: a\n\n", []string{":a"}},
	{"mark in the middle is none", "data: a\n\n\xEF\xBB\xBFdata: b\n\n", []string{":a"}},
	{"no blank line at the end", "data: a\n\ndata: b\n", []string{":a", ":b"}},
	{"no line end at the end", "data: a\n\ndata: b", []string{":a", ":b"}},
	{"blank lines", "\n\n\ndata: a\n\n\n\n", []string{":a"}},
	{"empty", "", nil},
}

func TestEvents(t *testing.T) {
	for _, test := range eventTests {
		t.Run(test.name, func(t *testing.T) {
			if got := readEvents(test.stream, len(test.stream)); !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			for at := 1; at < len(test.stream); at++ {
				if got := readEvents(test.stream, at, len(test.stream)); !slices.Equal(got, test.want) {
					t.Errorf("split at %d: got %q, want %q", at, got, test.want)
				}
			}
			if got := readEvents(test.stream, 1); !slices.Equal(got, test.want) {
				t.Errorf("byte by byte: got %q, want %q", got, test.want)
			}
		})
	}
}

// An event is reported when its end arrives, not later.
func TestEventsAreNotDelayed(t *testing.T) {
	var r recorder
	e := events{handler: &r}
	e.Observe([]byte("data: a\n"))
	if len(r.got) != 0 {
		t.Fatal("reported too early")
	}
	if n, seen := e.Observe([]byte("\ndata: b")); n != 1 || seen != SeenEnd || len(r.got) != 1 {
		t.Errorf("took %d, seen %v, got %q", n, seen, r.got)
	}
}

// A line of any length goes to the handler in pieces: nothing grows with it.
func TestEventsAreBounded(t *testing.T) {
	var r counter
	e := events{handler: &r}
	e.Observe([]byte("data: "))
	chunk := []byte(strings.Repeat("x", 64<<10))
	allocs := testing.AllocsPerRun(100, func() { e.Observe(chunk) })
	if allocs > 0 {
		t.Errorf("%v allocations for a piece of a long line", allocs)
	}
	e.Observe([]byte("\n\n"))
	if r.bytes != int64(len(chunk))*101 || r.ends != 1 {
		t.Errorf("%d bytes, %d ends", r.bytes, r.ends)
	}
}

type counter struct{ bytes, ends int64 }

func (c *counter) event(_, data []byte) Seen  { c.bytes += int64(len(data)); c.ends++; return 0 }
func (c *counter) piece(data []byte)          { c.bytes += int64(len(data)) }
func (c *counter) endPieces(name []byte) Seen { c.ends++; return 0 }

// referenceEvents reads a whole stream line by line, as the standard's own algorithm does.
func referenceEvents(stream string) (got []string) {
	stream = strings.ReplaceAll(stream, "\r\n", "\n")
	stream = strings.ReplaceAll(stream, "\r", "\n")
	name, data, any, bare := "", []string(nil), false, false
	dispatch := func() {
		if any {
			if len(name) > 64 {
				name = name[:64]
			}
			got = append(got, name+":"+strings.Join(data, "\n"))
		}
		name, data, any, bare = "", nil, false, false
	}
	for line := range strings.SplitSeq(stream, "\n") {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			dispatch()
		case bare || !any && line[0] == '{':
			data, any, bare = append(data, line), true, true
		case field == "data":
			data, any = append(data, value), true
		case field == "event":
			name = value
		}
	}
	dispatch()
	return got
}

func FuzzEvents(f *testing.F) {
	for _, test := range eventTests {
		f.Add(test.stream, 1, 7)
	}
	f.Fuzz(func(t *testing.T, stream string, a, b int) {
		want := referenceEvents(stream)
		for _, sizes := range [][]int{{max(1, len(stream))}, {1}, {a&63 + 1, b&1023 + 1}} {
			if got := readEvents(stream, sizes...); !slices.Equal(got, want) {
				t.Fatalf("pieces %v: got %q, want %q", sizes, got, want)
			}
		}
	})
}
