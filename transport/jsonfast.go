package transport

import (
	"encoding/binary"
	"math/bits"
)

// tryWhole reads p as a whole document, as an answer often comes; if it is none, nothing has happened. The values found
// share p until they are detached.
func (s *Scanner) tryWhole(p []byte) bool {
	if p[len(p)-1] != '}' && p[len(p)-1] != '\n' {
		return false
	}
	paths, limit := s.paths, s.limit
	s.src = p
	if s.whole(p) && s.within(limit) {
		s.off = len(p)
		return true
	}
	s.Reset(paths, limit)
	return false
}

// detach copies the values that still share the document.
func (s *Scanner) detach() {
	if s.src == nil {
		return
	}
	for i := range s.members {
		m := &s.members[i]
		m.from = int32(len(s.copied))
		s.copied = append(s.copied, s.src[m.value:m.end]...)
		m.to = int32(len(s.copied))
	}
	s.src = nil
}

// within reports whether no value found is longer than the limit.
func (s *Scanner) within(limit int) bool {
	for i := range s.members {
		if int(s.members[i].end-s.members[i].value) > limit {
			return false
		}
	}
	return true
}

// whole reads a document that is all there: what [Scanner.Write] does, at a few times its speed, as what nobody watches
// is skipped in a tight loop. It reports false where the document is not a valid object, or is in some way out of the
// ordinary; Write then finds out what is wrong with it, if anything. The Scanner must have been reset.
func (s *Scanner) whole(p []byte) bool {
	i := skipSpace(p, 0)
	if i == len(p) || p[i] != '{' {
		return false
	}
	if s.enterObject(i, 0); s.level == 0 {
		return false
	}
	first := true // in the object that i is in
	i++
	for {
		if i = skipSpace(p, i); i == len(p) {
			return false
		}
		if !first || p[i] != '}' {
			entered := false
			if i, entered = s.wholeMember(p, i); i < 0 {
				return false
			}
			if first = entered; entered {
				continue
			}
		}
		// A member has ended, or an empty object is about to.
		for {
			if i = skipSpace(p, i); i == len(p) {
				return false
			}
			if p[i] == ',' && !first {
				s.commas[s.level-1] = i
				i++
				break
			}
			if p[i] != '}' {
				return false
			}
			i++
			first = false
			if s.level--; s.level == 0 {
				s.count = s.ords[0]
				s.state = scanDone
				return skipSpace(p, i) == len(p)
			}
		}
	}
}

// wholeMember reads the member whose key begins at p[i], and returns the index after it. If its value is an object that
// is watched too, it returns the index after the object's brace, and true. The index is -1 if the member is not valid.
func (s *Scanner) wholeMember(p []byte, i int) (after int, entered bool) {
	if p[i] != '"' {
		return -1, false
	}
	s.noteKey(i)
	end, escaped := keyEnd(p, i+1)
	if end < 0 {
		return -1, false
	}
	key := p[i+1 : end]
	if escaped {
		s.hits = s.matchKey(key)
	} else {
		s.hits = s.paths.match(s.masks[s.level-1], s.level-1, key)
	}
	if i = skipColon(p, end+1); i < 0 {
		return -1, false
	}
	if s.hits == 0 {
		if i < len(p) && p[i] >= '1' && p[i] <= '9' && s.strays(key) {
			s.stray = string(key)
		}
		return skipValue(p, i), false
	}
	if s.startMember(i, p[i]); s.state == scanFailed {
		return -1, false
	}
	if s.active == 0 && p[i] == '{' {
		level := s.level
		if s.enterObject(i, level); s.level > level {
			return i + 1, true
		}
	}
	if i = skipValue(p, i); i >= 0 && s.active > 0 {
		s.endMember(i, true)
	}
	return i, false
}

