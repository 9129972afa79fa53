package transport

import "bytes"

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
		if named(data, colon, names) && !null(data[i:]) {
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

// null reports whether the value that begins in data, perhaps after white space, is null.
func null(data []byte) bool {
	data = trimLeft(data)
	return len(data) >= 4 && string(data[:4]) == "null"
}

func trimLeft(data []byte) []byte {
	for len(data) > 0 && data[0] <= ' ' {
		data = data[1:]
	}
	return data
}

// A memberFinder looks for a member with a value other than null in data that comes in pieces. A piece may end in the
// middle of its name: `..."finishRea` and `son":"STOP"...`. The zero memberFinder is ready.
type memberFinder struct {
	seam  []byte // the end of what came before
	found bool
}

// maxSeam is longer than a name with the beginning of its value and some white space.
const maxSeam = 64

// look looks at the next piece.
func (f *memberFinder) look(piece, name []byte) {
	if f.found {
		return
	}
	f.seam = append(f.seam, piece[:min(len(piece), maxSeam)]...)
	f.found = certain(f.seam, name) || certain(piece, name)
	if len(piece) > maxSeam {
		f.seam = append(f.seam[:0], piece[len(piece)-maxSeam:]...)
	} else if more := len(f.seam) - maxSeam; more > 0 {
		f.seam = f.seam[:copy(f.seam, f.seam[more:])]
	}
}

// certain is marked for one name. It reports false where data ends before the value is known: `"usage":nu` may become null.
func certain(data, name []byte) bool {
	for len(name) > 0 {
		at := bytes.Index(data, name)
		if at < 0 {
			return false
		}
		data = data[at+len(name):]
		rest := trimLeft(data)
		if len(rest) == 0 || rest[0] != ':' {
			continue
		}
		if value := trimLeft(rest[1:]); len(value) >= 4 && string(value[:4]) != "null" {
			return true
		}
	}
	return false
}
