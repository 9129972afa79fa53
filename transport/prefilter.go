package transport

import "bytes"

// A prefilter says, faster than parsing, whether an event of a stream is worth parsing: whether it has a member with one
// of some names (marks), and a value other than null. Most events have none, and differ from the one before only by a
// word and some padding:
//
//	{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"delta":{"content":"Hel"}}],"usage":null}
//	{"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"delta":{"content":"lo"}}],"usage":null}
//	|------------------------- head ---------------------------------------------------|   |------ middle ------|
//
// So it remembers the head that events share, and the middle that they share from the first brace behind it (the word
// has none, as a rule), and knows of both that they hold no mark. Of an event that begins like that it looks only at what
// lies between, and behind. Where that is not so, it looks at all of it. The zero prefilter is ready.
type prefilter struct {
	head    []byte // what unmarked events begin with; or the whole of the last one, if same is 0
	same    int    // how much of it others share
	from    int    // where to look on behind it, see resume
	middle  []byte // what follows from the first brace behind it
	settled bool   // the middle is what two events had in common
	on      int    // where to look on behind it
}

// maxPrefix is how much of an event is remembered, and minPrefix how much must be shared to be of use.
const (
	maxPrefix = 512
	minPrefix = 16
)

// marked reports whether data has a member of one of the names, each in quotes, with a value other than null. Behind what is
// known not to be marked it looks again from the last colon on at most: a member that begins before that has its value, or
// enough of it, before it, too.
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
	if g.settled && len(data)-brace >= len(g.middle) && string(data[brace:brace+len(g.middle)]) == string(g.middle) {
		return marked(data[:brace], g.from, names) || marked(data, brace+g.on, names)
	}
	if marked(data, g.from, names) {
		return true
	}
	g.learnMiddle(data[brace:], names)
	return false
}

// learnHead remembers the beginning of an event that is not marked, as far as it is that of the one before.
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

// learnMiddle does the same from the brace on.
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

// common returns how many bytes a and b begin with alike.
func common(a, b []byte) (n int) {
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// resume returns where to look on behind something whose last colon is known: at that colon if one of the names stands
// before it, as its value may be another the next time; else behind it.
func resume(data []byte, colon int, names [][]byte) int {
	if named(data, colon, names) {
		return colon
	}
	return colon + 1
}

// marked is [prefilter.marked] for what follows from an index on. It looks at colons, of which a document has fewer than of
// anything else that a name could be found by.
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

// null reports whether a value that begins in data, perhaps behind white space, is null.
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

// A memberFinder looks for a member with a value other than null in data that comes in pieces, of which one may end in
// the middle of its name: `..."finishRea` and `son":"STOP"...`. The zero memberFinder is ready.
type memberFinder struct {
	seam  []byte // the end of what came before
	found bool
}

// maxSeam is longer than a name, and the beginning of its value with some white space around.
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

// certain is marked for one name, but where the value is cut off there it reports false.
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
