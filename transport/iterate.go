package transport

import "github.com/skinflint-go/skinflint/transport/internal/jsontext"

// Members iterates over the members of a JSON object, and of the objects within it: of
//
//	{"prompt_tokens":9,"details":{"cached_tokens":4},"choices":[{"index":0}]}
//
// over prompt_tokens, details, details.cached_tokens and choices. It is for objects whose members are not all known
// beforehand; [Find] is for those that are. What is more than 8 objects deep, or has a path of more than 128 bytes, is left
// out. A Members made by [MembersOf] is ready for one iteration. It is not safe for concurrent use.
type Members struct {
	doc   []byte
	at    int
	depth int                 // how many objects enclose what comes next
	bases [maxMemberDepth]int // for each of them: the length of its own path
	path  [maxMemberPath]byte
}

const (
	maxMemberDepth = 8
	maxMemberPath  = 128
)

// MembersOf returns the iteration over an object that is valid JSON. Anything else has no members, or only the first of them.
func MembersOf(object []byte) Members {
	m := Members{doc: object}
	if i, c := nextToken(object, 0); c == '{' {
		m.at, m.depth = i+1, 1
	}
	return m
}

// Next returns the next member: its names, joined by dots, and its raw value; of an object only the brace, because its members
// come next. It returns false at the end. The path is valid until the next call; the value is shared with the document.
func (m *Members) Next() (path, value []byte, ok bool) {
	for m.depth > 0 {
		i, c := nextToken(m.doc, m.at)
		switch c {
		case ',':
			m.at = i + 1
		case '}':
			m.at = i + 1
			m.depth--
		case '"':
			if path, value, ok = m.member(i); ok {
				return path, value, true
			}
		default:
			m.depth = 0
		}
	}
	return nil, nil, false
}

// Offset returns the index after the value that Next has returned, in the object.
func (m *Members) Offset() int { return m.at }

// member reads the member whose key begins at doc[i]. It reports false if it is left out.
func (m *Members) member(i int) (path, value []byte, ok bool) {
	n := m.key(i)
	i = m.at
	if m.depth == 0 {
		return nil, nil, false
	}
	if m.doc[i] == '{' && m.depth < maxMemberDepth && n > 0 {
		m.bases[m.depth] = n
		m.depth++
		m.at = i + 1
		return m.path[:n], m.doc[i : i+1 : i+1], true
	}
	if m.at = skipValue(m.doc, i); m.at < 0 {
		m.depth = 0
		return nil, nil, false
	}
	if n == 0 || m.doc[i] == '{' {
		return nil, nil, false
	}
	return m.path[:n], m.doc[i:m.at:m.at], true
}

// key reads the key that begins at doc[i], moves on to its value, and returns the length of the path to it; 0 if that is too
// long.
func (m *Members) key(i int) (length int) {
	end, escaped := keyEnd(m.doc, i+1)
	after := -1
	if end >= 0 {
		after = skipColon(m.doc, end+1)
	}
	if after < 0 {
		m.depth = 0
		return 0
	}
	m.at = after
	key := m.doc[i+1 : end]
	if escaped {
		if text, ok := jsontext.Unescape(key); ok {
			key = text
		}
	}
	n := m.bases[m.depth-1]
	if n > 0 && n < maxMemberPath {
		m.path[n] = '.'
		n++
	}
	if n+len(key) > maxMemberPath {
		return 0
	}
	return n + copy(m.path[n:], key)
}
