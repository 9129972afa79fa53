package transport

import (
	"bytes"
	"strings"
)

// A prefilter decides, faster than a parser, whether an event of a stream is worth parsing: whether it has a member with
// one of some names (marks) and a value other than null. Most events have none, and differ from the one before only in a
// few characters of text:
//
//	{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"delta":{"content":"Hel"}}],"usage":null}
//	{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"delta":{"content":"lo"}}],"usage":null}
//	|------------------------- head ---------------------------------------------------|   |------ middle ------|
//
// The prefilter remembers two parts that events share and that hold no mark: the head, and the middle, which begins at the
// first closing brace after the head. In an event that has both, it searches only the rest: the text between the two, and
// what follows the middle. In an event that has only the head, it searches everything after it, and in any other the whole
// event. The zero prefilter is ready.
//
// The usage at the end of a stream is found in this way: in
//
//	{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":9}}
//
// the head differs at choices, so the whole event is searched, and the mark "usage" is found with a value.
type prefilter struct {
	head    []byte // what unmarked events begin with; if same is 0, the beginning of the last one
	same    int    // how many bytes of head are shared
	from    int    // where the search goes on after the head: see resume
	middle  []byte // what follows from the first closing brace after the head
	settled bool   // middle is what two events had in common
	on      int    // where the search goes on after the middle, counted from its beginning
}

// maxPrefix is how many bytes of a head or middle are remembered, and minPrefix how many must be shared to be of use.
const (
	maxPrefix = 512
	minPrefix = 16
)

// marked reports whether data has a member of one of the names, each in quotes, with a value other than null. A member may
// begin in a shared part and have its value after it: see resume.
func (g *prefilter) marked(data []byte, names [][]byte) bool {
	if g.same == 0 || len(data) < g.same || string(data[:g.same]) != string(g.head[:g.same]) {
		if marked(data, 0, names) {
			return true
		}
		g.learnHead(data, names)
		return false
	}
	brace := bytes.IndexByte(data[g.same:], '}')
	if brace < 0 {
		return marked(data, g.from, names)
	}
	brace += g.same
	// The middle begins at the brace in every event, however long the text before it is.
	if g.settled && len(data)-brace >= len(g.middle) && string(data[brace:brace+len(g.middle)]) == string(g.middle) {
		return marked(data[:brace], g.from, names) || marked(data, brace+g.on, names)
	}
	if marked(data, g.from, names) {
		return true
	}
	g.learnMiddle(data[brace:], names)
	return false
}

// learnHead remembers what an unmarked event begins with: what it has in common with the one before, if that is enough.
func (g *prefilter) learnHead(data []byte, names [][]byte) {
	data = data[:min(len(data), maxPrefix)]
	n := common(data, g.head)
	colon := bytes.LastIndexByte(data[:n], ':')
	if n < minPrefix || colon < 0 {
		g.head, g.same = append(g.head[:0], data...), 0
		return
	}
	g.same, g.from = n, resume(data, colon, names)
}

// learnMiddle remembers a middle in the same way. A middle that two events had in common stays.
func (g *prefilter) learnMiddle(data []byte, names [][]byte) {
	data = data[:min(len(data), maxPrefix)]
	n := common(data, g.middle)
	colon := bytes.LastIndexByte(data[:n], ':')
	switch {
	case n >= minPrefix && colon >= 0:
		g.middle, g.on, g.settled = g.middle[:n], resume(data, colon, names), true
	case !g.settled:
		g.middle = append(g.middle[:0], data...)
	}
}

// common returns the length of the longest common prefix of a and b.
func common(a, b []byte) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// resume returns where the search goes on after a shared part, given its last colon. The member of any earlier colon has
// shown in the shared part that its value is null or its name is no mark. The last member may end in the rest of the event:
// of `"usage":` the next event may have another value. So if its name is a mark, the search goes on at the colon itself,
// and else after it.
func resume(data []byte, colon int, names [][]byte) int {
	if named(data, colon, names) {
		return colon
	}
	return colon + 1
}

// marked is [prefilter.marked] without a memory, for data from an index on. It searches for colons: a document has fewer of
// them than of quotes.
func marked(data []byte, from int, names [][]byte) bool {
	for i := from; ; {
		colon := bytes.IndexByte(data[i:], ':')
		if colon < 0 {
			return false
		}
		colon += i
		i = colon + 1
		if named(data, colon, names) && !empty(data[i:]) {
			return true
		}
	}
}

// named reports whether one of the names stands before a colon.
func named(data []byte, colon int, names [][]byte) bool {
	for colon > 0 && data[colon-1] <= ' ' {
		colon--
	}
	if colon < 3 || data[colon-1] != '"' {
		return false
	}
	last := data[colon-2]
	for _, name := range names {
		if len(name) > 2 && last == name[len(name)-2] && len(name) <= colon && string(data[colon-len(name):colon]) == string(name) {
			return true
		}
	}
	return false
}

// empty reports whether the value that begins in data, perhaps after white space, is null or "".
func empty(data []byte) bool {
	data = trimLeft(data)
	return len(data) >= 4 && string(data[:4]) == "null" || len(data) >= 2 && string(data[:2]) == `""`
}

func trimLeft(data []byte) []byte {
	for len(data) > 0 && data[0] <= ' ' {
		data = data[1:]
	}
	return data
}

// A memberFinder does what marked does for data that comes in pieces. A piece may end in the middle of a name, or of a
// value: `..."finishRea` and `son":"STOP"...`. The zero memberFinder is ready.
type memberFinder struct {
	tail  [maxSeam]byte // the end of what came before
	n     int           // of tail
	open  bool          // a member was found whose value may still become null or ""
	value [4]byte       // the beginning of that value
	got   int           // of value
	found bool
}

// maxSeam is longer than a name with some white space.
const maxSeam = 64

// look looks at the next piece for a member of one of the names.
func (f *memberFinder) look(piece []byte, names [][]byte) {
	if f.found {
		return
	}
	if f.open {
		f.decide(piece)
	}
	for i := 0; !f.found; {
		colon := bytes.IndexByte(piece[i:], ':')
		if colon < 0 {
			break
		}
		i += colon + 1
		if f.named(piece[:i], names) {
			f.open, f.got = true, 0
			f.decide(piece[i:])
		}
	}
	if len(piece) >= maxSeam {
		f.n = copy(f.tail[:], piece[len(piece)-maxSeam:])
		return
	}
	if more := f.n + len(piece) - maxSeam; more > 0 {
		f.n = copy(f.tail[:], f.tail[more:f.n])
	}
	f.n += copy(f.tail[f.n:], piece)
}

// named reports whether one of the names stands before the colon in which a part of the piece ends.
func (f *memberFinder) named(part []byte, names [][]byte) bool {
	if len(part) > maxSeam {
		return named(part, len(part)-1, names)
	}
	var seam [2 * maxSeam]byte
	n := copy(seam[:], f.tail[:f.n])
	n += copy(seam[n:], part)
	return named(seam[:n], n-1, names)
}

// decide reads on in the value of a member.
func (f *memberFinder) decide(data []byte) {
	for _, c := range data {
		if f.got == 0 && c <= ' ' {
			continue
		}
		f.value[f.got] = c
		f.got++
		switch value := string(f.value[:f.got]); {
		case value == "null", value == `""`:
			f.open = false
			return
		case !strings.HasPrefix("null", value) && !strings.HasPrefix(`""`, value):
			f.open, f.found = false, true
			return
		}
	}
}

// end reports whether such a member was found. A value that the data ended in counts, as in marked.
func (f *memberFinder) end() bool { return f.found || f.open }
