package transport

import "io"

var _ io.Writer = (*scanner)(nil)

// Write reads the next piece of the document. It always takes all of p; the error is the first that the document has.
func (s *scanner) Write(p []byte) (int, error) {
	if s.takeWhole(p) {
		s.detach() // p is the caller's again when Write returns
	} else {
		s.read(p, false)
	}
	return len(p), s.err
}

// scan reads a document that the caller keeps, and whose values share src.
func (s *scanner) scan(src []byte, paths *Paths) error {
	s.reset(paths, 0)
	s.src = src
	if len(src) <= maxDocument && s.whole(src) {
		return nil
	}
	s.reset(paths, 0)
	s.src = src
	s.read(src, false)
	return s.close()
}

// takeWhole reads p if it is the whole document, which is how an answer often arrives. Else it reports false and does
// nothing. The values found share p, until they are dropped or detached.
func (s *scanner) takeWhole(p []byte) bool {
	fresh := s.state == wantValue && s.off == 0 && s.depth == 0
	if !fresh || !s.keeps || len(p) < 2 || len(p) > maxDocument || p[len(p)-1] != '}' && p[len(p)-1] != '\n' {
		return false
	}
	paths, limit := s.paths, s.limit
	s.src = p
	if s.whole(p) {
		s.trim(limit)
		s.off = len(p)
		return true
	}
	s.reset(paths, limit)
	return false
}

// detach copies the values that still share the document, as long as they are to be kept.
func (s *scanner) detach() {
	if s.src == nil {
		return
	}
	for i := range s.members {
		m := &s.members[i]
		m.from = int32(len(s.copied))
		if int(m.end-m.value) <= s.limit {
			s.copied = append(s.copied, s.src[m.value:m.end]...)
		}
		m.to = int32(len(s.copied))
	}
	s.src = nil
}

// trim forgets the values that are longer than the limit, as if the document had come in pieces.
func (s *scanner) trim(limit int) {
	long := false
	for i := range s.members {
		long = long || int(s.members[i].end-s.members[i].value) > limit
	}
	if !long {
		return
	}
	s.slots = [maxPaths]uint8{}
	for i := range s.members {
		if m := &s.members[i]; int(m.end-m.value) <= limit {
			s.slots[m.path&(maxPaths-1)] = uint8(i + 1)
		}
	}
}

// whole reads a whole document. It does what Write does at several times the speed, because it skips values that no path
// leads to in a tight loop. It reports false if the document is not a valid object, or is unusual, such as one that nests
// deeply; Write then finds out what is wrong with it, if anything. The scanner must have been reset.
func (s *scanner) whole(p []byte) bool {
	i, c := nextToken(p, 0)
	if c != '{' {
		return false
	}
	if s.enterObject(i, 0); s.level == 0 {
		return false
	}
	first := true // no member of the object around i has been read
	i++
	for {
		i, c = nextToken(p, i)
		if !first || c != '}' {
			if i, first = s.wholeMember(p, i); i < 0 {
				return false
			}
			if first {
				continue
			}
		}
		// A member has ended, or an empty object is about to.
		for {
			if i, c = nextToken(p, i); c == ',' && !first {
				s.commas[s.level-1] = i
				i++
				break
			}
			if c != '}' {
				return false
			}
			i++
			first = false
			if s.leaveObject(); s.level == 0 {
				s.state = scanDone
				return skipSpace(p, i) == len(p)
			}
		}
	}
}

// wholeMember reads the member whose key begins at p[i], and returns the index after it. If its value is an object that a
// path leads through, it returns the index after the object's brace, and true. The index is -1 if the member is not valid.
func (s *scanner) wholeMember(p []byte, i int) (after int, entered bool) {
	if i == len(p) || p[i] != '"' {
		return -1, false
	}
	keyAt := i
	s.noteKey(keyAt)
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
		if positive(p[i]) && s.notable(key) {
			s.unknown = string(key)
		}
		return skipValue(p, i), false
	}
	return s.wholeValue(p, keyAt, i)
}

// wholeValue reads the value at p[i], to which a watched path leads. It returns what wholeMember returns.
func (s *scanner) wholeValue(p []byte, keyAt, i int) (after int, entered bool) {
	if !s.startMember(keyAt, i, s.level, p[i]) {
		return -1, false
	}
	if s.active == 0 && p[i] == '{' {
		level := s.level
		if s.enterObject(i, level); s.level > level {
			return i + 1, true
		}
	}
	if s.inside > 0 {
		i = s.wholeElements(p, i)
	} else {
		i = skipValue(p, i)
	}
	if i >= 0 && s.active > 0 {
		s.endMember(i, true)
	}
	return i, false
}

// wholeElements locates the elements of the array that begins at p[i], and returns the index after it; -1 if it is not
// valid.
func (s *scanner) wholeElements(p []byte, i int) int {
	i, c := nextToken(p, i+1)
	if c == ']' {
		return i + 1
	}
	for i < len(p) {
		s.elements.start(i)
		if i = skipValue(p, i); i < 0 {
			return -1
		}
		s.elements.end(i)
		if i, c = nextToken(p, i); c == ']' {
			return i + 1
		}
		if c != ',' {
			return -1
		}
		i = skipSpace(p, i+1)
	}
	return -1
}