// keyEnd is stringEnd for a key, which is short as a rule. It also reports whether the key holds an escape.
func keyEnd(p []byte, i int) (end int, escaped bool) {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(p); i += 8 {
		w := binary.LittleEndian.Uint64(p[i:])
		q, b := w^ones*'"', w^ones*'\\'
		if hit := ((q-ones)&^q | (b-ones)&^b) & tops; hit != 0 {
			if i += bits.TrailingZeros64(hit) >> 3; p[i] == '"' {
				return i, false
			}
			return stringEnd(p, i), true
		}
	}
	for ; i < len(p); i++ {
		switch p[i] {
		case '"':
			return i, false
		case '\\':
			return stringEnd(p, i), true
		}
	}
	return -1, false
}

// skipColon returns the index of the value behind the colon that comes next; -1 if there is no colon, or nothing behind.
func skipColon(p []byte, i int) int {
	if i = skipSpace(p, i); i == len(p) || p[i] != ':' {
		return -1
	}
	if i = skipSpace(p, i+1); i == len(p) {
		return -1
	}
	return i
}

// skipValue returns the index after the value that begins at p[i]; -1 if it is not valid, or nests deeper than 64.
func skipValue(p []byte, i int) int {
	switch c := p[i]; c {
	case '"':
		if i = stringEnd(p, i+1); i < 0 {
			return -1
		}
		return i + 1
	case '{', '[':
		return skipContainer(p, i)
	case 't':
		return skipWord(p, i, "true")
	case 'f':
		return skipWord(p, i, "false")
	case 'n':
		return skipWord(p, i, "null")
	}
	return skipNumber(p, i)
}

func skipWord(p []byte, i int, word string) int {
	if len(p)-i < len(word) || string(p[i:i+len(word)]) != word {
		return -1
	}
	return i + len(word)
}

// skipContainer returns the index after the object or array that begins at p[i]; -1 if it is not valid.
func skipContainer(p []byte, i int) int {
	var objects uint64 // one bit a level: it is an object
	depth := 0
	for i < len(p) {
		// At p[i] a value begins.
		if c := p[i]; c == '{' || c == '[' {
			if depth == 64 {
				return -1
			}
			objects = objects<<1 | uint64(c>>5&1)
			depth++
			if i = skipSpace(p, i+1); i == len(p) {
				return -1
			}
			if p[i] != c+2 {
				if c == '{' {
					if i = skipKey(p, i); i < 0 {
						return -1
					}
				}
				continue
			}
			// An empty one: its bracket is dealt with below.
		} else if i = skipValue(p, i); i < 0 {
			return -1
		}
		// A value has ended, or an empty container is about to.
		for {
			if i = skipSpace(p, i); i == len(p) {
				return -1
			}
			c := p[i]
			if c == ',' {
				break
			}
			if c != ']'+byte(objects&1)<<5 {
				return -1
			}
			i++
			objects >>= 1
			if depth--; depth == 0 {
				return i
			}
		}
		if i = skipSpace(p, i+1); i == len(p) {
			return -1
		}
		if objects&1 != 0 {
			if i = skipKey(p, i); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// skipKey returns the index of the value whose key begins at p[i]; -1 if that is not valid.
func skipKey(p []byte, i int) int {
	if p[i] != '"' {
		return -1
	}
	end, _ := keyEnd(p, i+1)
	if end < 0 {
		return -1
	}
	return skipColon(p, end+1)
}

func skipSpace(p []byte, i int) int {
	for i < len(p) && p[i] <= ' ' && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t') {
		i++
	}
	return i
}

// skipNumber returns the index after the number that begins at p[i]; -1 if none does.
func skipNumber(p []byte, i int) int {
	if i < len(p) && p[i] == '-' {
		i++
	}
	if i < len(p) && p[i] == '0' {
		i++
	} else if i = skipDigits(p, i); i < 0 {
		return -1
	}
	if i < len(p) && p[i] == '.' {
		if i = skipDigits(p, i+1); i < 0 {
			return -1
		}
	}
	if i < len(p) && p[i]|0x20 == 'e' {
		i++
		if i < len(p) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		return skipDigits(p, i)
	}
	return i
}

// skipDigits returns the index after the digits that begin at p[i]; -1 if there is none.
func skipDigits(p []byte, i int) int {
	start := i
	for i < len(p) && p[i]-'0' <= 9 {
		i++
	}
	if i == start {
		return -1
	}
	return i
}
