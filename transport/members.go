package transport

import (
	"bytes"
	"math/bits"

	"github.com/skinflint-go/skinflint/transport/internal/jsontext"
)

// A matcher follows the keys of a document along the watched paths, and notes the members at their ends in its Fields. One
// of two parsers drives it: [scanner.Write], which sees the document in pieces, or [scanner.whole], which sees all of it.
// All offsets count from the document's first byte.
//
// It keeps a stack of the objects that a watched path leads through. In
//
//	{"id":"x","response":{"usage":{"n":1}}}
//
// with the path response.usage, the stack holds the document's own object at level 0, and that of response at level 1;
// the value of usage is the active member.
type matcher struct {
	Fields

	level  int                // how many enclosing objects are on the stack
	masks  [maxPathLen]uint64 // for each of them: the paths that lead to it
	ords   [maxPathLen]int    // how many members have begun in it
	commas [maxPathLen]int    // the last comma in it
	lasts  [maxPathLen]int    // index+1 in members of its last member, until the key after it
	hits   uint64             // the paths that the last key of the innermost one continues
	active int                // index+1 in members of the value being read
	inside int                // the depth of the elements to locate, while their array is being read; else 0
}

// reset forgets the document and keeps the memory for the next one.
func (m *matcher) reset(paths *Paths) {
	copied, members, ranges := m.copied[:0], m.members[:0], m.elements.ranges[:0]
	m.Fields = Fields{paths: paths, copied: copied, members: members, elements: elements{ranges: ranges}, open: -1}
	m.level, m.hits, m.active, m.inside = 0, 0, 0, 0
}

// enterObject puts the object that begins at the offset on the stack if it is the document itself, or the value of a key
// that a watched path goes on from.
func (m *matcher) enterObject(offset, depth int) {
	if m.paths == nil || m.active > 0 {
		return
	}
	mask := m.hits
	if depth == 0 {
		mask, m.open = m.paths.all, offset
	}
	if mask != 0 && m.level < m.paths.deep {
		m.masks[m.level], m.ords[m.level], m.commas[m.level], m.lasts[m.level] = mask, 0, -1, 0
		m.level++
	}
}

// leaveObject takes the innermost object from the stack.
func (m *matcher) leaveObject() {
	if m.level--; m.level == 0 {
		m.count = m.ords[0]
	}
}

// noteKey counts a key of the innermost object, which begins at the offset.
func (m *matcher) noteKey(offset int) {
	at := m.level - 1
	m.ords[at]++
	if last := m.lasts[at]; last > 0 {
		m.members[last-1].next = int32(offset)
		m.lasts[at] = 0
	}
}

// matchKey returns which paths a key of the innermost object continues, given what stands between its quotes.
func (m *matcher) matchKey(key []byte) uint64 {
	at := m.level - 1
	if bytes.IndexByte(key, '\\') < 0 {
		return m.paths.match(m.masks[at], at, key)
	}
	text, ok := jsontext.Unescape(key)
	if !ok {
		return 0
	}
	return m.paths.match(m.masks[at], at, text)
}

// startMember notes the value at an offset, which begins with c, if the key before it ends a watched path. It reports false
// if there are too many.
func (m *matcher) startMember(keyAt, offset, depth int, c byte) bool {
	at := m.level - 1
	if c == '{' && m.hits&m.paths.leads[at] != 0 {
		return true // a longer path leads on through it
	}
	hit := m.hits & m.paths.ends[at]
	if hit == 0 {
		return true
	}
	if len(m.members) == maxMembers {
		return false
	}
	path := bits.TrailingZeros64(hit)
	m.seen |= 1 << path
	m.members = append(m.members, member{
		path: uint8(path), key: int32(keyAt), value: int32(offset), comma: int32(m.commas[at]), next: -1,
		ord: int32(m.ords[at] - 1), from: int32(len(m.copied)),
	})
	m.active = len(m.members)
	m.lasts[at] = m.active
	if path+1 == m.paths.array {
		if m.elements.begin(m.active); c == '[' {
			m.inside = depth + 1
		}
	}
	return true
}

// endMember notes that the value being read ends before the offset, and whether it was kept.
func (m *matcher) endMember(end int, kept bool) {
	f := &m.members[m.active-1]
	f.end = int32(end)
	if kept {
		m.slots[f.path&(maxPaths-1)] = uint8(m.active)
	}
	if m.inside > 0 {
		m.inside, m.elements.known = 0, !m.elements.long
	}
	m.active = 0
}

// notable reports whether a key that continues no path is the unknown field to note, if its value is a positive number.
func (m *matcher) notable(key []byte) bool {
	at := m.level - 1
	return m.paths.unknown != nil && len(key) <= maxKey && m.masks[at]&m.paths.under[at] != 0 && m.unknown == "" && m.paths.unknown(key)
}

// positive reports whether a value that begins with c is a number above zero, as counts are written: 0.5 is left out.
func positive(c byte) bool { return c >= '1' && c <= '9' }
